"""Days on which a customer ordered: orders of one day are one occasion, in everything about life cycle and lifetime."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from features.facts import Facts
from features.windows import MONEY


def order_days(facts: Facts) -> DataFrame:
    """`as_order_days` of the snapshot, computed once."""
    return facts.kept("order_days", lambda: as_order_days(facts.orders))


def as_order_days(orders: DataFrame) -> DataFrame:
    """One row per customer_no: `days` (array of days_ago, each once, in no order) and the net `amount` of all."""
    daily = orders.groupBy("customer_no", "days_ago").agg(F.sum("net_amount").cast(MONEY).alias("amount"))
    return daily.groupBy("customer_no").agg(
        F.collect_list("days_ago").alias("days"), F.sum("amount").cast(MONEY).alias("amount")
    )


def histories(facts: Facts) -> DataFrame:
    """What lifetime models are fitted on and score, one row per customer with an order. Kept.

    Columns: customer_no, customer_id, n_days (order days), x (n_days - 1), t_x (days from the first to the last),
    T (days from the first to the cut), to_second (days from the first to the second, null with one), amount (net, of
    all), first_category (that of most money on the first day, of equals the first by name; null when unknown).
    """
    return facts.kept("histories", lambda: _histories(facts))


def _histories(facts: Facts) -> DataFrame:
    days = F.col("days")
    first = F.array_max(days)
    second = F.get(F.sort_array(days, asc=False), F.lit(1))
    known = order_days(facts).select(
        "customer_no",
        F.size(days).alias("n_days"),
        (F.size(days) - 1).alias("x"),
        (first - F.array_min(days)).alias("t_x"),
        first.alias("T"),
        (first - second).alias("to_second"),
        "amount",
    )
    return first_categories(facts, known).join(
        facts.customers.join(known, "customer_no", how="inner"), "customer_no", how="right"
    )


def first_categories(facts: Facts, known: DataFrame) -> DataFrame:
    """customer_no and first_category of everybody whose first day has a line with a category."""
    lines = facts.numbered_lines.where(F.col("category_no").isNotNull())
    of_first = known.select("customer_no", F.col("T").alias("days_ago")).join(
        lines, ["customer_no", "days_ago"], how="inner"
    )
    sums = of_first.groupBy("customer_no", "category_no").agg(F.sum("amount").cast(MONEY).alias("amount"))
    named = F.broadcast(facts.category_names).join(sums, "category_no", how="inner")
    most = Window.partitionBy("customer_no").orderBy(F.col("amount").desc(), "category")
    return (
        named.withColumn("_n", F.row_number().over(most))
        .where(F.col("_n") == 1)
        .select("customer_no", F.col("category").alias("first_category"))
    )
