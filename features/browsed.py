"""What families read of browsing: a year of visits and categories, 90 days of products.

Inside, customers and products are numbers of this snapshot (`customer_no`, `product_no`): to group and join by them
takes half as long as by their ids. A product that was not described before the cut has no number: its views count as
views, and nowhere else.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.as_of import OPEN_START, known_before
from features.browsing_days import VIEW, YEAR_READ, as_category_days, as_visits, dwell_ms, event_us
from features.facts import Facts
from features.local_days import local_day
from features.product_spans import product_spans

SEASON = 90  # days of products


def numbered_log(facts: Facts, name: str, *columns: str | Column, days: int) -> DataFrame:
    """Rows of a source known before the cut, of the last so many local days: customer_no, us and `columns`."""
    known = known_before(facts.tables[name], facts.as_of)
    recent = known.where(F.col("event_ts") >= F.lit(facts.as_of.plus(-days).ts))
    numbers = facts.accounts.select("account_id", "customer_no")
    return (
        recent.select("account_id", event_us().alias("us"), *columns)
        .join(F.broadcast(numbers), "account_id", how="inner")
        .drop("account_id")
    )


def with_days_ago(facts: Facts, frame: DataFrame, days: int) -> DataFrame:
    """`frame` (with `us`) with `days_ago`, for moments in the last so many local days."""
    day = local_day(F.col("us"), facts.as_of, days)
    return frame.withColumn("days_ago", (F.lit(facts.as_of.epoch_day) - day).cast("int"))


def with_customer_ids(facts: Facts, rows: DataFrame) -> DataFrame:
    """`rows` with the customer_id of their customer_no."""
    return F.broadcast(facts.customers).join(rows, "customer_no", how="inner").drop("customer_no")


def product_numbers(facts: Facts) -> DataFrame:
    """product_id, product_no: every product described before the cut, in the order of ids. Kept."""

    def build() -> DataFrame:
        start = F.coalesce(F.col("valid_from"), F.lit(OPEN_START))
        known = facts.tables["products"].where(start < F.lit(facts.as_of.ts)).groupBy("product_id").agg(F.lit(1))
        number = F.row_number().over(Window.partitionBy(F.lit(1)).orderBy("product_id"))
        return known.select("product_id", number.alias("product_no"))

    return facts.kept("product_numbers", build)


def with_product_no(facts: Facts, frame: DataFrame) -> DataFrame:
    """Rows of `frame` (with product_id) whose product is known, with product_no instead."""
    return F.broadcast(product_numbers(facts)).join(frame, "product_id", how="inner").drop("product_id")


def visits(facts: Facts) -> DataFrame:
    """`as_visits` of 366 days."""
    return as_visits(numbered_log(facts, "browsing", "session_id", days=YEAR_READ), facts.as_of)


def category_days(facts: Facts) -> DataFrame:
    """`as_category_days` of 366 days."""
    ms = dwell_ms(facts.params.browsing.dwell_cap_seconds).alias("ms")
    events = numbered_log(facts, "browsing", "event_kind", "product_id", "category", ms, days=YEAR_READ)
    views, spans = events.where(F.col("event_kind") == VIEW), category_spans(facts).drop("category")
    return as_category_days(views, spans, facts.as_of)


def category_spans(facts: Facts) -> DataFrame:
    """product_id, category, category_no, from_us, until_us: which category a product was in when. Kept."""

    def build() -> DataFrame:
        spans = product_spans(facts.tables["products"], ("category",), facts.as_of)
        number = F.dense_rank().over(Window.partitionBy(F.lit(1)).orderBy("category"))
        return spans.withColumn("category_no", number)

    return facts.kept("category_spans", build)


def product_views(facts: Facts) -> DataFrame:
    """Views per customer, product and day of 90 days: n_views, dwell_ms, first_us, last_us, days_ago. Kept."""

    def build() -> DataFrame:
        ms = dwell_ms(facts.params.browsing.dwell_cap_seconds).alias("ms")
        events = numbered_log(facts, "browsing", "event_kind", "product_id", ms, days=SEASON)
        views = with_product_no(facts, events.where(F.col("event_kind") == VIEW))
        return (
            with_days_ago(facts, views, SEASON)
            .groupBy("customer_no", "product_no", "days_ago")
            .agg(
                F.count(F.lit(1)).alias("n_views"),
                F.sum("ms").alias("dwell_ms"),
                F.min("us").alias("first_us"),
                F.max("us").alias("last_us"),
            )
        )

    return facts.kept("product_views", build)


def bought_products(facts: Facts) -> DataFrame:
    """customer_no, product_no, bought_us: the last purchase of each product in 90 days. Kept."""
    return facts.kept(
        "bought_products",
        lambda: (
            with_product_no(facts, numbered_log(facts, "transactions", "product_id", days=SEASON))
            .groupBy("customer_no", "product_no")
            .agg(F.max("us").alias("bought_us"))
        ),
    )


def not_bought_since(facts: Facts, frame: DataFrame, since: Column) -> DataFrame:
    """Rows of `frame` (customer_no, product_no) without a purchase of the product at or after `since`."""
    later = frame.join(bought_products(facts), ["customer_no", "product_no"], how="left")
    return later.where(F.col("bought_us").isNull() | (F.col("bought_us") < since)).drop("bought_us")
