"""The companion about brands: one row per customer and brand bought in 365 days.

Beside the concentration on brands (33, 34), which is in the wide row, it says which brands these are. The brand is
the product's when it was bought; lines of no brand are left out, also of the shares.
"""

from __future__ import annotations

from functools import partial

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.contract import Column
from features.definitions import FeatureDef, FeatureParams, per_window
from features.facts import Facts
from features.feature_contract import feature_contract
from features.rounding import rounded
from features.windows import MONEY, count_within, ratio, sum_within, within

FAMILY = "brand of a customer"
NEEDS: tuple[str, ...] = ()
BRANDS = ("transactions", "products.brand")
YEAR = "last 365 days"
WINDOWS = (90, 365)
DECAY_UNITS = 10**9  # decayed weights are summed in billionths, so that the order of summing cannot show
Def = partial(FeatureDef, family=FAMILY, sources=BRANDS, window=YEAR)

DEFINITIONS: tuple[FeatureDef, ...] = (
    *per_window("n_orders", 33, FAMILY, "int", "orders with the brand", WINDOWS, sources=BRANDS, default="0", low=0),
    *per_window("amt", 33, FAMILY, "money", "amount of the brand", WINDOWS, sources=BRANDS, default="0", low=0),
    Def("share_365", 33, kind="double", definition="amount of the brand / amount of any brand", low=0, high=1),
    Def("recency_days", 33, kind="int", definition="days from the last order with it to the cut", default="0", low=1),
    Def("days_since_first", 33, kind="int", definition="days from its first order to the cut", default="0", low=1),
    *[
        Def(
            f"affinity_{name}",
            33,
            kind="double",
            definition=f"buy_weight per order, halved every {name}_half_life_days",
            default="0",
            low=0,
        )
        for name in ("short", "long")
    ],
)

CONTRACT = feature_contract(
    "customer_brand_features",
    "What each customer bought of each brand in the last 365 days.",
    (Column("brand", "string", "brand"),),
    DEFINITIONS,
)


def rows(facts: Facts) -> DataFrame:
    """One row per customer and brand."""
    brands = as_customer_brands(facts.numbered_lines, facts.params)
    named = F.broadcast(facts.brand_names).join(brands, "brand_no", how="inner")
    return F.broadcast(facts.customers).join(named, "customer_no", how="inner")


def as_customer_brands(lines: DataFrame, params: FeatureParams) -> DataFrame:
    """customer_no, brand_no and the columns of DEFINITIONS, from `numbered_lines`."""
    half_lives = {"short": params.short_half_life_days, "long": params.long_half_life_days}
    orders = (
        lines.where(F.col("brand_no").isNotNull() & within(365))
        # orders of one customer are told apart by a hash, which groups faster than their names
        .groupBy("customer_no", "brand_no", F.xxhash64("order_id").alias("order_key"))
        .agg(F.max("days_ago").alias("days_ago"), F.sum("amount").cast(MONEY).alias("amount"))
    )
    brands = orders.groupBy("customer_no", "brand_no").agg(
        *[count_within(w).alias(f"n_orders_{w}") for w in WINDOWS],
        *[sum_within(F.col("amount"), w, MONEY).alias(f"amt_{w}") for w in WINDOWS],
        F.min("days_ago").alias("recency_days"),
        F.max("days_ago").alias("days_since_first"),
        *[
            rounded(F.sum(_decayed(params.buy_weight, h)) / DECAY_UNITS).alias(f"affinity_{name}")
            for name, h in half_lives.items()
        ],
    )
    totals = brands.groupBy("customer_no").agg(F.sum("amt_365").alias("_total"))
    return totals.join(brands, "customer_no", how="inner").select(
        *brands.columns, ratio(F.col("amt_365"), F.col("_total")).alias("share_365")
    )


def _decayed(weight: float, half_life: float) -> SparkColumn:
    """An order's weight in whole billionths."""
    value = F.lit(weight) * F.pow(F.lit(2.0), -F.col("days_ago") / F.lit(half_life))
    return F.floor(value * DECAY_UNITS + 0.5).cast("bigint")
