"""Family E: what a basket looks like.

54 attach_rate is per category: see the companion `attach_features`. 56 to 59 are in `returns`. Not computed: 55
gift_share, since no source says where an order was delivered to or that it was wrapped as a gift; an order is not
called a gift by what is in it.
"""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.definitions import CATEGORIES, FeatureDef
from features.facts import Facts
from features.families.category_features import numbered_categories
from features.windows import ratio, within

FAMILY = "E basket"
YEAR = "last 365 days"

DEFINITIONS = (
    FeatureDef("units_per_order", 51, FAMILY, "double", "mean units of an order", window=YEAR, low=0),
    FeatureDef("lines_per_order", 52, FAMILY, "double", "mean lines of an order", window=YEAR, low=0),
    FeatureDef("cats_per_order", 53, FAMILY, "double", "mean distinct categories of an order", CATEGORIES, YEAR, low=0),
)


NEEDS: tuple[str, ...] = ()


def features(facts: Facts) -> list[DataFrame]:
    """Features 51 to 53."""
    return [basket_features(facts.orders, numbered_categories(facts))]


def basket_features(orders: DataFrame, categories: DataFrame) -> DataFrame:
    """One row per customer with an order in 365 days: features 51 to 53.

    From `as_orders`, and from `as_customer_categories`: orders with each category, summed over categories, are
    the distinct categories summed over orders.
    """
    found = (
        orders.where(within(365))
        .groupBy("customer_no")
        .agg(F.count(F.lit(1)).alias("_orders"), *[F.sum(f"n_{c}").alias(f"_n_{c}") for c in ("units", "lines")])
    )
    distinct = categories.groupBy("customer_no").agg(F.sum("n_orders_365").alias("_n_cats"))
    return distinct.join(found, "customer_no", how="right").select(
        "customer_no",
        *[ratio(F.col(f"_n_{c}"), F.col("_orders")).alias(f"{c}_per_order") for c in ("units", "lines")],
        ratio(F.coalesce(F.col("_n_cats"), F.lit(0)), F.col("_orders")).alias("cats_per_order"),
    )
