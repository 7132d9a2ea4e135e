"""Customers, products and sales as tables that a report draws: months, products, pairs of categories, cohorts."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.as_of import AsOf
from features.cube.cube_params import CubeParams
from features.facts import Facts
from features.rounding import rounded
from features.windows import MONEY

RANKING_WINDOWS = (28, 365)


def as_sales_by_month(lines: DataFrame, as_of: AsOf) -> DataFrame:
    """Rows of `SALES_BY_MONTH` without as_of, from `customer_lines`."""
    dated = lines.select(
        _month(as_of).alias("month"),
        F.coalesce("category", F.lit("")).alias("category"),
        "customer_id",
        "order_id",
        "quantity",
        "amount",
    )
    orders = dated.groupBy("month", "category", "customer_id", "order_id").agg(
        F.sum("quantity").cast("bigint").alias("units"), F.sum("amount").cast(MONEY).alias("amount")
    )
    customers = orders.groupBy("month", "category", "customer_id").agg(
        F.count(F.lit(1)).alias("orders"),
        F.sum("units").cast("bigint").alias("units"),
        F.sum("amount").cast(MONEY).alias("amount"),
    )
    this_month = F.lit(as_of.day.replace(day=1).isoformat()).cast("date")
    return customers.groupBy("month", "category").agg(
        F.sum("orders").cast("bigint").alias("orders"),
        F.count(F.lit(1)).alias("customers"),
        F.sum("units").cast("bigint").alias("units"),
        F.sum("amount").cast(MONEY).alias("amount"),
        F.min(F.col("month") < this_month).alias("is_whole_month"),
    )


def as_product_ranking(facts: Facts, params: CubeParams) -> DataFrame:
    """Rows of `PRODUCT_RANKING` without as_of."""
    days = 2 * max(RANKING_WINDOWS)
    lines = facts.log("transactions", "product_id", "order_id", "quantity", "amount", days=days)
    frames = [_ranking(lines, window, params) for window in RANKING_WINDOWS]
    return frames[0].unionByName(frames[1])


def _ranking(lines: DataFrame, window: int, params: CubeParams) -> DataFrame:
    period = F.floor((F.col("days_ago") - 1) / F.lit(window)).cast("int")  # 0 is the window, 1 the one before
    sold = (
        lines.where(F.col("days_ago") <= 2 * window)
        .groupBy(period.alias("period"), "product_id", "customer_id", "order_id")
        .agg(F.sum("quantity").cast("bigint").alias("units"), F.sum("amount").cast(MONEY).alias("amount"))
        .groupBy("period", "product_id", "customer_id")
        .agg(
            F.sum("units").cast("bigint").alias("units"),
            F.sum("amount").cast(MONEY).alias("amount"),
            F.count(F.lit(1)).alias("orders"),
        )
        .groupBy("period", "product_id")
        .agg(
            F.sum("units").cast("bigint").alias("units"),
            F.sum("amount").cast(MONEY).alias("amount"),
            F.sum("orders").cast("bigint").alias("orders"),
            F.count(F.lit(1)).alias("customers"),
        )
    )
    by_amount = Window.partitionBy("period").orderBy(F.col("amount").desc(), "product_id")
    ranked = sold.withColumn("rank", F.row_number().over(by_amount))
    before = ranked.where(F.col("period") == 1).select("product_id", F.col("rank").alias("rank_before"))
    now = ranked.where((F.col("period") == 0) & (F.col("rank") <= params.ranking_size))
    return now.join(before, "product_id", how="left").select(
        F.lit(window).alias("window_days"),
        "rank",
        "product_id",
        "amount",
        "units",
        "orders",
        "customers",
        "rank_before",
    )


def as_basket_pairs(category_orders: DataFrame, params: CubeParams) -> DataFrame:
    """Rows of `BASKET_PAIRS` without as_of, from `as_category_orders`."""
    recent = category_orders.where(F.col("days_ago") <= params.pair_days).select("customer_id", "order_id", "category")
    orders = recent.groupBy("customer_id", "order_id").agg(F.sort_array(F.collect_list("category")).alias("found"))
    total = orders.agg(F.count(F.lit(1)).alias("n"))
    single = recent.groupBy("category").agg(F.count(F.lit(1)).alias("n"))
    one = orders.select(F.explode("found").alias("category_a"), "found")
    both = (
        one.select("category_a", F.explode("found").alias("category_b"))
        .where(F.col("category_b") > F.col("category_a"))
        .groupBy("category_a", "category_b")
        .agg(F.count(F.lit(1)).alias("orders"))
        .where(F.col("orders") >= params.pair_min_orders)
    )
    a = single.select(F.col("category").alias("category_a"), F.col("n").alias("orders_a"))
    b = single.select(F.col("category").alias("category_b"), F.col("n").alias("orders_b"))
    return (
        both.join(F.broadcast(a), "category_a", how="inner")
        .join(F.broadcast(b), "category_b", how="inner")
        .join(F.broadcast(total), how="cross")
        .select(
            "category_a",
            "category_b",
            "orders",
            "orders_a",
            "orders_b",
            rounded(F.col("orders") * F.col("n") / (F.col("orders_a") * F.col("orders_b"))).alias("lift"),
        )
    )


def as_cohort_retention(orders: DataFrame, as_of: AsOf, params: CubeParams) -> DataFrame:
    """Rows of `COHORT_RETENTION` without as_of, from `as_orders`: months that had ended at the cut only.

    Every month of a cohort has a row, also one in which nobody bought.
    """
    months = orders.select("customer_id", _month_index(as_of).alias("month"), "amount")
    each = months.groupBy("customer_id", "month").agg(
        F.count(F.lit(1)).alias("orders"), F.sum("amount").cast(MONEY).alias("amount")
    )
    first = months.groupBy("customer_id").agg(F.min("month").alias("cohort"))
    last_whole = as_of.day.year * 12 + as_of.day.month - 2  # months are counted from year 0, January is 0
    sizes = (
        first.where(F.col("cohort").between(last_whole - params.cohort_months + 1, last_whole))
        .groupBy("cohort")
        .agg(F.count(F.lit(1)).alias("customers"))
        .select("*", F.explode(F.sequence(F.lit(0), F.lit(last_whole) - F.col("cohort"))).alias("month_no"))
    )
    bought = (
        each.join(first, "customer_id", how="inner")
        .groupBy("cohort", (F.col("month") - F.col("cohort")).alias("month_no"))
        .agg(
            F.count(F.lit(1)).alias("active"),
            F.sum("orders").cast("bigint").alias("orders"),
            F.sum("amount").cast(MONEY).alias("amount"),
        )
    )
    none = F.lit(0)
    return sizes.join(bought, ["cohort", "month_no"], how="left").select(
        F.make_date(F.floor(F.col("cohort") / 12).cast("int"), F.pmod("cohort", F.lit(12)) + 1, F.lit(1)).alias(
            "cohort_month"
        ),
        "month_no",
        "customers",
        F.coalesce("active", none).alias("active"),
        F.coalesce("orders", none).alias("orders"),
        F.coalesce("amount", none.cast(MONEY)).alias("amount"),
        rounded(F.coalesce("active", none) / F.col("customers")).alias("retention"),
    )


def _day(as_of: AsOf) -> Column:
    """The local day of a row with days_ago."""
    return F.date_sub(F.lit(as_of.day.isoformat()).cast("date"), F.col("days_ago"))


def _month(as_of: AsOf) -> Column:
    return F.trunc(_day(as_of), "month")


def _month_index(as_of: AsOf) -> Column:
    return (F.year(_day(as_of)) * 12 + F.month(_day(as_of)) - 1).cast("int")
