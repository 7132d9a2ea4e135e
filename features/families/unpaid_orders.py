"""Family I, the part about orders placed and not paid, from the log of order status.

An order's state is read from the last 365 days of its log:

- Several rows `placed` are one order: its moment is the first of them, its value the largest amount stated.
- `paid` settles an order, and so do `shipped`, `received`, `refunded` and lines in `transactions` (paid by their
  contract): where a log has gaps, nobody is asked to pay again. So a refund before the payment, and a payment of an
  order that was closed or never placed, are settled orders.
- `closed` ends an order that nothing settles. Placed again after that, it is open again.
- What was never placed is in no count and no rate. `pay_failed` is counted by rows, whatever became of the order.

103 looks at orders not paid within `late_hours`, once `recovery_days` have passed since they were placed; a payment in
between is a recovery, after a close too. When a payment came is known of `paid` rows only.
"""

from __future__ import annotations

from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.browsed import numbered_log, with_customer_ids, with_days_ago
from features.definitions import FeatureDef
from features.facts import Facts
from features.family_params import UnpaidOrderParams
from features.local_days import micros
from features.rounding import rounded
from features.windows import MONEY, ratio, within

FAMILY = "I carts and unpaid orders"
MONTH, SEASON, YEAR = 30, 90, 365
SETTLES = ("paid", "shipped", "received", "refunded")
Unpaid = partial(FeatureDef, family=FAMILY, sources=("order_status",))

DEFINITIONS: tuple[FeatureDef, ...] = (
    Unpaid(
        "unpaid_order_n",
        99,
        kind="int",
        definition="orders placed, and neither settled nor closed by the cut",
        window="placed in the last 30 days",
        default="0",
        low=0,
    ),
    Unpaid(
        "unpaid_order_value",
        100,
        kind="money",
        definition="their value, as far as it is stated",
        window="placed in the last 30 days",
        default="0",
        low=0,
    ),
    Unpaid(
        "hours_since_unpaid",
        101,
        kind="double",
        definition="hours since the last of them was placed",
        window="placed in the last 30 days",
        low=0,
    ),
    Unpaid(
        "closed_unpaid_n",
        102,
        kind="int",
        definition="orders placed and closed, and not settled by the cut",
        window="closed in the last 90 days",
        default="0",
        low=0,
    ),
    Unpaid(
        "late_unpaid_n",
        103,
        kind="int",
        definition="orders not paid within late_hours, placed recovery_days ago: the support of unpaid_recovery_rate",
        window="placed in the last 365 days",
        default="0",
        low=0,
    ),
    Unpaid(
        "unpaid_recovery_rate",
        103,
        kind="double",
        definition="share of these that were paid within recovery_days, drawn to the population's by prior_orders",
        window="placed in the last 365 days",
        low=0,
        high=1,
        leak_note="orders whose recovery_days ended before the cut; the population's rate is saved with the snapshot",
    ),
    Unpaid(
        "pay_failure_n",
        104,
        kind="int",
        definition="payments that failed",
        window="last 30 days",
        default="0",
        low=0,
    ),
)
NEEDS: tuple[str, ...] = ("order_status",)


def features(facts: Facts) -> list[DataFrame]:
    """Features 99 to 104."""
    late = late_orders(facts)
    rows = (
        unpaid_features(unsettled_orders(facts)),
        recovery_features(late, fit_recovery_rate(late), facts.params.unpaid_orders),
        failure_features(order_states(facts)),
    )
    return [with_customer_ids(facts, df) for df in rows]


def fitted(facts: Facts) -> list[DataFrame]:
    """The population's rate of recovery."""
    return [fit_recovery_rate(late_orders(facts))]


def unsettled_orders(facts: Facts) -> DataFrame:
    """`as_unsettled_orders` of the snapshot, kept."""
    return facts.kept("unsettled_orders", lambda: as_unsettled_orders(order_states(facts), facts.orders))


def late_orders(facts: Facts) -> DataFrame:
    """`as_late_orders` of the snapshot, kept."""
    return facts.kept(
        "late_orders",
        lambda: as_late_orders(order_states(facts), unsettled_orders(facts), facts.params.unpaid_orders),
    )


def order_states(facts: Facts) -> DataFrame:
    """`as_order_states` of the last 365 days, kept."""

    def build() -> DataFrame:
        log = numbered_log(facts, "order_status", "order_id", "status", "amount", days=YEAR)
        hours = (F.lit(micros(facts.as_of)) - F.col("us")) / F.lit(3600e6)
        return as_order_states(with_days_ago(facts, log, YEAR).withColumn("hours_ago", hours))

    return facts.kept("order_states", build)


