"""Family P: the companion of what a customer did with a product, and how it suits her. For the ranker.

The table lists the pairs with a purchase in 365 days, or a view or a cart in 30, of products described before the
cut: of a product that she did nothing with there is nothing to say that is not in other tables. `with_pair_features`
adds the same columns to any pairs, such as the candidates of a recommender at a cut.

Not here: 165 life_event_match (offers state no life events that they suit, so there is nothing to match the
customer's with), 166 als_score and 167 itemcf_score (fitted models; the ranker has them as its own inputs).

162 and 163 are products of share vectors: a product has one style and one colour, so the product is her share of
lines in these.
"""

from __future__ import annotations

from functools import partial, reduce

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.browsed import (
    numbered_log,
    product_numbers,
    product_views,
    with_customer_ids,
    with_days_ago,
    with_product_no,
)
from features.contract import Column
from features.definitions import FeatureDef
from features.facts import Facts
from features.families.colour_features import as_attribute_counts, colour_counts
from features.families.garment_lines import garment_lines
from features.families.product_facts import customer_price_levels, product_facts
from features.families.size_features import customer_sizes
from features.feature_contract import feature_contract
from features.rounding import rounded
from features.windows import ratio

FAMILY = "product of a customer"
NEEDS: tuple[str, ...] = ()
COUNTS = ("ui_views_30", "ui_carts_30", "ui_buys_30", "ui_buys_365")
YEAR = "last 365 days"
SHELF = ("transactions.list_amount", "products.category")
Def = partial(FeatureDef, family=FAMILY)
Count = partial(Def, kind="int", default="0", low=0)

DEFINITIONS: tuple[FeatureDef, ...] = (
    Count("ui_views_30", 159, definition="page views", sources=("browsing",), window="last 30 days"),
    Count("ui_carts_30", 159, definition="times put into the cart", sources=("cart_events",), window="last 30 days"),
    Count("ui_buys_30", 159, definition="order lines", window="last 30 days"),
    Count("ui_buys_365", 159, definition="order lines", window=YEAR),
    Def(
        "ui_days_since",
        160,
        kind="int",
        definition="days from the last of these to the cut",
        window="365 days, views and carts 30",
        low=1,
    ),
    Def(
        "price_gap",
        161,
        kind="double",
        definition="percentile of the product's price in its category less the customer's price_pctl_mean",
        sources=SHELF,
        window=YEAR,
        low=-1,
        high=1,
        leak_note="reference prices are lines of the same snapshot; the product's price is that of the cut",
    ),
    Def(
        "style_match",
        162,
        kind="double",
        definition="customer's share of lines in the product's style, of lines with a style",
        sources=("transactions", "products.style"),
        window=YEAR,
        low=0,
        high=1,
    ),
    Def(
        "colour_match",
        163,
        kind="double",
        definition="customer's share of lines in the product's colour, of lines with a colour",
        sources=("transactions", "products.colour"),
        window=YEAR,
        low=0,
        high=1,
    ),
    Def(
        "size_in_stock",
        164,
        kind="int",
        definition="1 if in stock and of her size_mode for its type, 0 if not; null where a size or stock is unknown",
        sources=("transactions", "products.size", "products.in_stock"),
        window="last 730 days",
        low=0,
        high=1,
    ),
)

CONTRACT = feature_contract(
    "customer_product_features",
    "Products that a customer bought in 365 days, or viewed or put into a cart in 30: what she did, and how they suit.",
    (Column("product_id", "string", "product"),),
    DEFINITIONS,
)


def rows(facts: Facts) -> DataFrame:
    """One row per customer and known product with a dealing."""
    named = F.broadcast(product_numbers(facts)).join(with_matches(pair_counts(facts), facts), "product_no", how="inner")
    return with_customer_ids(facts, named)


def with_pair_features(pairs: DataFrame, facts: Facts) -> DataFrame:
    """Adds the columns of DEFINITIONS to pairs (customer_id, product_id and any other columns), as of the cut.

    Rows stay as they are, one out per one in. Of a pair without a dealing the counts are 0 and ui_days_since null;
    of a customer or a product that was not known at the cut everything else is null too.
    """
    numbered = F.broadcast(facts.customers).join(pairs, "customer_id", how="right")
    numbered = F.broadcast(product_numbers(facts)).join(numbered, "product_id", how="right")
    found = pair_counts(facts).join(numbered, ["customer_no", "product_no"], how="right")
    counted = found.select(
        *[F.col(c) for c in numbered.columns],
        *[F.coalesce(F.col(c), F.lit(0)).cast("int").alias(c) for c in COUNTS],
        "ui_days_since",
    )
    return with_matches(counted, facts).select(*pairs.columns, *[d.name for d in DEFINITIONS])


