"""The companion of interest: what a customer looked at, put into carts and bought, per category.

Holds 30 cat_affinity_decay[c] over all kinds of events, and 90 wanted_not_bought[c]. Unlike
`customer_category_features` it has categories that were looked at and never bought. A product's category is the one
it had at the event, so a product that moved counts where the customer found it; a page of a category counts without
a product. Events of 365 days count: older ones would weigh less than 2 % of new ones.
"""

from __future__ import annotations

from functools import partial, reduce

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.browsed import category_days, category_spans, numbered_log, with_customer_ids, with_days_ago
from features.contract import Column
from features.definitions import CATEGORIES, FeatureDef
from features.facts import Facts
from features.feature_contract import feature_contract
from features.product_spans import join_spans
from features.rounding import rounded
from features.windows import sum_within, within

FAMILY = "interest of a customer"
YEAR = 365
EVENTS = ("n_views", "dwell_ms", "n_carts", "n_orders")
SUMS = ("views_30", "views_90", "carts_30", "dwell_ms_30", "dwell_ms_90", "short", "long", "wanted")
ALL_EVENTS = ("browsing", "cart_events", *CATEGORIES)
Def = partial(FeatureDef, family=FAMILY, default="0", low=0, leak_note="category as of the event")

DEFINITIONS = (
    *[
        Def(
            f"views_{w}",
            30,
            kind="int",
            definition="pages viewed of the category and of its products",
            sources=("browsing", "products.category"),
            window=f"last {w} days",
        )
        for w in (30, 90)
    ],
    Def(
        "carts_30",
        30,
        kind="int",
        definition="products of it put into a cart",
        sources=("cart_events", "products.category"),
        window="last 30 days",
    ),
    *[
        Def(
            f"dwell_{w}",
            82,
            kind="double",
            definition="seconds on these pages, each capped at dwell_cap_seconds",
            sources=("browsing.dwell_seconds", "products.category"),
            window=f"last {w} days",
        )
        for w in (30, 90)
    ],
    *[
        Def(
            f"cat_affinity_decay_{name}",
            30,
            kind="double",
            definition=f"view_weight per view, cart_weight per cart, buy_weight per order, halved every {half_life}",
            sources=ALL_EVENTS,
            window="last 365 days",
        )
        for name, half_life in (("short", "short_half_life_days"), ("long", "long_half_life_days"))
    ],
    Def(
        "wanted_not_bought",
        90,
        kind="double",
        definition="weights of views and carts less those of orders, halved every wanted_half_life_days; at least 0",
        sources=ALL_EVENTS,
        window="last 365 days",
    ),
    *[
        Def(
            name,
            90,
            kind="int",
            definition=f"days from the {which} view or cart in it to the cut",
            sources=("browsing", "products.category"),
            window="last 365 days",
            default="null",  # what was only bought was never looked at
            low=1,
        )
        for name, which in (("recency_days", "last"), ("days_since_first", "first"))
    ],
)

NEEDS: tuple[str, ...] = ()
CONTRACT = feature_contract(
    "customer_category_interest",
    "How much each customer looked at, carted and bought in each category; empty without browsing and carts.",
    (Column("category", "string", "category"),),
    DEFINITIONS,
)


