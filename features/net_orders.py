"""Orders less what was refunded of them."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.facts import Facts
from features.windows import MONEY


def net_orders(facts: Facts) -> DataFrame:
    """customer_id, order_id, order_ts, days_ago, net_amount of every order known before the cut, kept.

    `net_amount` is the amount less the refunds known before the cut, at least 0: more cannot have been paid back,
    whatever the log says. A refund that states no amount takes nothing off. The order's moment is that of its first
    line, also for what was refunded later.
    """
    return facts.kept("net_orders", lambda: as_net_orders(facts))


def as_net_orders(facts: Facts) -> DataFrame:
    """See `net_orders`."""
    orders = facts.orders.select("customer_id", "order_id", "order_ts", "days_ago", "amount")
    if not facts.has("order_status"):
        return orders.withColumnRenamed("amount", "net_amount")
    refunds = (
        facts.log("order_status", "order_id", "status", "amount")
        .where(F.col("status") == "refunded")
        .groupBy("customer_id", "order_id")
        .agg(F.sum("amount").cast(MONEY).alias("_refunded"))
    )
    net = F.col("amount") - F.coalesce(F.col("_refunded"), F.lit(0).cast(MONEY))
    return orders.join(refunds, ["customer_id", "order_id"], how="left").select(
        "customer_id",
        "order_id",
        "order_ts",
        "days_ago",
        F.greatest(net, F.lit(0).cast(MONEY)).cast(MONEY).alias("net_amount"),
    )
