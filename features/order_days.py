"""Days on which a customer ordered: orders of one day are one occasion, in everything about life cycle and lifetime."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.facts import Facts
from features.windows import MONEY


def as_order_days(orders: DataFrame) -> DataFrame:
    """One row per customer of `orders`: `days` (array of days_ago, each once, in no order) and `amount` of all."""
    daily = orders.groupBy("customer_id", "days_ago").agg(F.sum("amount").cast(MONEY).alias("amount"))
    return daily.groupBy("customer_id").agg(
        F.collect_list("days_ago").alias("days"), F.sum("amount").cast(MONEY).alias("amount")
    )


def order_days(facts: Facts) -> DataFrame:
    """`as_order_days` of the snapshot, computed once."""
    return facts.kept("order_days", lambda: as_order_days(facts.orders))
