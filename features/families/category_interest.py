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

from features.browsed import category_views
from features.contract import Column
from features.definitions import CATEGORIES, FeatureDef
from features.facts import Facts
from features.feature_contract import feature_contract
from features.product_spans import join_spans, product_spans
from features.rounding import rounded
from features.tiles import event_us
from features.windows import sum_within, within

FAMILY = "interest of a customer"
YEAR = 365
EVENTS = ("n_views", "dwell_ms", "n_carts", "n_orders")
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
    events = [_orders(facts)]
    if facts.has("browsing"):
        events.append(_views(facts))
    if facts.has("cart_events"):
        events.append(_carts(facts))
    if len(events) == 1:  # orders alone are in customer_category_features
        events = [events[0].limit(0)]
    return as_interest(reduce(DataFrame.unionByName, events), facts)


def as_interest(events: DataFrame, facts: Facts) -> DataFrame:
    """From customer_id, category, days_ago and EVENTS to one row per customer and category."""
    params, own = facts.params, facts.params.browsing
    looked = own.view_weight * F.col("n_views") + own.cart_weight * F.col("n_carts")
    bought = params.buy_weight * F.col("n_orders")
    half_lives = {"short": params.short_half_life_days, "long": params.long_half_life_days}
    wanted = F.sum((looked - bought) * decay(own.wanted_half_life_days))
    return (
        events.where(within(YEAR))
        .groupBy("customer_id", "category")
        .agg(
            *[sum_within(F.col("n_views"), w, "int").alias(f"views_{w}") for w in (30, 90)],
            sum_within(F.col("n_carts"), 30, "int").alias("carts_30"),
            *[(sum_within(F.col("dwell_ms"), w) / 1000).alias(f"dwell_{w}") for w in (30, 90)],
            *[
                rounded(F.sum((looked + bought) * decay(h))).alias(f"cat_affinity_decay_{name}")
                for name, h in half_lives.items()
            ],
            F.greatest(rounded(wanted), F.lit(0.0)).alias("wanted_not_bought"),
        )
    )


def decay(half_life: float) -> SparkColumn:
    """The weight of a day: 1 at the cut, half of it after every half-life."""
    return F.pow(F.lit(2.0), -F.col("days_ago") / F.lit(float(half_life)))


def _views(facts: Facts) -> DataFrame:
    return _events(category_views(facts), n_views=F.col("n_views"), dwell_ms=F.col("dwell_ms"))


def _carts(facts: Facts) -> DataFrame:
    log = facts.log("cart_events", "product_id", "event_kind", event_us().alias("us"), days=YEAR)
    added = join_spans(log.where(F.col("event_kind") == "add"), _spans(facts), F.col("us"))
    days = added.groupBy("customer_id", "category", "days_ago").agg(F.count(F.lit(1)).alias("n"))
    return _events(days, n_carts=F.col("n"))


def _orders(facts: Facts) -> DataFrame:
    log = facts.log("transactions", "product_id", "order_id", event_us().alias("us"), days=YEAR)
    orders = (
        join_spans(log, _spans(facts), F.col("us"))
        .groupBy("customer_id", "category", "order_id")
        .agg(F.max("days_ago").alias("days_ago"))
    )
    return _events(orders, n_orders=F.lit(1))


def _spans(facts: Facts) -> DataFrame:
    return product_spans(facts.tables["products"], ("category",), facts.as_of)


def _events(df: DataFrame, **counted: SparkColumn) -> DataFrame:
    """`df` with the columns that all kinds of events share."""
    counts = [counted.get(name, F.lit(0)).cast("bigint").alias(name) for name in EVENTS]
    return df.select("customer_id", "category", "days_ago", *counts)
