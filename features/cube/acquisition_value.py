"""What customers of a source brought by an age, beside what winning them cost: on cohorts that are old enough."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.cube.cube_params import CubeParams
from features.cube.cube_tables import UNKNOWN
from features.facts import Facts
from features.rounding import rounded
from features.windows import MONEY

AGES = (30, 60, 90, 180, 365)


def as_first_touches(facts: Facts, features: DataFrame) -> DataFrame:
    """customer_id, source, touch_days, cost: the age of the first contact in days, and what winning her cost.

    The first contact is the first sighting of any of her accounts, or her first order where there is none before it.
    Who has neither is left out, and so is who came before the first order of all: what she bought then is not known.
    """
    orders = facts.orders.groupBy("customer_id").agg(F.max("days_ago").alias("_order_days"))
    touches = features.select("customer_id", F.col("acq_source")).join(orders, "customer_id", how="left")
    if facts.has("accounts"):
        seen = (
            facts.log("accounts", "acquisition_cost", "account_id")
            .groupBy("customer_id", "account_id")
            .agg(F.max("days_ago").alias("_days"), F.max("acquisition_cost").alias("_cost"))
            .groupBy("customer_id")
            .agg(F.max("_days").alias("_seen_days"), F.sum("_cost").cast(MONEY).alias("cost"))
        )
        touches = touches.join(seen, "customer_id", how="left")
    else:
        touches = touches.select(
            "*", F.lit(None).cast("int").alias("_seen_days"), F.lit(None).cast(MONEY).alias("cost")
        )
    found = touches.select(
        "customer_id",
        F.coalesce("acq_source", F.lit(UNKNOWN)).alias("source"),
        F.greatest("_order_days", "_seen_days").alias("touch_days"),
        "cost",
    ).where(F.col("touch_days").isNotNull())
    log = facts.orders.agg(F.max("days_ago").alias("_log_days"))
    found = found.join(F.broadcast(log), how="cross").where(F.col("touch_days") <= F.col("_log_days"))
    return found.drop("_log_days")


def as_acquisition_value(touches: DataFrame, orders: DataFrame, params: CubeParams) -> DataFrame:
    """Rows of `ACQUISITION_VALUE` without as_of, from `as_first_touches` and `as_orders`.

    An order on the day of the first contact is at age 0; by an age of 30 days means the 30 local days from that day on.
    """
    ages = touches.select("*", F.explode(F.array(*[F.lit(a) for a in AGES])).alias("age_days"))
    due = ages.where(F.col("touch_days") >= F.col("age_days"))
    spent = (
        touches.select("customer_id", "touch_days")
        .join(orders.select("customer_id", "days_ago", "amount"), "customer_id", how="inner")
        .select("customer_id", (F.col("touch_days") - F.col("days_ago")).alias("_age"), "amount")
        .groupBy("customer_id")
        .agg(*[F.sum(F.when(F.col("_age") < a, F.col("amount"))).cast(MONEY).alias(f"_by_{a}") for a in AGES])
    )
    by_age = F.coalesce(*[F.when(F.col("age_days") == a, F.col(f"_by_{a}")) for a in AGES])
    each = due.join(spent, "customer_id", how="left").select("source", "age_days", "cost", by_age.alias("_amount"))
    # money is summed exactly, and squares as whole cents, so that no order of summing shows
    cents = (F.coalesce("_amount", F.lit(0)) * 100).cast("decimal(20,0)")
    n, total = F.col("customers"), F.col("_cents").cast("double")
    sums = each.groupBy("source", "age_days").agg(
        F.count(F.lit(1)).alias("customers"),
        F.count("_amount").alias("_ordered"),
        F.sum(cents).cast("decimal(38,0)").alias("_cents"),
        F.sum((cents * cents).cast("decimal(38,0)")).cast("decimal(38,0)").alias("_squares"),
        F.sum("cost").cast(MONEY).alias("_cost"),
        F.count("cost").alias("_with_cost"),
    )
    variance = F.greatest(F.col("_squares").cast("double") - total * total / n, F.lit(0.0)) / (n - 1)
    mean = rounded(total / n / 100)
    margin = rounded(mean * params.margin_rate)
    cost = F.when(F.col("_with_cost") > 0, rounded(F.col("_cost").cast("double") / n))
    return sums.select(
        "source",
        "age_days",
        "customers",
        rounded(F.col("_ordered") / n).alias("ordered_share"),
        mean.alias("amount_mean"),
        F.when(n > 1, rounded(F.sqrt(variance / n) / 100, 4)).alias("amount_error"),
        margin.alias("margin_mean"),
        cost.alias("cost_mean"),
        (margin >= cost).alias("is_paid_back"),
    )
