"""The companion about what goes with her main category: feature 54, one row per customer and category.

A customer's anchor is the category with her largest amount in 365 days (`top_cat_1`). The rate is that of her own
baskets: how often the category is in an order, given that the anchor is. It is not smoothed; `n_anchor_orders` is
its support. Rates of the whole population, per pair of categories, are what candidates of products bought together
rest on, and are not repeated per customer here.
"""

from __future__ import annotations

from functools import partial

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from features.contract import Column
from features.definitions import CATEGORIES, FeatureDef
from features.facts import Facts
from features.families.category_features import customer_categories
from features.feature_contract import feature_contract
from features.windows import ratio, within

FAMILY = "basket of a customer"
NEEDS: tuple[str, ...] = ()
Def = partial(FeatureDef, family=FAMILY, sources=CATEGORIES, window="last 365 days")

DEFINITIONS: tuple[FeatureDef, ...] = (
    Def("anchor_category", 54, kind="string", definition="category with her largest amount, the first of equals"),
    Def("n_anchor_orders", 54, kind="long", definition="orders with the anchor", default="0", low=1),
    Def(
        "n_orders_with_both", 54, kind="long", definition="orders with the anchor and the category", default="0", low=1
    ),
    Def("attach_rate", 54, kind="double", definition="n_orders_with_both / n_anchor_orders", low=0, high=1),
)

CONTRACT = feature_contract(
    "customer_attach_features",
    "Which categories are in a customer's baskets together with her main category.",
    (Column("category", "string", "category, other than the anchor"),),
    DEFINITIONS,
)


def rows(facts: Facts) -> DataFrame:
    """One row per customer and category bought in one order with the anchor."""
    return as_attach_rates(facts.category_orders, anchor_categories(customer_categories(facts)))


def anchor_categories(categories: DataFrame) -> DataFrame:
    """customer_id, anchor_category of customers with an amount in 365 days, from `as_customer_categories`."""
    most = Window.partitionBy("customer_id").orderBy(F.col("amt_365").desc(), "category")
    return (
        categories.where(F.col("amt_365") > 0)
        .select("customer_id", "category", F.row_number().over(most).alias("_rank"))
        .where(F.col("_rank") == 1)
        .select("customer_id", F.col("category").alias("anchor_category"))
    )


def as_attach_rates(category_orders: DataFrame, anchors: DataFrame) -> DataFrame:
    """customer_id, category and the columns of DEFINITIONS, from `as_category_orders` and `anchor_categories`."""
    of_anchor = F.col("category") == F.col("anchor_category")
    # one pass over the orders, without joining them with themselves
    baskets = (
        anchors.join(category_orders.where(within(365)), "customer_id", how="inner")
        .groupBy("customer_id", "anchor_category", "order_id")
        .agg(F.max(of_anchor).alias("_anchored"), F.collect_list("category").alias("_categories"))
        .where("_anchored")
    )
    counted = (
        baskets.select("customer_id", "anchor_category", F.explode("_categories").alias("category"))
        .groupBy("customer_id", "anchor_category", "category")
        .agg(F.count(F.lit(1)).alias("n_orders_with_both"))
    )
    support = counted.where(of_anchor).select("customer_id", F.col("n_orders_with_both").alias("n_anchor_orders"))
    return support.join(counted.where(~of_anchor), "customer_id", how="inner").withColumn(
        "attach_rate", ratio(F.col("n_orders_with_both"), F.col("n_anchor_orders"))
    )
