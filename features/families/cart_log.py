"""The log that carts are replayed from: cart events of the last 90 days, and purchases of what lay in a cart.

A shop's carts may not log orders, or not those at the till. So the purchase of a product that was put in before takes
its units out, wherever it was bought, as an `order` event does. Where the carts do log an order of the product, by the
same order_id or within a day, that event stands and the purchase is left out: it is one and the same. Of one moment
the purchase comes last.
"""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.browsed import numbered_log, with_days_ago
from features.facts import Facts
from features.windows import DAY_MICROS, MONEY

WINDOW = 90  # days
LINE = ("customer_no", "product_key")


def cart_log(facts: Facts) -> DataFrame:
    """customer_no, product_key, us, days_ago, event_id, is_order, units, price of events and purchases of 90 days.

    `units` is negative where they leave the cart. Products are told apart by a 64-bit hash.
    """
    bought = facts.kept("cart_purchases", lambda: as_cart_purchases(facts))
    return _events(facts).drop("order_id").unionByName(bought)


def as_cart_purchases(facts: Facts) -> DataFrame:
    """Purchases that the cart events do not tell of, one row per customer, product and order, as in `cart_log`."""
    events = _events(facts)
    put_in = events.where(F.col("units") > 0).groupBy(*LINE).agg(F.min("us").alias("_since"))
    columns = (F.xxhash64("product_id").alias("product_key"), "order_id", "quantity")
    bought = (
        put_in.join(numbered_log(facts, "transactions", *columns, days=WINDOW), list(LINE), how="inner")
        .where(F.col("us") >= F.col("_since"))
        .groupBy(*LINE, "order_id")
        .agg(F.min("us").alias("us"), F.sum("quantity").alias("_bought"))
    )
    told = events.where(F.col("is_order")).select(
        *[F.col(name).alias(f"_{name}") for name in (*LINE, "us")], F.col("order_id").alias("_order_id")
    )
    same_line = (F.col("customer_no") == F.col("_customer_no")) & (F.col("product_key") == F.col("_product_key"))
    same_order = (F.col("order_id") == F.col("_order_id")) | (F.abs(F.col("us") - F.col("_us")) <= DAY_MICROS)
    untold = bought.join(told, same_line & same_order, how="left_anti").select(
        *LINE,
        "us",
        F.concat(F.lit("~"), F.col("order_id")).alias("event_id"),  # after the events of its moment
        F.lit(True).alias("is_order"),
        (-F.col("_bought")).alias("units"),
        F.lit(None).cast(MONEY).alias("price"),
    )
    return with_days_ago(facts, untold, WINDOW)


def _events(facts: Facts) -> DataFrame:
    """The events of `cart_log`, with their order_id, kept."""

    def build() -> DataFrame:
        added = F.col("event_kind") == "add"
        columns = (
            "event_id",
            F.xxhash64("product_id").alias("product_key"),
            "order_id",
            (F.col("event_kind") == "order").alias("is_order"),
            F.when(added, F.col("quantity")).otherwise(-F.col("quantity")).alias("units"),
            F.when(added, F.col("unit_price")).alias("price"),
        )
        return with_days_ago(facts, numbered_log(facts, "cart_events", *columns, days=WINDOW), WINDOW)

    return facts.kept("cart_events_read", build)
