"""Products as they are at the cut, as far as they are compared with customers; and the price level of customers."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from features.as_of import known_before
from features.browsed import with_product_no
from features.facts import Facts
from features.families import price
from features.families.garment_lines import as_name, plain
from features.product_versions import versions_at_cut

COLUMNS = ("category", "product_type", "style", "colour", "size", "in_stock", "list_price")


def product_facts(facts: Facts) -> DataFrame:
    """product_no, _pctl (see `with_price_percentile`), _style, _colour, _size, _product_type, _in_stock. Kept."""
    return facts.kept("product_facts", lambda: as_product_facts(facts))


def as_product_facts(facts: Facts) -> DataFrame:
    """One row per product known before the cut."""
    products = versions_at_cut(facts.tables["products"], COLUMNS, facts.as_of)
    prices = unit_prices(facts).join(products, "product_id", how="right")
    cents = F.coalesce(F.when(F.col("list_price") > 0, (F.col("list_price") * 100).cast("bigint")), F.col("_sold"))
    ranked = with_price_percentile(prices.withColumn("unit_cents", cents), price.price_percentiles(facts))
    return with_product_no(facts, ranked).select(
        "product_no",
        "_pctl",
        as_name("style").alias("_style"),
        as_name("colour").alias("_colour"),
        plain("size").alias("_size"),
        F.coalesce(plain("product_type"), plain("category")).alias("_product_type"),
        F.col("in_stock").alias("_in_stock"),
    )


def unit_prices(facts: Facts) -> DataFrame:
    """product_id, _sold: mean shelf price of a unit in cents over 365 days, for products that state no price."""
    known = known_before(facts.tables["transactions"], facts.as_of)
    recent = known.where(F.col("event_ts") >= F.lit(facts.as_of.plus(-365).ts))
    cents, units = (F.sum("list_amount") * 100).cast("bigint"), F.sum("quantity")
    priced = recent.where((F.col("list_amount") > 0) & (F.col("quantity") > 0))
    return priced.groupBy("product_id").agg(F.floor((cents * 2 + units) / (units * 2)).cast("bigint").alias("_sold"))


def with_price_percentile(products: DataFrame, percentiles: DataFrame) -> DataFrame:
    """Adds `_pctl` to products (category, unit_cents): the percentile of the dearest price sold that is not above it.

    Percentiles are `as_price_percentiles`. 0 for a product cheaper than all that was sold in its category, null where
    nothing was sold or the product has no price or no category.
    """
    sold = percentiles.select("category", "unit_cents", "pctl")
    placed = products.where(F.col("unit_cents").isNotNull() & F.col("category").isNotNull())
    asked = (
        placed.select("category", "unit_cents")
        .groupBy("category", "unit_cents")
        .agg(F.lit(None).cast("double").alias("pctl"))
    )
    both = sold.unionByName(asked)
    # the default frame of an ordered window: up to the row, its equals included
    up_to = (
        Window.partitionBy("category").orderBy("unit_cents").rangeBetween(Window.unboundedPreceding, Window.currentRow)
    )
    reached = F.max("pctl").over(up_to)
    any_sold = F.max("pctl").over(Window.partitionBy("category")).isNotNull()
    found = both.select("category", "unit_cents", F.when(any_sold, F.coalesce(reached, F.lit(0.0))).alias("_pctl"))
    found = found.groupBy("category", "unit_cents").agg(F.max("_pctl").alias("_pctl"))
    return found.join(products, ["category", "unit_cents"], how="right")


def customer_price_levels(facts: Facts) -> DataFrame:
    """customer_no, _price_level: `price_pctl_mean` of the wide row."""
    found = price.price_band_features(facts.numbered_lines, price.price_percentiles(facts))
    return found.select("customer_no", F.col("price_pctl_mean").alias("_price_level"))
