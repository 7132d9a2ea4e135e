"""What the churn hazard learns from: customers as they were known at earlier cuts, and when they bought next.

The features are those of the wide row, by the code of their families on the facts before the earlier cut. The label
is read from orders known before today's cut, whose 90 days are over.
"""

from __future__ import annotations

from dataclasses import replace

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.as_of import known_before
from features.facts import Facts
from features.families import contact_history, recency, rhythm
from features.order_lines import as_refunds
from features.windows import MONEY

LABEL_DAYS = 90  # also the distance of cuts, so that no order is in two labels of a customer
SALT = "churn"  # so that this sample is another one than those by the customer's plain hash
BUCKETS = 10_000
RECENCY = (
    "recency_days",
    "n_orders_30",
    "n_orders_90",
    "n_orders_180",
    "n_orders_365",
    "n_orders_l",
    "net_amt_90",
    "net_amt_365",
    "aov_365",
    "amt_trend",
)
RHYTHM = (
    "ipt_n",
    "ipt_mean",
    "ipt_median",
    "ipt_std",
    "ipt_cv",
    "overdue_ratio",
    "overdue_z",
    "days_since_first_order",
    "active_months_share",
)
ACTIVE_DAYS = ("active_days_30", "active_days_90")
CONTACTS = ("n_contacts_7", "n_contacts_30")


def input_names(facts: Facts) -> tuple[str, ...]:
    """The columns of the wide row that the model reads, given what is delivered."""
    browsed = ACTIVE_DAYS if facts.has("browsing") else ()
    return (*RECENCY, *RHYTHM, *browsed, *(CONTACTS if facts.has("contacts") else ()))


def input_columns(facts: Facts) -> list[Column]:
    """The columns of `input_names` as doubles; counts of what never happened are 0."""
    counts = (*ACTIVE_DAYS, *CONTACTS)
    return [
        (F.coalesce(F.col(n), F.lit(0)) if n in counts else F.col(n)).cast("double").alias(n)
        for n in input_names(facts)
    ]


def churn_rows(facts: Facts, cut_no: int, buckets: int) -> DataFrame:
    """customer_id, `input_names` at the cut 90 x cut_no days ago, and next_order (days from it; null: none in 90).

    One row per customer of a hash sample (`buckets` of BUCKETS) with an order known before that cut. The label takes
    customers as they were known at the earlier cut, and orders known by now.
    """
    earlier = _facts_of_sample(facts, cut_no, buckets)
    orders = earlier.kept("orders", lambda: _orders(earlier))
    frames = [recency.recency_features(orders), rhythm.rhythm_features(orders, earlier.as_of, earlier.params)]
    if facts.has("browsing"):
        frames.append(_active_days(earlier))
    rows = earlier.customers
    for frame in frames:
        # an inner join with the first keeps those with an order
        rows = frame.join(rows, "customer_no", how="inner" if frame is frames[0] else "right")
    if facts.has("contacts"):
        rows = contact_history.contact_features(earlier).join(rows, "customer_id", how="right")
    labelled = _next_orders(facts, earlier).join(rows, "customer_id", how="right")
    return labelled.select("customer_id", *input_columns(facts), F.col("next_order").cast("double"))


def _facts_of_sample(facts: Facts, cut_no: int, buckets: int) -> Facts:
    """The facts before an earlier cut, of the sample's accounts only."""
    mapped = facts.tables["customer_map"]
    bucket = F.pmod(F.xxhash64(F.lit(SALT), F.col("customer_id")), F.lit(BUCKETS))
    tables = {**facts.tables, "customer_map": mapped.where(bucket < F.lit(buckets))}
    cut = facts.as_of.plus(-LABEL_DAYS * cut_no)

    def keep(name: str, df: DataFrame) -> DataFrame:
        return facts.keep(f"churn_{cut_no}_{name}", df)

    return replace(facts, tables=tables, as_of=cut, keep=keep, _kept={})


def _orders(facts: Facts) -> DataFrame:
    """The columns of `as_orders` that families A and B read, without looking up what each line's product was."""
    lines = known_before(facts.tables["transactions"], facts.as_of).join(
        F.broadcast(facts.accounts), "account_id", how="inner"
    )
    orders = lines.groupBy("customer_no", "order_id").agg(
        F.min("event_ts").alias("order_ts"), F.sum("amount").cast(MONEY).alias("amount")
    )
    net = F.col("amount")
    if facts.has("order_status"):
        refunds = as_refunds(facts.tables["order_status"], facts.as_of)
        orders = refunds.join(orders, "order_id", how="right")
        net = F.greatest(net - F.coalesce(F.col("refunded"), F.lit(0)), F.lit(0)).cast(MONEY)
    days_ago = facts.days_ago(F.col("order_ts")).alias("days_ago")
    return orders.select("customer_no", "order_id", days_ago, "amount", net.alias("net_amount"))


def _active_days(facts: Facts) -> DataFrame:
    """active_days_30 and active_days_90, as family H counts them."""
    days = facts.log("browsing", "customer_no", days=LABEL_DAYS).groupBy("customer_no", "days_ago").agg(F.lit(1))
    return days.groupBy("customer_no").agg(
        *[F.count(F.when(F.col("days_ago") <= w, F.lit(1))).alias(f"active_days_{w}") for w in (30, 90)]
    )


def _next_orders(facts: Facts, earlier: Facts) -> DataFrame:
    """customer_id and next_order: days from the earlier cut to the first order day, of those within 90."""
    ago = F.lit(-1) * earlier.days_ago(F.col("event_ts"))
    orders = known_before(facts.tables["transactions"], facts.as_of).where(
        (F.col("event_ts") >= F.lit(earlier.as_of.ts)) & (F.col("event_ts") < F.lit(earlier.as_of.plus(LABEL_DAYS).ts))
    )
    return (
        orders.join(F.broadcast(earlier.accounts), "account_id", how="inner")
        .groupBy("customer_id")
        .agg(F.min(ago).alias("next_order"))
    )
