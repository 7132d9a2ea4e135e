"""Family H: visits, pages, the way from a view to a paid order, favourites; and the devices of family G (79).

A visit counts on the local day of its first event, so one that runs over midnight counts once, and of one that runs
over the cut only what lies before it is known. Favourites are replayed from their log. The dwell of a page is capped,
since pages stay open over night.

Elsewhere: 82 dwell_style_band[s,b] is in `customer_style_band_features`, 89 search_terms_decay[t] in
`customer_search_terms`, 90 wanted_not_bought[c] in `customer_category_interest`, 92 and 93 in `viewed_products`.
89 keeps the words as they were typed, not tags of a lexicon: a lexicon knows none of the shop's own words.
"""

from __future__ import annotations

from functools import partial

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from features.as_of import AsOf
from features.browsed import SEASON, numbered_log, product_views, visits, with_days_ago
from features.browsing_days import GAP_US, VIEW
from features.definitions import WINDOWS, FeatureDef, per_window
from features.facts import Facts
from features.families.favourites import open_favourites
from features.families.funnel import FUNNELS, fit_funnel, funnel_definitions, funnel_rates
from features.families.style_bands import style_band_views, style_names
from features.windows import ratio, sum_within, within

FAMILY = "H browsing"
NEEDS: tuple[str, ...] = ("browsing",)
BROWSING = ("browsing",)
SHORT = (7, 30)
DEVICES = ("pc", "ios", "android", "mini_program")
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
    *_count(
        "distinct_skus_viewed", 85, definition="different products viewed, of those that are described", windows=SHORT
    ),
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
        visit_features(as_visit_days(visits(facts), facts.as_of)),
        page_features(facts),
        sku_features(product_views(facts)),
        top_style_band(style_band_views(facts), style_names(facts)),
        *rates,
        open_favourites(facts).groupBy("customer_no").agg(F.count(F.lit(1)).cast("int").alias("fav_not_bought_n")),
    ]


def fitted(facts: Facts) -> list[DataFrame]:
    """The population's rates from view to cart, cart to order, order to payment."""
    return [fit_funnel(facts, f) for f in FUNNELS if facts.has(*f.needs)]


def as_visit_days(found: DataFrame, as_of: AsOf) -> DataFrame:
    """`as_visits` by customer_no and days_ago: n_sessions, the visits begun that day."""
    in_time = Window.partitionBy("customer_no", "session_id").orderBy("slot", "event_day")
    before = F.lag("last_us").over(in_time)
    silent = (F.col("session_id") == "") & (F.col("first_us") - before > F.lit(GAP_US))
    begins = F.when(before.isNull() | silent, F.lit(1)).otherwise(F.lit(0))
    return (
        found.withColumn("_begins", begins)
        .groupBy("customer_no", (F.lit(as_of.epoch_day) - F.col("event_day")).cast("int").alias("days_ago"))
        .agg(F.sum("_begins").alias("n_sessions"))
    )


def visit_features(days: DataFrame) -> DataFrame:
    """One row per customer of `as_visit_days`: features 80 and 81."""
    return (
        days.where(within(365))
        .groupBy("customer_no")
        .agg(
            *[sum_within(F.col("n_sessions"), w, "int").alias(f"n_sessions_{w}") for w in WINDOWS],
            *[sum_within(F.lit(1), w, "int").alias(f"active_days_{w}") for w in WINDOWS],
        )
        .withColumn("has_browsing", F.lit(True))
    )


def page_features(facts: Facts) -> DataFrame:
    """One row per customer with a page event in 90 days: features 79 and 84."""
    log = with_days_ago(facts, numbered_log(facts, "browsing", "event_kind", "device", days=SEASON), SEASON)
    view = F.when(F.col("event_kind") == VIEW, F.lit(1)).otherwise(F.lit(0))
    named = F.count(F.when(F.col("device").isin(*DEVICES), F.lit(1)))
    return log.groupBy("customer_no").agg(
        *[sum_within(view, w, "int").alias(f"views_{w}") for w in SHORT],
        *[ratio(F.count(F.when(F.col("device") == d, F.lit(1))), named).alias(f"device_share_{d}") for d in DEVICES],
    )


def sku_features(views: DataFrame) -> DataFrame:
    """One row per customer of `product_views` of 30 days: feature 85."""
    products = (
        views.where(within(max(SHORT))).groupBy("customer_no", "product_no").agg(F.min("days_ago").alias("days_ago"))
    )
    return products.groupBy("customer_no").agg(
        *[sum_within(F.lit(1), w, "int").alias(f"distinct_skus_viewed_{w}") for w in SHORT]
    )


def top_style_band(views: DataFrame, styles: DataFrame) -> DataFrame:
    """One row per customer of `style_band_views` with any dwell in 30 days: feature 83."""
    whole = Window.partitionBy("customer_no")
    # numbers of styles are in the order of their names
    place = F.row_number().over(whole.orderBy(F.col("dwell_ms_30").desc(), "style_no", "price_band"))
    dwelt = views.where(F.col("dwell_ms_30") > 0).select("customer_no", "style_no", "price_band", "dwell_ms_30")
    ranked = dwelt.withColumn("_place", place).withColumn("_all", F.sum("dwell_ms_30").over(whole))
    top = F.broadcast(styles).join(ranked.where(F.col("_place") == 1), "style_no", how="inner")
    return top.select(
        "customer_no",
        F.concat_ws("|", "style", F.col("price_band").cast("string")).alias("dwell_top_style_band"),
        ratio(F.col("dwell_ms_30"), F.col("_all")).alias("dwell_top_style_band_share"),
    )
