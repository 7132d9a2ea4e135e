"""Family B: the rhythm of buying and coming back.

19 and 20 are per category, see `features/families/category_features.py`; 21 `order_index` is `n_orders_l`; 24
`second_order_hazard` is a fitted model, see `features/families/lifetime.py`.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.as_of import AsOf
from features.definitions import FeatureDef, FeatureParams
from features.facts import Facts
from features.rounding import rounded
from features.windows import percentile_of_sorted, ratio

FAMILY = "B rhythm of buying"
MONTH_DAYS = 30
GAPS = "the last gaps (setting rhythm_gaps)"

DEFINITIONS = (
    FeatureDef(
        "ipt_n", 14, FAMILY, "int", "gaps between order days that the rhythm rests on", window=GAPS, default="0", low=0
    ),
    FeatureDef("has_rhythm", 14, FAMILY, "bool", "whether there is any gap", window=GAPS, default="false"),
    FeatureDef("ipt_mean", 14, FAMILY, "double", "mean days between order days", window=GAPS, low=1),
    FeatureDef("ipt_median", 14, FAMILY, "double", "median days between order days, exact", window=GAPS, low=1),
    FeatureDef(
        "ipt_std", 14, FAMILY, "double", "sample standard deviation of them; null below 2 gaps", window=GAPS, low=0
    ),
    FeatureDef("ipt_cv", 15, FAMILY, "double", "ipt_std / ipt_mean: 0 is a clock, 1 is chance", window=GAPS, low=0),
    FeatureDef("overdue_ratio", 16, FAMILY, "double", "recency_days / ipt_median", window=GAPS, low=0),
    FeatureDef(
        "overdue_z", 17, FAMILY, "double", "(recency_days - ipt_mean) / ipt_std; null without spread", window=GAPS
    ),
    FeatureDef(
        "expected_next_date",
        18,
        FAMILY,
        "date",
        "last order day + ipt_median, rounded half up; may be past",
        window=GAPS,
    ),
    FeatureDef("days_first_to_second", 22, FAMILY, "int", "days from the first to the second order", low=0),
    FeatureDef("days_since_first_order", 23, FAMILY, "int", "days from the first order to the cut", low=1),
    FeatureDef(
        "active_months_share",
        25,
        FAMILY,
        "double",
        "months of 30 days with an order / months since the first order, of the last 12 at most",
        window="last 360 days",
        low=0,
        high=1,
    ),
)


NEEDS: tuple[str, ...] = ()


def features(facts: Facts) -> list[DataFrame]:
    """Features 14 to 18, 22, 23 and 25."""
    return [rhythm_features(facts.orders, facts.as_of, facts.params)]


def rhythm_features(orders: DataFrame, as_of: AsOf, params: FeatureParams) -> DataFrame:
    """One row per customer of `orders` (see `as_orders`): features 14 to 18, 22, 23 and 25."""
    days = _order_days(orders)
    last = F.col("_recent") <= F.lit(params.rhythm_gaps)
    gap = F.when(last, F.col("gap"))
    month = F.when(F.col("_month") < 12, F.col("_month"))
    found = days.groupBy("customer_no").agg(
        F.count(gap).alias("_n"),
        F.sum(gap).cast("bigint").alias("_sum"),
        F.sum(gap * gap).cast("bigint").alias("_squares"),
        F.sort_array(F.collect_list(gap)).alias("_gaps"),
        F.min("days_ago").alias("_recency"),
        F.max("days_ago").alias("_first"),
        F.max(F.when(F.col("gap").isNull() & (F.col("n_orders") > 1), 0)).alias("_same_day"),
        F.min(F.when(F.col("_is_second"), F.col("gap"))).alias("_second"),
        F.count(F.when(F.col("_new_month"), month)).alias("_months"),
    )
    median = percentile_of_sorted(F.col("_gaps"), 0.5)
    return found.withColumn("_median", median).select("customer_no", *_columns(as_of))


def _order_days(orders: DataFrame) -> DataFrame:
    """One row per customer and order day, with the gap to the day before it (null on the first)."""
    backward = Window.partitionBy("customer_no").orderBy("days_ago")  # the one sort that all of these need
    days = orders.groupBy("customer_no", "days_ago").agg(F.count(F.lit(1)).alias("n_orders"))
    before, twice_before = F.lead("days_ago").over(backward), F.lead("days_ago", 2).over(backward)
    month, month_before = [F.floor((day - 1) / MONTH_DAYS).cast("int") for day in (F.col("days_ago"), before)]
    return days.select(
        "*",
        (before - F.col("days_ago")).alias("gap"),
        (before.isNotNull() & twice_before.isNull()).alias("_is_second"),
        F.row_number().over(backward).alias("_recent"),
        month.alias("_month"),
        F.coalesce(month_before != month, F.lit(True)).alias("_new_month"),
    )


def _columns(as_of: AsOf) -> list[Column]:
    """The features from counts and integer sums, so that no order of summing can show."""
    n, total, median, recency = F.col("_n"), F.col("_sum"), F.col("_median"), F.col("_recency")
    mean = total / n
    # n * sum of squares - square of the sum is exact in integers
    spread = (n * F.col("_squares") - total * total).cast("double")
    std = F.when(n > 1, F.sqrt(spread / (n * (n - 1))))
    some = n > 0
    since = F.date_sub(F.lit(as_of.day.isoformat()).cast("date"), recency)
    tenure = F.least(F.ceil(F.col("_first") / MONTH_DAYS), F.lit(12))
    return [
        n.cast("int").alias("ipt_n"),
        some.alias("has_rhythm"),
        F.when(some, rounded(mean)).alias("ipt_mean"),
        rounded(median).alias("ipt_median"),
        rounded(std).alias("ipt_std"),
        rounded(std / mean).alias("ipt_cv"),
        ratio(recency, median).alias("overdue_ratio"),
        F.when(spread > 0, rounded((recency - mean) / std)).alias("overdue_z"),
        F.date_add(since, F.floor(median + 0.5).cast("int")).alias("expected_next_date"),
        F.coalesce(F.col("_same_day"), F.col("_second")).cast("int").alias("days_first_to_second"),
        F.col("_first").alias("days_since_first_order"),
        ratio(F.col("_months"), tenure).alias("active_months_share"),
    ]
