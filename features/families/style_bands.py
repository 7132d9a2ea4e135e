"""The companion of style: what a customer looked at and bought, per style and price band.

Holds 37 style_share, 38 style_decay and 82 dwell_style_band. Style, category and price are those of the version of
the product that held at the event (for views at the last view of the day). The price band is the quintile of
`products.list_price` within the category by the limits of `features.families.price`, which are fitted on the lines
of the same snapshot: the first band whose dearest price is not below it, the last where it is above all. Products
without a price, or of a category in which nothing was bought at a known shelf price, are in band 0.

A shop whose products state no style has an empty table. Views count for 90 days, orders and carts for 365.
"""

from __future__ import annotations

from functools import partial, reduce

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from features.browsed import numbered_log, product_views, with_customer_ids, with_days_ago, with_product_no
from features.contract import Column
from features.definitions import FeatureDef
from features.facts import Facts
from features.families.category_interest import decay
from features.families.price import BANDS, price_percentiles
from features.feature_contract import feature_contract
from features.product_spans import as_spans, join_spans
from features.product_versions import product_versions
from features.rounding import rounded
from features.windows import MONEY, ratio, sum_within, within

FAMILY = "style of a customer"
YEAR = 365
NO_BAND = 0
ALL_BANDS = range(1, BANDS + 1)
EVENTS = {"n_views": "bigint", "dwell_ms": "bigint", "n_carts": "bigint", "n_buys": "bigint", "amount": MONEY}
STYLE = ("products.style",)
Def = partial(FeatureDef, family=FAMILY, leak_note="style and price as of the event; band limits of the same snapshot")

DEFINITIONS = (
    *[
        Def(
            f"views_{w}",
            82,
            kind="int",
            definition="views of products of the style and band",
            sources=("browsing", *STYLE),
            window=f"last {w} days",
            default="0",
            low=0,
        )
        for w in (30, 90)
    ],
    *[
        Def(
            f"dwell_style_band_{w}",
            82,
            kind="double",
            definition="seconds on their pages, each capped at dwell_cap_seconds",
            sources=("browsing.dwell_seconds", *STYLE),
            window=f"last {w} days",
            default="0",
            low=0,
        )
        for w in (30, 90)
    ],
    Def(
        "n_buys_365",
        37,
        kind="int",
        definition="order lines of the style and band",
        sources=("transactions", *STYLE),
        window="last 365 days",
        default="0",
        low=0,
    ),
    Def(
        "style_share",
        37,
        kind="double",
        definition="amount in the style, all bands / amount in any style",
        sources=("transactions", *STYLE),
        window="last 365 days",
        low=0,
        high=1,
    ),
    Def(
        "style_decay",
        38,
        kind="double",
        definition="weights of views, carts and order lines of the style, all bands, halved every style_half_life_days",
        sources=("transactions", *STYLE),
        window="last 365 days, views of 90",
        default="0",
        low=0,
    ),
)

NEEDS: tuple[str, ...] = ()
CONTRACT = feature_contract(
    "customer_style_band_features",
    "How much each customer looked at and bought of each style, by price band; empty where products have no style.",
    (
        Column("style", "string", "style"),
        Column(
            "price_band", "int", "quintile of list price within the category, 1 is cheapest; 0 unknown", low=0, high=5
        ),
    ),
    DEFINITIONS,
)


def rows(facts: Facts) -> DataFrame:
    """One row per customer, style and price band with a view in 90 days, or a cart or purchase in 365."""
    style, whole = Window.partitionBy("customer_no", "style_no"), Window.partitionBy("customer_no")
    shared = style_band_views(facts).select(
        "customer_no",
        "style_no",
        "price_band",
        "views_30",
        "views_90",
        *[(F.col(f"dwell_ms_{w}") / 1000).alias(f"dwell_style_band_{w}") for w in (30, 90)],
        "n_buys_365",
        ratio(F.sum("amount_365").over(style), F.sum("amount_365").over(whole)).alias("style_share"),
        rounded(F.sum("_decay").over(style)).alias("style_decay"),
    )
    return with_customer_ids(facts, F.broadcast(style_names(facts)).join(shared, "style_no", how="inner"))