def rows(facts: Facts) -> DataFrame:
    """One row per customer and category with an event in 365 days."""
    found = [as_interest(_orders(facts), facts)]
    if facts.has("browsing"):
        found.append(as_interest(_views(facts), facts))
    if facts.has("cart_events"):
        found.append(as_interest(_carts(facts), facts))
    if len(found) == 1:  # orders alone are in customer_category_features
        found = [found[0].limit(0)]
    names = category_spans(facts).groupBy("category_no").agg(F.max("category").alias("category"))
    partial_sums = (
        reduce(DataFrame.unionByName, found)
        .join(F.broadcast(names), "category_no", how="left")
        .withColumn("category", F.coalesce("category", "page"))
    )
    # a category may be known as one of products and as one of pages
    whole = partial_sums.groupBy("customer_no", "category").agg(
        *[F.sum(c).alias(c) for c in SUMS],
        F.min("recency_days").alias("recency_days"),
        F.max("days_since_first").alias("days_since_first"),
    )
    return with_customer_ids(facts, whole).select(
        "customer_id",
        "category",
        *[F.col(c).cast("int").alias(c) for c in ("views_30", "views_90", "carts_30")],
        *[(F.col(f"dwell_ms_{w}") / 1000).alias(f"dwell_{w}") for w in (30, 90)],
        *[rounded(F.col(name)).alias(f"cat_affinity_decay_{name}") for name in ("short", "long")],
        F.greatest(rounded(F.col("wanted")), F.lit(0.0)).alias("wanted_not_bought"),
        "recency_days",
        "days_since_first",
    )


def as_interest(days: DataFrame, facts: Facts) -> DataFrame:
    """From customer_no, category_no, page, days_ago and EVENTS to SUMS per customer, category_no and page."""
    params, own = facts.params, facts.params.browsing
    looked = own.view_weight * F.col("n_views") + own.cart_weight * F.col("n_carts")
    bought = params.buy_weight * F.col("n_orders")
    seen = F.when(F.col("n_views") + F.col("n_carts") > 0, F.col("days_ago"))
    half_lives = {"short": params.short_half_life_days, "long": params.long_half_life_days}
    return (
        days.where(within(YEAR))
        .groupBy("customer_no", "category_no", "page")
        .agg(
            *[sum_within(F.col("n_views"), w).alias(f"views_{w}") for w in (30, 90)],
            sum_within(F.col("n_carts"), 30).alias("carts_30"),
            *[sum_within(F.col("dwell_ms"), w).alias(f"dwell_ms_{w}") for w in (30, 90)],
            *[F.sum((looked + bought) * decay(h)).alias(name) for name, h in half_lives.items()],
            F.sum((looked - bought) * decay(own.wanted_half_life_days)).alias("wanted"),
            F.min(seen).alias("recency_days"),
            F.max(seen).alias("days_since_first"),
        )
    )


def decay(half_life: float) -> SparkColumn:
    """The weight of a day: 1 at the cut, half of it after every half-life."""
    return F.pow(F.lit(2.0), -F.col("days_ago") / F.lit(float(half_life)))


def _views(facts: Facts) -> DataFrame:
    days_ago = (F.lit(facts.as_of.epoch_day) - F.col("event_day")).cast("int")
    views = category_days(facts).withColumn("days_ago", days_ago)
    return _events(views, F.col("page"), n_views=F.col("n_views"), dwell_ms=F.col("dwell_ms"))


def _carts(facts: Facts) -> DataFrame:
    log = numbered_log(facts, "cart_events", "product_id", "event_kind", days=YEAR)
    added = join_spans(log.where(F.col("event_kind") == "add"), category_spans(facts), F.col("us"))
    return _events(with_days_ago(facts, added, YEAR), n_carts=F.lit(1))


def _orders(facts: Facts) -> DataFrame:
    log = numbered_log(facts, "transactions", "product_id", "order_id", days=YEAR)
    lines = with_days_ago(facts, join_spans(log, category_spans(facts), F.col("us")), YEAR)
    orders = lines.groupBy("customer_no", "category_no", "order_id").agg(F.max("days_ago").alias("days_ago"))
    return _events(orders, n_orders=F.lit(1))


def _events(df: DataFrame, page: SparkColumn | None = None, **counted: SparkColumn) -> DataFrame:
    """`df` with the columns that all kinds of events share."""
    counts = [counted.get(name, F.lit(0)).cast("bigint").alias(name) for name in EVENTS]
    on = F.lit(None).cast("string") if page is None else page
    return df.select("customer_no", "category_no", on.alias("page"), "days_ago", *counts)
