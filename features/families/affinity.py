"""Family C: how wide, and how loyal to categories and brands, a customer buys.

26, 30 and 31 are per category, see `features/category_features.py`. Not computed: 37 and 38 (no style attribute in
the sources). Lines whose category or brand is unknown are left out of the features about it.
"""

from __future__ import annotations

from functools import partial

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.definitions import CATEGORIES, WINDOWS, FeatureDef, per_window
from features.facts import Facts
from features.families.category_features import customer_categories
from features.windows import neighbours, ratio, within

FAMILY = "C categories and brands"
YEAR = "last 365 days"
BRANDS = ("transactions", "products.brand")
TOP = 3
ByCategory = partial(FeatureDef, family=FAMILY, sources=CATEGORIES, window=YEAR)
ByBrand = partial(FeatureDef, family=FAMILY, sources=BRANDS, window=YEAR)

DEFINITIONS = (
    *per_window(
        "cat_entropy",
        27,
        FAMILY,
        "double",
        "- sum p ln p over shares of amount by category",
        (90, 365),
        sources=CATEGORIES,
        low=0,
    ),
    *per_window("n_cats", 28, FAMILY, "int", "distinct categories", WINDOWS, sources=CATEGORIES, default="0", low=0),
    *[
        ByCategory(f"top_cat_{i}", 29, kind="string", definition=f"category number {i} by amount")
        for i in range(1, TOP + 1)
    ],
    *[
        ByCategory(f"top_cat_{i}_share", 29, kind="double", definition=f"share of amount of top_cat_{i}", low=0, high=1)
        for i in range(1, TOP + 1)
    ],
    ByCategory(
        "new_cat_rate_365",
        32,
        kind="double",
        definition="share of lines in a category's first order",
        low=0,
        high=1,
    ),
    ByBrand("top_brand", 33, kind="string", definition="brand with the largest amount"),
    ByBrand("brand_share_top1", 33, kind="double", definition="share of amount of top_brand", low=0, high=1),
    ByBrand("brand_hhi", 34, kind="double", definition="sum of squared shares of amount by brand", low=0, high=1),
    ByBrand(
        "brand_switch_rate",
        35,
        kind="double",
        definition="share of lines of another brand than the line before in the category; one moment by brand",
        sources=("transactions", "products.brand", "products.category"),
        low=0,
        high=1,
    ),
    FeatureDef(
        "own_brand_share",
        36,
        FAMILY,
        "double",
        "amount of own-label lines / amount of lines whose label is known",
        ("transactions", "products.own_brand"),
        YEAR,
        low=0,
        high=1,
    ),
)


NEEDS: tuple[str, ...] = ()


def features(facts: Facts) -> list[DataFrame]:
    """Features 27 to 29 and 32 to 36."""
    return [
        category_width_features(customer_categories(facts)),
        brand_features(facts.lines),
        brand_switch_features(facts.lines),
        own_brand_features(facts.orders),
    ]


def category_width_features(categories: DataFrame) -> DataFrame:
    """One row per customer of `as_customer_categories`: features 27, 28, 29 and 32."""
    by_amount = Window.partitionBy("customer_id").orderBy(F.col("amt_365").desc(), "category")
    ranked = categories.withColumn("_rank", F.row_number().over(by_amount))
    spent = F.col("amt_365") > 0
    found = ranked.groupBy("customer_id").agg(
        *[x for w in (90, 365) for x in _entropy_sums(w)],
        *[F.count(F.when(F.col("recency_days") <= w, 1)).cast("int").alias(f"n_cats_{w}") for w in WINDOWS],
        *[
            F.max(F.when(spent & (F.col("_rank") == i), F.col(column))).alias(name)
            for i in range(1, TOP + 1)
            for column, name in (("category", f"top_cat_{i}"), ("amt_365", f"_top_{i}"))
        ],
        F.sum("new_lines_365").alias("_new"),
        F.sum("n_lines_365").alias("_lines"),
    )
    return found.select(
        *[c for c in found.columns if not c.startswith("_")],
        *[_entropy(w) for w in (90, 365)],
        *[ratio(F.col(f"_top_{i}"), F.col("_total_365")).alias(f"top_cat_{i}_share") for i in range(1, TOP + 1)],
        ratio(F.col("_new"), F.col("_lines")).alias("new_cat_rate_365"),
    )


