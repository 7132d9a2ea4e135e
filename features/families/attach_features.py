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
from features.families.category_features import numbered_categories
from features.feature_contract import feature_contract
from features.order_lines import as_numbered_category_orders
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
    recent = facts.numbered_lines.where(within(365))
    rates = as_attach_rates(as_numbered_category_orders(recent), anchor_categories(numbered_categories(facts)))
    anchors = facts.category_names.select(
        F.col("category_no").alias("anchor_no"), F.col("category").alias("anchor_category")
    )
    named = F.broadcast(facts.category_names).join(rates, "category_no", how="inner")
    named = F.broadcast(anchors).join(named, "anchor_no", how="inner")
    return F.broadcast(facts.customers).join(named, "customer_no", how="inner")


def anchor_categories(categories: DataFrame) -> DataFrame:
    """customer_no, anchor_no of customers with an amount in 365 days, from `as_customer_categories`."""
    most = Window.partitionBy("customer_no").orderBy(F.col("amt_365").desc(), "category_no")
    return (
        categories.where(F.col("amt_365") > 0)
        .select("customer_no", "category_no", F.row_number().over(most).alias("_rank"))
        .where(F.col("_rank") == 1)
        .select("customer_no", F.col("category_no").alias("anchor_no"))
    )


def as_attach_rates(category_orders: DataFrame, anchors: DataFrame) -> DataFrame:
    """customer_no, category_no, anchor_no and counts, from `as_numbered_category_orders` and `anchor_categories`."""
    of_anchor = F.col("category_no") == F.col("anchor_no")
    # one pass over the orders, without joining them with themselves
    baskets = (
        anchors.join(category_orders, "customer_no", how="inner")
        .groupBy("customer_no", "anchor_no", "order_key")
        .agg(F.max(of_anchor).alias("_anchored"), F.collect_list("category_no").alias("_categories"))
        .where("_anchored")
    )
    counted = (
        baskets.select("customer_no", "anchor_no", F.explode("_categories").alias("category_no"))
        .groupBy("customer_no", "anchor_no", "category_no")
        .agg(F.count(F.lit(1)).alias("n_orders_with_both"))
    )
    support = counted.where(of_anchor).select("customer_no", F.col("n_orders_with_both").alias("n_anchor_orders"))
    return support.join(counted.where(~of_anchor), "customer_no", how="inner").withColumn(
        "attach_rate", ratio(F.col("n_orders_with_both"), F.col("n_anchor_orders"))
    )
