"""Family H: visits, pages, the way from a view to a paid order, favourites; and the devices of family G (79).

A visit counts on the local day of its first event, so one that runs over midnight counts once, and of one that runs
over the cut only what lies before it is known. Favourites are replayed from their log. The dwell of a page is capped,
since pages stay open over night.

Elsewhere: 82 dwell_style_band[s,b] is in `customer_style_band_features`, 89 search_terms_decay[t] in
`customer_search_terms`, 90 wanted_not_bought[c] in `customer_category_interest`, 92 and 93 in `viewed_products`.
89 keeps the words as they were typed, not tags of a lexicon: a lexicon knows none of the shop's own words.
"""

from __future__ import annotations

from functools import partial, reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.browsed import product_views, visits
from features.definitions import WINDOWS, FeatureDef, per_window
from features.facts import Facts
from features.families.favourites import open_favourites
from features.families.funnel import FUNNELS, fit_funnel, funnel_definitions, funnel_rates
from features.families.style_bands import style_band_views
from features.tiles import DEVICES, GAP_US
from features.windows import ratio, sum_within, within

FAMILY = "H browsing"
NEEDS: tuple[str, ...] = ("browsing",)
BROWSING = ("browsing",)
SHORT = (7, 30)
Def = partial(FeatureDef, family=FAMILY, sources=BROWSING)
_count = partial(per_window, family=FAMILY, kind="int", sources=BROWSING, default="0", low=0)

DEFINITIONS = (
    FeatureDef(
        "has_browsing", 81, FAMILY, "bool", "whether any page event is known", BROWSING, "last 365 days", "false"
    ),
    *_count(
        "n_sessions", 80, definition="visits begun: sessions of the site; without one, events at most 30 minutes apart"
    ),
    *_count("active_days", 81, definition="local days with a page event"),
    Def(
        "dwell_top_style_band",
        83,
        kind="string",
        definition="style and price band, as style|band, with the longest capped dwell; of equals the first by name",
        sources=("browsing.dwell_seconds", "products.style"),
        window="last 30 days",
    ),
    Def(
        "dwell_top_style_band_share",
        83,
        kind="double",
        definition="its share of the dwell on products with a style",
        sources=("browsing.dwell_seconds", "products.style"),
        window="last 30 days",
        low=0,
        high=1,
    ),
    *_count("views", 84, definition="pages viewed", windows=SHORT),
    *_count("distinct_skus_viewed", 85, definition="different products viewed", windows=SHORT),
    *funnel_definitions(),
    Def(
        "fav_not_bought_n",
        91,
        kind="int",
        definition="products made a favourite, still one, and not bought since",
        window="last 90 days",
        default="0",
        low=0,
    ),
    *[
        FeatureDef(
            f"device_share_{d}",
            79,
            "G sales channels",
            "double",
            f"share of page events from {d}, of those from {', '.join(DEVICES)}",
            ("browsing.device",),
            "last 90 days",
            low=0,
            high=1,
        )
        for d in DEVICES
    ],
)


def features(facts: Facts) -> list[DataFrame]:
    """Features 79 to 81, 83 to 88 and 91."""
    rates = [funnel_rates(facts, f) for f in FUNNELS if facts.has(*f.needs)]
    return [
        visit_features(as_visit_days(visits(facts))),
        sku_features(product_views(facts)),
        top_style_band(style_band_views(facts)),
        *rates,
        open_favourites(facts).groupBy("customer_id").agg(F.count(F.lit(1)).cast("int").alias("fav_not_bought_n")),
    ]


def fitted(facts: Facts) -> list[DataFrame]:
    """The population's rates from view to cart, cart to order, order to payment."""
    return [fit_funnel(facts, f) for f in FUNNELS if facts.has(*f.needs)]


def as_visit_days(found: DataFrame) -> DataFrame:
    """`visits` by customer_id and days_ago: n_sessions (visits begun that day), n_views, n_pc and so on."""
    summed = ["n_views", *[f"n_{d}" for d in DEVICES]]
    # accounts of one customer may have been used in the same half hour
    rows = found.groupBy("customer_id", "session_id", "slot", "days_ago").agg(
        F.min("first_us").alias("first_us"),
        F.max("last_us").alias("last_us"),
        *[F.sum(c).alias(c) for c in summed],
    )
    in_time = Window.partitionBy("customer_id", "session_id").orderBy("slot", F.col("days_ago").desc())
    before = F.lag("last_us").over(in_time)
    silent = (F.col("session_id") == "") & (F.col("first_us") - before > F.lit(GAP_US))
    begins = F.when(before.isNull() | silent, F.lit(1)).otherwise(F.lit(0))
    return (
        rows.withColumn("_begins", begins)
        .groupBy("customer_id", "days_ago")
        .agg(F.sum("_begins").alias("n_sessions"), *[F.sum(c).alias(c) for c in summed])
    )


def visit_features(days: DataFrame) -> DataFrame:
    """One row per customer of `as_visit_days`: features 79 to 81 and 84."""
    devices = {d: F.sum(F.when(within(90), F.col(f"n_{d}")).otherwise(0)) for d in DEVICES}
    all_devices = reduce(Column.__add__, devices.values())
    return (
        days.where(within(365))
        .groupBy("customer_id")
        .agg(
            *[sum_within(F.col("n_sessions"), w, "int").alias(f"n_sessions_{w}") for w in WINDOWS],
            *[sum_within(F.lit(1), w, "int").alias(f"active_days_{w}") for w in WINDOWS],
            *[sum_within(F.col("n_views"), w, "int").alias(f"views_{w}") for w in SHORT],
            *[ratio(n, all_devices).alias(f"device_share_{d}") for d, n in devices.items()],
        )
        .withColumn("has_browsing", F.lit(True))
    )


def sku_features(views: DataFrame) -> DataFrame:
    """One row per customer of `product_views` of 30 days: feature 85."""
    products = (
        views.where(within(max(SHORT))).groupBy("customer_id", "product_id").agg(F.min("days_ago").alias("days_ago"))
    )
    return products.groupBy("customer_id").agg(
        *[sum_within(F.lit(1), w, "int").alias(f"distinct_skus_viewed_{w}") for w in SHORT]
    )


def top_style_band(views: DataFrame) -> DataFrame:
    """One row per customer of `style_band_views` with any dwell in 30 days: feature 83."""
    dwelt = views.where(F.col("dwell_ms_30") > 0)
    whole = Window.partitionBy("customer_id")
    place = F.row_number().over(whole.orderBy(F.col("dwell_ms_30").desc(), "style", "price_band"))
    ranked = dwelt.withColumn("_place", place).withColumn("_all", F.sum("dwell_ms_30").over(whole))
    return ranked.where(F.col("_place") == 1).select(
        "customer_id",
        F.concat_ws("|", "style", F.col("price_band").cast("string")).alias("dwell_top_style_band"),
        ratio(F.col("dwell_ms_30"), F.col("_all")).alias("dwell_top_style_band_share"),
    )
