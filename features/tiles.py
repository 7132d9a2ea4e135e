"""Page views of an account and a day, summed: the grain on which families read a year of browsing.

Sums, minima and maxima only, so that rows of the same key from several places add up to what one place would have
said: days, late arrivals, accounts that turn out to be one customer.

- `as_visits`: account_id, event_day, session_id ("" without one), slot, first_us, last_us, n_views, n_searches,
  n_pc, n_ios, n_android, n_mini_program. Events without a session fall into slots of half an hour (0 for the
  others): no visit can end within one, so visits are found from slots exactly as from events, and a customer with a
  million events has at most 48 rows a day.
- `as_category_views`: account_id, event_day, category, n_views, dwell_ms. Dwell is capped per page, and in
  milliseconds, so that its sums do not depend on their order.

`event_day` is the local day as days since 1970-01-01; `_us` are microseconds since then, UTC.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.as_of import AsOf
from features.local_days import SECOND, local_day
from features.product_spans import holds, product_spans

DEVICES = ("pc", "ios", "android", "mini_program")
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


def as_visits(browsing: DataFrame, as_of: AsOf, days: int = YEAR_READ) -> DataFrame:
    """Visits, or what is known of them; `days` as in `local_day`."""
    session = F.coalesce(F.col("session_id"), F.lit(""))
    slot = F.when(session == "", F.floor(event_us() / F.lit(GAP_US))).otherwise(F.lit(0)).cast("bigint")
    kind = F.col("event_kind")
    return (
        browsing.select("account_id", "event_ts", "device", kind, session.alias("session_id"), slot.alias("slot"))
        .groupBy("account_id", local_day(event_us(), as_of, days).alias("event_day"), "session_id", "slot")
        .agg(
            F.min(event_us()).alias("first_us"),
            F.max(event_us()).alias("last_us"),
            _count(kind == VIEW).alias("n_views"),
            _count(kind == SEARCH).alias("n_searches"),
            *[_count(F.col("device") == d).alias(f"n_{d}") for d in DEVICES],
        )
    )


def as_category_views(
    browsing: DataFrame, products: DataFrame, as_of: AsOf, cap_seconds: float, days: int = YEAR_READ
) -> DataFrame:
    """Views by category: the product's at the view, else the page's; a view of neither is left out."""
    spans = product_spans(products, ("category",), as_of).withColumnRenamed("product_id", "_product_id")
    spans = spans.withColumnRenamed("category", "_category")
    views = browsing.where(F.col("event_kind") == VIEW).select(
        "account_id",
        "product_id",
        "category",
        event_us().alias("us"),
        dwell_ms(cap_seconds).alias("_ms"),
    )
    of_product = (F.col("product_id") == F.col("_product_id")) & holds(F.col("us"))
    return (
        views.join(F.broadcast(spans), of_product, how="left")
        .select(
            "account_id",
            local_day(F.col("us"), as_of, days).alias("event_day"),
            F.coalesce("_category", "category").alias("category"),
            "_ms",
        )
        .where(F.col("category").isNotNull())
        .groupBy("account_id", "event_day", "category")
        .agg(F.count(F.lit(1)).alias("n_views"), F.sum("_ms").alias("dwell_ms"))
    )


def _count(condition: Column) -> Column:
    return F.sum(F.when(condition, F.lit(1)).otherwise(F.lit(0))).cast("bigint")