def as_order_states(log: DataFrame) -> DataFrame:
    """One row per customer and order of the log, told apart by a 64-bit hash.

    Columns: value, n_failed_30, is_settled, and as hours before the cut placed (the first time), placed_again (the
    last time), paid (the first time), closed (the last time), each null where it did not happen; placed_days_ago and
    closed_days_ago.
    """
    status, hours = F.col("status"), F.col("hours_ago")
    placed, closed = status == "placed", status == "closed"
    return log.groupBy("customer_no", F.xxhash64("order_id").alias("order_key")).agg(
        F.max(F.when(placed, F.col("amount"))).cast(MONEY).alias("value"),
        F.max(F.when(placed, hours)).alias("placed"),
        F.max(F.when(placed, F.col("days_ago"))).alias("placed_days_ago"),
        F.min(F.when(placed, hours)).alias("placed_again"),
        F.max(F.when(status == "paid", hours)).alias("paid"),
        F.min(F.when(closed, hours)).alias("closed"),
        F.min(F.when(closed, F.col("days_ago"))).alias("closed_days_ago"),
        (F.max(F.when(status.isin(list(SETTLES)), 1).otherwise(0)) == 1).alias("is_settled"),
        F.sum(F.when((status == "pay_failed") & within(MONTH), 1).otherwise(0)).cast("int").alias("n_failed_30"),
    )


def as_unsettled_orders(states: DataFrame, orders: DataFrame) -> DataFrame:
    """The rows of `as_order_states` that were placed and that nothing settles; `orders` (see `as_orders`) are paid."""
    # paid lines of an order placed within the year are no older
    paid = orders.where(within(YEAR)).select("customer_no", F.xxhash64("order_id").alias("order_key"))
    unsettled = states.where(F.col("placed").isNotNull() & ~F.col("is_settled"))
    return unsettled.join(paid, ["customer_no", "order_key"], how="left_anti")


def unpaid_features(unsettled: DataFrame) -> DataFrame:
    """One row per customer of `as_unsettled_orders`: features 99 to 102."""
    # closed and placed at one moment: closed
    is_closed = F.coalesce(F.col("closed") <= F.col("placed_again"), F.lit(False))
    is_open = ~is_closed & (F.col("placed_days_ago") <= MONTH)
    return unsettled.groupBy("customer_no").agg(
        F.count(F.when(is_open, 1)).cast("int").alias("unpaid_order_n"),
        F.coalesce(F.sum(F.when(is_open, F.col("value"))), F.lit(0)).cast(MONEY).alias("unpaid_order_value"),
        rounded(F.min(F.when(is_open, F.col("placed")))).alias("hours_since_unpaid"),
        F.count(F.when(is_closed & (F.col("closed_days_ago") <= SEASON), 1)).cast("int").alias("closed_unpaid_n"),
    )


def as_late_orders(states: DataFrame, unsettled: DataFrame, params: UnpaidOrderParams) -> DataFrame:
    """customer_id, is_recovered: orders not paid in time, whose time for a recovery is over.

    Orders that are settled without a moment of payment are left out: nobody knows whether they were late.
    """
    took, limit = F.col("placed") - F.col("paid"), params.recovery_days * 24
    ended = F.col("placed") > limit
    paid_late = states.where(ended & (took > params.late_hours)).select(
        "customer_no", (took <= limit).alias("is_recovered")
    )
    return paid_late.unionByName(unsettled.where(ended).select("customer_no", F.lit(False).alias("is_recovered")))


def fit_recovery_rate(late: DataFrame) -> DataFrame:
    """The share of `as_late_orders` that were paid: feature, subject, position, value; no row without any."""
    return (
        late.agg(F.avg(F.col("is_recovered").cast("int")).alias("value"))
        .where(F.col("value").isNotNull())
        .select(
            F.lit("unpaid_recovery_rate").alias("feature"),
            F.lit("").alias("subject"),
            F.lit(0).alias("position"),
            "value",
        )
    )


def recovery_features(late: DataFrame, rate: DataFrame, params: UnpaidOrderParams) -> DataFrame:
    """One row per customer of `as_late_orders`: feature 103, by the population's `rate`."""
    counts = late.groupBy("customer_no").agg(
        F.count(F.lit(1)).cast("int").alias("late_unpaid_n"), F.count(F.when(F.col("is_recovered"), 1)).alias("_n")
    )
    prior = rate.agg(F.max("value").alias("_rate"))
    smoothed = ratio(
        F.col("_n") + F.col("_rate") * params.prior_orders, F.col("late_unpaid_n") + F.lit(params.prior_orders)
    )
    return counts.join(F.broadcast(prior), how="cross").select(
        "customer_no", "late_unpaid_n", smoothed.alias("unpaid_recovery_rate")
    )


def failure_features(states: DataFrame) -> DataFrame:
    """One row per customer with a failed payment: feature 104."""
    failed = states.where(F.col("n_failed_30") > 0)
    return failed.groupBy("customer_no").agg(F.sum("n_failed_30").cast("int").alias("pay_failure_n"))
