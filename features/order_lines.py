"""Purchases as customers made them, known before the cut, at the grains that features are computed from.

An order's moment is that of its earliest line. Product attributes are those that held at the cut, so that a
category renamed last year does not split a habit in two.
"""

from __future__ import annotations

from decimal import Decimal

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.as_of import AsOf, known_before
from features.definitions import FeatureParams
from features.windows import MONEY


def account_customers(customer_map: DataFrame, as_of: AsOf) -> DataFrame:
    """The customer of each account at the cut: account_id, customer_id, one row per account.

    A stitch counts from the instant after `valid_from`, as every other fact does, and until `valid_to`.
    """
    cut = F.lit(as_of.ts)
    valid = customer_map.where(
        (F.col("valid_from") < cut) & (F.col("valid_to").isNull() | (F.col("valid_to") >= cut))
    ).select("account_id", "customer_id", "valid_from")
    return _last_per(valid, "account_id", "customer_id").select("account_id", "customer_id")


def product_attributes(products: DataFrame, as_of: AsOf) -> DataFrame:
    """The attributes of each product at the cut: product_id, category, brand, own_brand, one row per product.

    A row without valid_from has always held. A product first described at or after the cut is unknown.
    """
    known = products.where(F.col("valid_from").isNull() | (F.col("valid_from") < F.lit(as_of.ts)))
    columns = ["product_id", "category", "brand", "own_brand"]
    return _last_per(known.select(*columns, "valid_from"), "product_id", "category").select(*columns)


def customer_lines(transactions: DataFrame, products: DataFrame, customer_map: DataFrame, as_of: AsOf) -> DataFrame:
    """Order lines known before the cut, with their customer, their product's attributes and `days_ago`.

    Columns: customer_id, order_id, event_ts, days_ago, quantity, amount, list_amount, coupon_amount, category,
    brand, own_brand. `days_ago` counts local days back from the cut: 1 is the day before it. A null in
    `available_ts` is not known, and an account without a customer at the cut is left out.
    """
    known = known_before(transactions, as_of)
    local_day = F.to_date(F.from_utc_timestamp(F.col("event_ts"), as_of.time_zone))
    return (
        known.join(F.broadcast(account_customers(customer_map, as_of)), "account_id", how="inner")
        .join(product_attributes(products, as_of), "product_id", how="left")
        .select(
            "customer_id",
            "order_id",
            "event_ts",
            (F.lit(as_of.epoch_day) - F.unix_date(local_day)).cast("int").alias("days_ago"),
            "quantity",
            "amount",
            "list_amount",
            "coupon_amount",
            "category",
            "brand",
            "own_brand",
        )
    )


def as_orders(lines: DataFrame, as_of: AsOf, params: FeatureParams) -> DataFrame:
    """One row per customer and order: when (`days_ago`, local `hour`, `weekday` 1 = Monday, `month_day`) and sums.

    Columns: n_lines, n_units, amount, coupon_amount (null when no line states
    one), listed_list and listed_paid (shelf value and paid value of lines that have a shelf price above 0),
    n_listed, n_discounted, n_full_price, own_amount and branded_amount (own label, and label known).
    """
    orders = lines.groupBy("customer_id", "order_id").agg(
        F.min("event_ts").alias("order_ts"),
        *[F.sum(value).cast(kind).alias(name) for name, (value, kind) in _line_sums(params).items()],
    )
    local = F.from_utc_timestamp(F.col("order_ts"), as_of.time_zone)
    return orders.select(
        "*",
        (F.lit(as_of.epoch_day) - F.unix_date(F.to_date(local))).cast("int").alias("days_ago"),
        F.hour(local).alias("hour"),
        # from the day number (1970-01-01 was a Thursday): `weekday` gives -1 for Sundays on the embedded engine
        (F.pmod(F.unix_date(F.to_date(local)) + 3, F.lit(7)) + 1).cast("int").alias("weekday"),
        F.dayofmonth(local).alias("month_day"),
    )


def as_category_orders(lines: DataFrame) -> DataFrame:
    """One row per customer, category and order: days_ago, n_lines, amount. No row for lines without a category."""
    return (
        lines.where(F.col("category").isNotNull())
        .groupBy("customer_id", "category", "order_id")
        .agg(
            F.max("days_ago").alias("days_ago"),
            F.count(F.lit(1)).alias("n_lines"),
            F.sum("amount").cast(MONEY).alias("amount"),
        )
    )


def _line_sums(params: FeatureParams) -> dict[str, tuple[Column, str]]:
    """What is summed from lines to orders: name -> (value per line, type)."""
    amount, shelf = F.col("amount"), F.col("list_amount")
    listed = shelf > 0
    limit = shelf * F.lit(Decimal(str(1 - params.discount_threshold)).quantize(Decimal("0.0001")))
    one = F.lit(1)
    return {
        "n_lines": (one, "bigint"),
        "n_units": (F.col("quantity"), "bigint"),
        "amount": (amount, MONEY),
        "coupon_amount": (F.col("coupon_amount"), MONEY),
        "listed_list": (F.when(listed, shelf), MONEY),
        "listed_paid": (F.when(listed, amount), MONEY),
        "n_listed": (F.when(listed, one).otherwise(0), "bigint"),
        "n_discounted": (F.when(listed & (amount < limit), one).otherwise(0), "bigint"),
        "n_full_price": (F.when(listed & (amount >= shelf), one).otherwise(0), "bigint"),
        "own_amount": (F.when(F.col("own_brand"), amount), MONEY),
        "branded_amount": (F.when(F.col("own_brand").isNotNull(), amount), MONEY),
    }


def _last_per(df: DataFrame, key: str, tie: str) -> DataFrame:
    """The row with the latest valid_from per key (null is earliest); a second row of a key can never fan out a join."""
    newest = Window.partitionBy(key).orderBy(F.col("valid_from").desc_nulls_last(), F.col(tie).asc_nulls_last())
    return df.withColumn("_n", F.row_number().over(newest)).where(F.col("_n") == 1).drop("_n")