def brand_features(lines: DataFrame) -> DataFrame:
    """One row per customer with a line of a known brand in 365 days: features 33 and 34."""
    branded = lines.where(F.col("brand").isNotNull() & within(365))
    amounts = branded.groupBy("customer_id", "brand").agg(F.sum("amount").cast("decimal(18,2)").alias("amount"))
    by_amount = Window.partitionBy("customer_id").orderBy(F.col("amount").desc(), "brand")
    amount = F.col("amount").cast("double")
    found = (
        amounts.withColumn("_rank", F.row_number().over(by_amount))
        .groupBy("customer_id")
        .agg(
            F.sum("amount").alias("_total"),
            F.max("amount").alias("_top"),
            F.max(F.when((F.col("_rank") == 1) & (F.col("amount") > 0), F.col("brand"))).alias("top_brand"),
            F.sum(amount * amount).alias("_squares"),
        )
    )
    total = F.col("_total").cast("double")
    return found.select(
        "customer_id",
        "top_brand",
        ratio(F.col("_top"), F.col("_total")).alias("brand_share_top1"),
        F.when(total > 0, F.least(F.round(F.col("_squares") / (total * total), 6), F.lit(1.0))).alias("brand_hhi"),
    )


def brand_switch_features(lines: DataFrame) -> DataFrame:
    """One row per customer: feature 35, over lines of known brand and category in 365 days.

    Lines follow one another in time, and lines of one moment in the order of their brands, so that no tie can flip.
    """
    known = lines.where(F.col("brand").isNotNull() & F.col("category").isNotNull() & within(365))
    in_time = F.sort_array(F.collect_list(F.struct("event_ts", "brand")))
    brands = known.groupBy("customer_id", "category").agg(in_time.alias("_lines"))
    brands = brands.select("customer_id", F.transform("_lines", lambda line: line["brand"]).alias("_brands"))
    switched = F.filter(neighbours(F.col("_brands")), lambda pair: pair["0"] != pair["1"])
    found = (
        brands.select("customer_id", (F.size("_brands") - 1).alias("_pairs"), F.size(switched).alias("_switches"))
        .groupBy("customer_id")
        .agg(F.sum("_pairs").alias("_pairs"), F.sum("_switches").alias("_switches"))
    )
    return found.select("customer_id", ratio(F.col("_switches"), F.col("_pairs")).alias("brand_switch_rate"))


def own_brand_features(orders: DataFrame) -> DataFrame:
    """One row per customer of `orders`: feature 36."""
    found = (
        orders.where(within(365))
        .groupBy("customer_id")
        .agg(F.sum("own_amount").alias("_own"), F.sum("branded_amount").alias("_known"))
    )
    own = F.coalesce(F.col("_own"), F.lit(0))
    return found.select("customer_id", ratio(own, F.col("_known")).alias("own_brand_share"))


def _entropy_sums(window: int) -> list[Column]:
    amount = F.col(f"amt_{window}").cast("double")
    return [
        F.sum(f"amt_{window}").cast("double").alias(f"_total_{window}"),
        F.sum(F.when(amount > 0, amount * F.ln(amount))).alias(f"_log_{window}"),
    ]


def _entropy(window: int) -> Column:
    """ln S - (sum a ln a) / S, which is - sum p ln p for p = a / S without a pass for the shares."""
    total = F.col(f"_total_{window}")
    value = F.ln(total) - F.col(f"_log_{window}") / total
    # a lone category leaves rounding dust, which must not become a negative zero
    return F.when(total > 0, F.when(value > 1e-9, F.round(value, 6)).otherwise(0.0)).alias(f"cat_entropy_{window}")
