"""What families read of browsing, by customer: a year of visits and categories, 90 days of products."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.as_of import known_before
from features.facts import Facts
from features.local_days import local_day
from features.tiles import VIEW, YEAR_READ, as_category_views, as_visits, dwell_ms, event_us

SEASON = 90  # days of products


def known_browsing(facts: Facts, days: int) -> DataFrame:
    """Rows of `browsing` known before the cut, of the last so many local days."""
    known = known_before(facts.tables["browsing"], facts.as_of)
    return known.where(F.col("event_ts") >= F.lit(facts.as_of.plus(-days).ts))


def visits(facts: Facts) -> DataFrame:
    """`as_visits` of 366 days with customer_id and days_ago instead of account and day; keys may repeat."""
    return _of_customers(facts, as_visits(known_browsing(facts, YEAR_READ), facts.as_of))


def category_views(facts: Facts) -> DataFrame:
    """`as_category_views` of 366 days by customer_id and days_ago; keys may repeat."""
    cap = facts.params.browsing.dwell_cap_seconds
    known = known_browsing(facts, YEAR_READ)
    return _of_customers(facts, as_category_views(known, facts.tables["products"], facts.as_of, cap))


def product_views(facts: Facts) -> DataFrame:
    """Views of products in 90 days: customer_id, product_id, days_ago, n_views, dwell_ms, first_us, last_us. Kept.

    One row per account, product and day: for a customer of several accounts keys may repeat.
    """

    def build() -> DataFrame:
        of_products = (F.col("event_kind") == VIEW) & F.col("product_id").isNotNull()
        views = known_browsing(facts, SEASON).where(of_products)
        by_day = views.groupBy(
            "account_id", "product_id", local_day(event_us(), facts.as_of, SEASON).alias("event_day")
        ).agg(
            F.count(F.lit(1)).alias("n_views"),
            F.sum(dwell_ms(facts.params.browsing.dwell_cap_seconds)).alias("dwell_ms"),
            F.min(event_us()).alias("first_us"),
            F.max(event_us()).alias("last_us"),
        )
        return _of_customers(facts, by_day)

    return facts.kept("product_views", build)


def bought_products(facts: Facts) -> DataFrame:
    """customer_id, product_id, bought_us: the last purchase of each product in 90 days. Kept."""
    return facts.kept(
        "bought_products",
        lambda: (
            facts.log("transactions", "product_id", event_us().alias("us"), days=SEASON)
            .groupBy("customer_id", "product_id")
            .agg(F.max("us").alias("bought_us"))
        ),
    )


def not_bought_since(facts: Facts, frame: DataFrame, since: Column) -> DataFrame:
    """Rows of `frame` (customer_id, product_id) without a purchase of the product at or after `since`."""
    later = frame.join(bought_products(facts), ["customer_id", "product_id"], how="left")
    return later.where(F.col("bought_us").isNull() | (F.col("bought_us") < since)).drop("bought_us")


def _of_customers(facts: Facts, df: DataFrame) -> DataFrame:
    days_ago = (F.lit(facts.as_of.epoch_day) - F.col("event_day")).cast("int")
    return (
        df.join(F.broadcast(facts.accounts), "account_id", how="inner")
        .withColumn("days_ago", days_ago)
        .drop("account_id", "event_day")
    )