def pair_counts(facts: Facts) -> DataFrame:
    """`as_pair_counts` of the snapshot, kept."""
    return facts.kept("pair_counts", lambda: as_pair_counts(facts))


def as_pair_counts(facts: Facts) -> DataFrame:
    """customer_no, product_no and features 159 and 160; one row per pair with any of the dealings counted."""
    logs = [_dealings(_events(facts, "transactions", 365), "ui_buys_365", F.lit(1))]
    if facts.has("browsing"):
        views = product_views(facts).where(F.col("days_ago") <= 30)
        logs.append(_dealings(views, "ui_views_30", F.col("n_views")))
    if facts.has("cart_events"):
        carts = _events(facts, "cart_events", 30, "event_kind").where(F.col("event_kind") == "add")
        logs.append(_dealings(carts, "ui_carts_30", F.lit(1)))
    return (
        reduce(DataFrame.unionByName, logs)
        .groupBy("customer_no", "product_no")
        .agg(*[F.sum(c).cast("int").alias(c) for c in COUNTS], F.min("days_ago").alias("ui_days_since"))
    )


def with_matches(pairs: DataFrame, facts: Facts) -> DataFrame:
    """Adds features 161 to 164 to pairs of customer_no and product_no.

    In each join the small side comes first: the embedded engine builds its hash table from it, and pairs stream by.
    """
    styles = _shares_of(style_counts(facts), "style")
    colours = _shares_of(colour_counts(facts), "colour")
    sizes = customer_sizes(facts).select("customer_no", F.col("product_type").alias("_product_type"), "size_mode")
    known = F.broadcast(product_facts(facts)).join(pairs, "product_no", how="right")
    known = customer_price_levels(facts).join(known, "customer_no", how="right")
    for frame in (_totals(styles, "style"), _totals(colours, "colour")):
        known = frame.join(known, "customer_no", how="right")
    for frame, key in ((styles, "_style"), (colours, "_colour"), (sizes, "_product_type")):
        known = frame.join(known, ["customer_no", key], how="right")
    sizes_known = F.col("_size").isNotNull() & F.col("size_mode").isNotNull()
    in_size = F.when(sizes_known, (F.col("_size") == F.col("size_mode")) & F.col("_in_stock"))
    return known.select(
        *[F.col(c) for c in pairs.columns],
        rounded(F.col("_pctl") - F.col("_price_level")).alias("price_gap"),
        _share("style").alias("style_match"),
        _share("colour").alias("colour_match"),
        in_size.cast("int").alias("size_in_stock"),
    )


def style_counts(facts: Facts) -> DataFrame:
    """`as_attribute_counts` of styles, kept."""
    return facts.kept("style_counts", lambda: as_attribute_counts(garment_lines(facts), "style"))


def _events(facts: Facts, name: str, days: int, *columns: str) -> DataFrame:
    """customer_no, product_no, days_ago and columns of a log of the last so many days, for known products."""
    log = with_product_no(facts, numbered_log(facts, name, "product_id", *columns, days=days))
    return with_days_ago(facts, log, days)


def _dealings(log: DataFrame, name: str, n: SparkColumn) -> DataFrame:
    """Rows of a log with `n` under the name of its count and 0 under the others."""
    counts = {c: n if c == name else F.lit(0) for c in COUNTS}
    if name == "ui_buys_365":
        counts["ui_buys_30"] = F.when(F.col("days_ago") <= 30, n).otherwise(0)
    return log.select(
        "customer_no", "product_no", "days_ago", *[value.cast("bigint").alias(c) for c, value in counts.items()]
    )


def _shares_of(counts: DataFrame, attribute: str) -> DataFrame:
    return counts.select(
        "customer_no", F.col(attribute).alias(f"_{attribute}"), F.col("n_lines_365").alias(f"_n_{attribute}")
    )


def _totals(shares: DataFrame, attribute: str) -> DataFrame:
    return shares.groupBy("customer_no").agg(F.sum(f"_n_{attribute}").alias(f"_all_{attribute}"))


def _share(attribute: str) -> SparkColumn:
    """Her share of lines in the product's style or colour: null when either is unknown, 0 when she has others only."""
    n = F.coalesce(F.col(f"_n_{attribute}"), F.lit(0))
    return F.when(F.col(f"_{attribute}").isNotNull(), ratio(n, F.col(f"_all_{attribute}")))
