"""Family A: recency, frequency and money.

`net_amt` is paid less refunded as known by the cut (see `as_orders` for the bounds) and `gross_amt` is paid; without
the source `order_status` nothing is known to be refunded and they are equal. Averages, the trend and the
acceleration rest on `net_amt`; the largest order and the amounts of lines are as paid.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.definitions import LIFE, WINDOWS, FeatureDef, per_window
from features.facts import Facts
from features.rounding import rounded
from features.windows import MONEY, count_within, percentile_of_sorted, ratio, sum_within, when_within

FAMILY = "A recency, frequency, money"
MONTH_DAYS = 30  # months are counted back from the cut, so that each is as long as the next
TREND_MONTHS = 12

DEFINITIONS = (
    FeatureDef("has_orders", 1, FAMILY, "bool", "whether there is any order", default="false"),
    FeatureDef(
        "recency_days", 1, FAMILY, "int", "local days from the last order to the cut; 1 is the day before", low=1
    ),
    *per_window("n_orders", 2, FAMILY, "int", "orders", (*WINDOWS, LIFE), default="0", low=0),
    *per_window(
        "net_amt",
        3,
        FAMILY,
        "money",
        "amount paid for orders of the window, less what is refunded of them by the cut",
        (*WINDOWS, LIFE),
        default="0",
        low=0,
        leak_note="refunds by available_ts: one that becomes known at or after the cut does not count",
    ),
    *per_window("gross_amt", 4, FAMILY, "money", "amount paid", (*WINDOWS, LIFE), default="0", low=0),
    *per_window("aov", 5, FAMILY, "double", "net_amt / n_orders: average order value", low=0),
    *per_window("max_order_amt", 6, FAMILY, "money", "largest order as paid", low=0),
    *per_window("line_amt_p50", 7, FAMILY, "double", "median amount of a line, exact", (365, LIFE), low=0),
    *per_window(
        "line_amt_p90", 7, FAMILY, "double", "90th percentile of the amount of a line, exact", (365, LIFE), low=0
    ),
    FeatureDef(
        "amt_trend",
        10,
        FAMILY,
        "double",
        "least-squares slope of the net amounts of 12 months of 30 days, money per month; no orders is 0",
        window="last 360 days",
    ),
    FeatureDef(
        "amt_ratio_90_365",
        11,
        FAMILY,
        "double",
        "daily net amount of the last 90 days over that of the last 365: above 1 is faster than usual",
        window="last 365 days",
        low=0,
    ),
)


NEEDS: tuple[str, ...] = ()


def features(facts: Facts) -> list[DataFrame]:
    """Features 1 to 7, 10 and 11."""
    return [recency_features(facts.orders), line_amount_features(facts.numbered_lines)]


def recency_features(orders: DataFrame) -> DataFrame:
    """One row per customer of `orders` (see `as_orders`): features 1 to 6, 10 and 11."""
    paid, net = F.col("amount"), F.col("net_amount")
    sums = orders.groupBy("customer_no").agg(
        F.min("days_ago").alias("recency_days"),
        *[count_within(w).alias(f"n_orders_{w or 'l'}") for w in (*WINDOWS, LIFE)],
        *[sum_within(net, w, MONEY).alias(f"net_amt_{w or 'l'}") for w in (*WINDOWS, LIFE)],
        *[sum_within(paid, w, MONEY).alias(f"gross_amt_{w or 'l'}") for w in (*WINDOWS, LIFE)],
        *[F.max(when_within(paid, w)).alias(f"max_order_amt_{w}") for w in WINDOWS],
        _trend_sum(net).alias("_trend"),
    )
    # the year has a few days more than the 12 months
    in_year, trend = F.col("n_orders_365") > 0, F.coalesce(F.col("_trend"), F.lit(0)).cast("double")
    return sums.select(
        F.lit(True).alias("has_orders"),
        "customer_no",
        "recency_days",
        *[f"{name}_{w or 'l'}" for name in ("n_orders", "net_amt", "gross_amt") for w in (*WINDOWS, LIFE)],
        *[f"max_order_amt_{w}" for w in WINDOWS],
        *[ratio(F.col(f"net_amt_{w}"), F.col(f"n_orders_{w}")).alias(f"aov_{w}") for w in WINDOWS],
        F.when(in_year, rounded(trend / _trend_scale())).alias("amt_trend"),
        ratio(F.col("net_amt_90") * 365, F.col("net_amt_365") * 90).alias("amt_ratio_90_365"),
    )


def line_amount_features(lines: DataFrame) -> DataFrame:
    """One row per customer of `lines`: exact percentiles of the amount of a line (feature 7)."""
    cents = (F.col("amount") * 100).cast("bigint")
    # sorted arrays: the `percentile` aggregate takes three times as long on the embedded engine
    found = lines.groupBy("customer_no").agg(
        F.sort_array(F.collect_list(when_within(cents, 365))).alias("_365"),
        F.sort_array(F.collect_list(cents)).alias("_l"),
    )
    return found.select(
        "customer_no",
        *[
            rounded(percentile_of_sorted(F.col(f"_{w or 'l'}"), q) / 100).alias(f"line_amt_{name}_{w or 'l'}")
            for w in (365, LIFE)
            for name, q in (("p50", 0.5), ("p90", 0.9))
        ],
    )


def _trend_sum(amount: Column) -> Column:
    """Sum of amount x (11 - 2 month), month 0 the latest: twice the cross product of the regression, in exact money."""
    month = F.floor((F.col("days_ago") - 1) / MONTH_DAYS).cast("int")
    return F.sum(F.when(month < TREND_MONTHS, amount * (F.lit(TREND_MONTHS - 1) - month * 2))).cast(MONEY)


def _trend_scale() -> Column:
    """What turns `_trend_sum` into the slope: 2 Sxx of the months 0 to 11, which is n (n^2 - 1) / 6."""
    return F.lit(TREND_MONTHS * (TREND_MONTHS**2 - 1) / 6)
