"""The companion about what goes together: pairs of colours that a customer bought in one order (feature 148).

One row per customer and pair with support of at least outfit_min_orders orders in 730 days. Orders with more than
outfit_max_colours colours are stock for a shop rather than an outfit, and would have as many pairs as their square.
"""

from __future__ import annotations

from functools import partial

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from features.browsed import with_customer_ids
from features.contract import Column
from features.definitions import FeatureDef
from features.facts import Facts
from features.families.garment_lines import garment_lines
from features.family_params import FashionParams
from features.feature_contract import feature_contract
from features.windows import ratio

FAMILY = "M colour and size"
NEEDS: tuple[str, ...] = ()
Def = partial(FeatureDef, family=FAMILY, sources=("transactions", "products.colour"), window="last 730 days")

DEFINITIONS: tuple[FeatureDef, ...] = (
    Def("n_orders_730", 148, kind="long", definition="orders with both colours", default="0", low=1),
    Def("share_730", 148, kind="double", definition="share of her orders with two colours or more", low=0, high=1),
    Def("recency_days", 148, kind="int", definition="days from the last such order to the cut", default="0", low=1),
)

CONTRACT = feature_contract(
    "customer_outfit_features",
    "Pairs of colours that a customer buys together.",
    (
        Column("colour_a", "string", "the colour that sorts first, in lower case"),
        Column("colour_b", "string", "the other"),
    ),
    DEFINITIONS,
)


def rows(facts: Facts) -> DataFrame:
    """One row per customer and pair of colours."""
    return with_customer_ids(facts, as_colour_pairs(garment_lines(facts), facts.params.fashion))


def as_colour_pairs(lines: DataFrame, params: FashionParams) -> DataFrame:
    """customer_no, colour_a, colour_b and the columns of DEFINITIONS, from `as_garment_lines`.

    Inside, colours and orders are numbers: lists of names take five times as long.
    """
    coloured = lines.where(F.col("colour").isNotNull())
    in_order = F.dense_rank().over(Window.partitionBy(F.lit(1)).orderBy("colour"))
    names = coloured.groupBy("colour").agg(F.lit(1)).select("colour", in_order.alias("colour_no"))
    orders = (
        F.broadcast(names)
        .join(coloured, "colour", how="inner")
        .groupBy("customer_no", F.xxhash64("order_id").alias("order_key"), "colour_no")
        .agg(F.max("days_ago").alias("_days"))
        .groupBy("customer_no", "order_key")
        .agg(F.collect_list("colour_no").alias("_colours"), F.max("_days").alias("_days"))
        .where(F.size("_colours").between(2, params.outfit_max_colours))
    )
    totals = orders.groupBy("customer_no").agg(F.count(F.lit(1)).alias("_orders"))
    first = orders.select("customer_no", "_days", "_colours", F.explode("_colours").alias("_a"))
    later = F.filter("_colours", lambda colour: colour > F.col("_a"))
    pairs = (
        first.select("customer_no", "_days", "_a", F.explode(later).alias("_b"))
        .groupBy("customer_no", "_a", "_b")
        .agg(F.count(F.lit(1)).alias("n_orders_730"), F.min("_days").alias("recency_days"))
        .where(F.col("n_orders_730") >= params.outfit_min_orders)
    )
    for place in ("a", "b"):
        named = names.select(F.col("colour_no").alias(f"_{place}"), F.col("colour").alias(f"colour_{place}"))
        pairs = F.broadcast(named).join(pairs, f"_{place}", how="inner")
    return totals.join(pairs, "customer_no", how="inner").select(
        "customer_no",
        "colour_a",
        "colour_b",
        "n_orders_730",
        ratio(F.col("n_orders_730"), F.col("_orders")).alias("share_730"),
        "recency_days",
    )