def style_band_views(facts: Facts) -> DataFrame:
    """customer_no, style_no, price_band: views, dwell in milliseconds, lines, amount and decayed weight. Kept."""
    return facts.kept("style_bands", lambda: _as_style_bands(facts))


def style_names(facts: Facts) -> DataFrame:
    """style_no, style: numbers in the order of names."""
    return banded_spans(facts).groupBy("style_no").agg(F.max("style").alias("style"))


def banded_spans(facts: Facts) -> DataFrame:
    """product_no, style, style_no, price_band, from_us, until_us of products with a style. Kept."""
    return facts.kept("banded_spans", lambda: _as_banded_spans(facts))


def _as_banded_spans(facts: Facts) -> DataFrame:
    versions = product_versions(facts.tables["products"], ("style", "category", "list_price"), facts.as_of)
    limits = (
        price_percentiles(facts)
        .groupBy("category")
        .agg(*[F.max(F.when(F.col("band") == b, F.col("unit_cents"))).alias(f"_limit_{b}") for b in ALL_BANDS])
        .withColumnRenamed("category", "_category")
    )
    cents = (F.col("list_price") * 100).cast("bigint")
    band = F.coalesce(*[F.when(cents <= F.col(f"_limit_{b}"), F.lit(b)) for b in ALL_BANDS], F.lit(BANDS))
    known = F.col("_category").isNotNull() & cents.isNotNull()
    banded = (
        versions.where(F.col("style").isNotNull())
        .join(F.broadcast(limits), F.col("category") == F.col("_category"), how="left")
        .select(
            "product_id",
            "style",
            F.when(known, band).otherwise(F.lit(NO_BAND)).cast("int").alias("price_band"),
            F.unix_micros("_from").alias("from_us"),
            F.unix_micros("_until").alias("until_us"),
        )
    )
    number = F.dense_rank().over(Window.partitionBy(F.lit(1)).orderBy("style"))
    spans = as_spans(banded, ("style", "price_band")).withColumn("style_no", number)
    return with_product_no(facts, spans)


def _as_style_bands(facts: Facts) -> DataFrame:
    spans, params, own = banded_spans(facts).drop("style"), facts.params, facts.params.browsing
    log = with_product_no(facts, numbered_log(facts, "transactions", "product_id", "amount", days=YEAR))
    bought = with_days_ago(facts, _join(log, spans, "us"), YEAR)
    events = [_events(bought, n_buys=F.lit(1), amount=F.col("amount"))]
    if facts.has("browsing"):
        viewed = _join(product_views(facts), spans, "last_us")
        events.append(_events(viewed, n_views=F.col("n_views"), dwell_ms=F.col("dwell_ms")))
    if facts.has("cart_events"):
        log = numbered_log(facts, "cart_events", "product_id", "event_kind", days=YEAR)
        added = with_product_no(facts, log.where(F.col("event_kind") == "add"))
        events.append(_events(with_days_ago(facts, _join(added, spans, "us"), YEAR), n_carts=F.lit(1)))
    weight = (
        own.view_weight * F.col("n_views") + own.cart_weight * F.col("n_carts") + params.buy_weight * F.col("n_buys")
    )
    return (
        reduce(DataFrame.unionByName, events)
        .where(within(YEAR))
        .groupBy("customer_no", "style_no", "price_band")
        .agg(
            *[sum_within(F.col("n_views"), w, "int").alias(f"views_{w}") for w in (30, 90)],
            *[sum_within(F.col("dwell_ms"), w).alias(f"dwell_ms_{w}") for w in (30, 90)],
            sum_within(F.col("n_buys"), YEAR, "int").alias("n_buys_365"),
            F.sum("amount").cast(MONEY).alias("amount_365"),
            F.sum(weight * decay(own.style_half_life_days)).alias("_decay"),
        )
    )


def _join(frame: DataFrame, spans: DataFrame, us: str) -> DataFrame:
    return join_spans(frame, spans, F.col(us), "product_no")


def _events(df: DataFrame, **counted: SparkColumn) -> DataFrame:
    counts = [counted.get(name, F.lit(0)).cast(kind).alias(name) for name, kind in EVENTS.items()]
    return df.select("customer_no", "style_no", "price_band", "days_ago", *counts)
