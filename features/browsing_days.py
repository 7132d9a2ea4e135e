"""Page events of a customer and a day, summed: the grain on which families read a year of browsing.

- `as_visits`: customer_no, event_day, session_id ("" without one), slot, first_us, last_us. Events without a session
  fall into slots of half an hour (0 for the others): no visit can end within one, so visits are found from slots
  exactly as from events, and a customer with a million events has at most 48 rows a day.
- `as_category_days`: customer_no, event_day, category_no, page, n_views, dwell_ms. `page` is the category of the page
  where the product has none. Dwell is capped per page, and in milliseconds, so that its sums do not depend on order.

`event_day` is the local day as days since 1970-01-01; `_us` are microseconds since then, UTC.

These sums are made anew for each snapshot and not kept from day to day as tiles. Measured with
`tests/benchmarks/bench_browsing.py` on two cores shared with other work, in seconds of processor time: a year of
20 M events of 100,000 customers takes 61 for all families and companions of browsing, of which visits are 9,
category days 12 and days of products 5. Tiles of all three would leave 35 of 61, so a day's increment could not come
below 0.58 of a cold build, and not near a tenth: what is left compares 90 days of customers and products, and every
row of the companions changes every day, since weights decay. 200 M events of 1 M customers take 603 and 6.9 GB.
Against that, tiles need partitions without holes, repair after corrections of sources, and a version of
their own; a snapshot from raw events needs none of it, and is equal whatever the order in which facts arrived.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.as_of import AsOf
from features.local_days import SECOND, local_day
from features.product_spans import holds

YEAR_READ = 366  # a day more than the longest window, to know which visits began before it
GAP_US = 30 * 60 * SECOND  # a longer silence ends a visit
VIEW, SEARCH = "view", "search"


def event_us() -> Column:
    """The event's moment."""
    return F.unix_micros("event_ts")


def dwell_ms(cap_seconds: float) -> Column:
    """Time on a page in milliseconds, no more than the cap; 0 where none is stated."""
    seconds = F.least(F.coalesce(F.col("dwell_seconds"), F.lit(0.0)), F.lit(float(cap_seconds)))
    return F.floor(seconds * 1000 + 0.5).cast("bigint")


def as_visits(events: DataFrame, as_of: AsOf, days: int = YEAR_READ) -> DataFrame:
    """From customer_no, us and session_id to visits, or what is known of them; `days` as in `local_day`."""
    session, us = F.coalesce(F.col("session_id"), F.lit("")), F.col("us")
    slot = F.when(session == "", F.floor(us / F.lit(GAP_US))).otherwise(F.lit(0)).cast("bigint")
    return events.groupBy(
        "customer_no", local_day(us, as_of, days).alias("event_day"), session.alias("session_id"), slot.alias("slot")
    ).agg(F.min("us").alias("first_us"), F.max("us").alias("last_us"))


def as_category_days(views: DataFrame, spans: DataFrame, as_of: AsOf, days: int = YEAR_READ) -> DataFrame:
    """From customer_no, product_id, category, us, ms to views by category: the product's at the view, else the page's.

    `spans` has product_id, category_no, from_us, until_us. A view of neither is left out.
    """
    then = spans.withColumnRenamed("product_id", "_product_id")
    of_product = (F.col("product_id") == F.col("_product_id")) & holds(F.col("us"))
    page = F.when(F.col("category_no").isNull(), F.col("category"))
    return (
        views.join(F.broadcast(then), of_product, how="left")
        .select(
            "customer_no",
            local_day(F.col("us"), as_of, days).alias("event_day"),
            "category_no",
            page.alias("page"),
            "ms",
        )
        .where(F.col("category_no").isNotNull() | F.col("page").isNotNull())
        .groupBy("customer_no", "event_day", "category_no", "page")
        .agg(F.count(F.lit(1)).alias("n_views"), F.sum("ms").alias("dwell_ms"))
    )
