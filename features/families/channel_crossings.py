"""Family G, the part about looking in one place and buying in another: 77 `roto_rate`, 78 `showroom_rate`.

Both look back from purchases, so what they rest on is complete at the cut. Looking counts in the `look_days` local
days before a purchase's day, and on that day before the purchase. For 77 a purchase is a category in an offline order,
looked at on a page of it or of a product that was in it then; for 78 it is an online order, and looking is any
recognised visit to a store, since visits do not tell what was looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.as_of import known_before
from features.browsed import category_spans, numbered_log, with_customer_ids
from features.browsing_days import VIEW, event_us
from features.definitions import FeatureDef
from features.facts import Facts
from features.families.sales_channels import FAMILY, SOURCES, WINDOW, order_channels
from features.local_days import local_day
from features.product_spans import holds, join_spans
from features.windows import packed, ratio, unpacked, within

POPULATION = "facts before the cut only; the population's rate is of the same snapshot and saved with it"
Crossing = partial(FeatureDef, family=FAMILY, window=f"purchases of the last {WINDOW} days")
Rate = partial(Crossing, kind="double", low=0, high=1, leak_note=POPULATION)
Base = partial(Crossing, kind="int", default="0", low=0)
ROTO, SHOWROOM = (*SOURCES, "browsing", "products.category"), (*SOURCES, "store_visits")

DEFINITIONS: tuple[FeatureDef, ...] = (
    Rate(
        "roto_rate",
        77,
        definition="share of offline purchases whose category she viewed online in the look_days before, "
        "drawn to the population's by prior_purchases",
        sources=ROTO,
    ),
    Base("roto_purchases", 77, definition="offline purchases by category: the support of roto_rate", sources=ROTO),
    Rate(
        "showroom_rate",
        78,
        definition="share of online orders with a store visit in the look_days before, "
        "drawn to the population's by prior_purchases",
        sources=SHOWROOM,
    ),
    Base("showroom_orders", 78, definition="online orders: the support of showroom_rate", sources=SHOWROOM),
)
NEEDS: tuple[str, ...] = ()


def features(facts: Facts) -> list[DataFrame]:
    """Features 77 and 78, as far as their sources are delivered."""
    weight = facts.params.sales_channels.prior_purchases
    return [
        with_customer_ids(facts, rate_features(counts, fit_rate(counts, rate), rate, base, weight))
        for rate, base, counts in _delivered(facts)
    ]


def fitted(facts: Facts) -> list[DataFrame]:
    """The population's rates."""
    return [fit_rate(counts, rate) for rate, _, counts in _delivered(facts)]


def _delivered(facts: Facts) -> list[tuple[str, str, DataFrame]]:
    """The rate's name, that of its support, and its counts."""
    found = []
    if facts.has("browsing"):
        found.append(("roto_rate", "roto_purchases", facts.kept("roto_counts", partial(_roto_counts, facts))))
    if facts.has("store_visits"):
        counts = facts.kept("showroom_counts", partial(_showroom_counts, facts))
        found.append(("showroom_rate", "showroom_orders", counts))
    return found


def _roto_counts(facts: Facts) -> DataFrame:
    params = facts.params.sales_channels
    sold = numbered_log(facts, "transactions", "order_id", "product_id", "sales_channel", days=WINDOW)
    offline = sold.where(F.col("sales_channel").isin(list(params.offline)))
    purchases = (
        join_spans(offline, category_spans(facts).drop("category"), F.col("us"))
        .groupBy("customer_no", F.xxhash64("order_id").alias("order_key"), "category_no")
        .agg(F.min("us").alias("us"))
    )
    purchases = facts.kept("offline_purchases", lambda: purchases.withColumn("day", _day(facts, F.col("us"))))
    return as_counts(purchases, _category_looks(facts, purchases), ("customer_no", "category_no"), params.look_days)


def _category_looks(facts: Facts, purchases: DataFrame) -> DataFrame:
    """customer_no, category_no, day, first_us: days with a view of a category, of customers with `purchases`."""
    # browsing is long, and much of it is of customers who buy nothing in stores
    buyers = purchases.select("customer_no").distinct()
    accounts = facts.accounts.join(buyers, "customer_no", how="left_semi").select("account_id", "customer_no")
    views = F.broadcast(accounts).join(_views(facts), "account_id", how="inner")
    spans = category_spans(facts)
    pages = spans.groupBy(F.col("category").alias("_page")).agg(F.min("category_no").alias("_page_no"))
    then = spans.select(F.col("product_id").alias("_product_id"), "category_no", "from_us", "until_us")
    of_product = (F.col("product_id") == F.col("_product_id")) & holds(F.col("us"))
    # the small sides first: the embedded engine builds its hash tables from the left
    of_views = F.broadcast(then).join(views, of_product, how="right")
    looks = (
        F.broadcast(pages)
        .join(of_views, F.col("_page") == F.col("category"), how="right")
        .select("customer_no", F.coalesce("category_no", "_page_no").alias("category_no"), "us")
    )
    first_day = facts.as_of.epoch_day - WINDOW - facts.params.sales_channels.look_days
    # grouped by one number instead of three
    key = packed((F.col("customer_no"), 33), (F.col("category_no"), 20), (_day(facts, F.col("us")) - first_day, 10))
    grouped = (
        looks.where(F.col("category_no").isNotNull()).groupBy(key.alias("_key")).agg(F.min("us").alias("first_us"))
    )
    return grouped.select(
        unpacked(F.col("_key"), 33, 30).alias("customer_no"),
        unpacked(F.col("_key"), 20, 10).cast("int").alias("category_no"),
        (unpacked(F.col("_key"), 10) + first_day).cast("int").alias("day"),
        "first_us",
    )


def _views(facts: Facts) -> DataFrame:
    start = facts.as_of.plus(-WINDOW - facts.params.sales_channels.look_days).ts
    known = known_before(facts.tables["browsing"], facts.as_of).where(F.col("event_ts") >= F.lit(start))
    of_something = F.col("product_id").isNotNull() | F.col("category").isNotNull()
    return known.where((F.col("event_kind") == VIEW) & of_something).select(
        "account_id", "product_id", "category", event_us().alias("us")
    )


def _showroom_counts(facts: Facts) -> DataFrame:
    params = facts.params.sales_channels
    online = within(WINDOW) & F.col("channel").isNotNull() & ~F.col("channel").isin(list(params.offline))
    orders = order_channels(facts).where(online)
    purchases = orders.select(
        "customer_no",
        F.xxhash64("order_id").alias("order_key"),
        F.col("order_us").alias("us"),
        _day(facts, F.col("order_us")).alias("day"),
    )
    visited = numbered_log(facts, "store_visits", days=WINDOW + params.look_days)
    looks = visited.groupBy("customer_no", _day(facts, F.col("us")).alias("day")).agg(F.min("us").alias("first_us"))
    return as_counts(purchases, looks, ("customer_no",), params.look_days)


def as_counts(purchases: DataFrame, looks: DataFrame, keys: Sequence[str], look_days: int) -> DataFrame:
    """customer_no, n (purchases) and n_looked (those with a look of the same keys before).

    `purchases` have the keys, order_key, us and day, one row per keys and order; `looks` the keys, day and first_us
    (the first of the day), one row each. Days are local, as numbers.
    """
    # looks of a day serve purchases up to look_days later: they lie in the same stretch of days, or in the next
    stretch = F.floor(F.col("day") / look_days)
    bought = purchases.withColumn("_stretch", stretch)
    seen = looks.select(
        *keys,
        F.col("day").alias("_seen"),
        "first_us",
        F.explode(F.array(stretch, stretch + 1)).alias("_stretch"),
    )
    before = F.col("day") - F.col("_seen")
    looked = (
        seen.join(bought, [*keys, "_stretch"], how="inner")
        .where(before.between(1, look_days) | ((before == 0) & (F.col("first_us") < F.col("us"))))
        .select(*keys, "order_key")
        .distinct()
        .groupBy("customer_no")
        .agg(F.count(F.lit(1)).alias("n_looked"))
    )
    every = purchases.groupBy("customer_no").agg(F.count(F.lit(1)).cast("int").alias("n"))
    return every.join(looked, "customer_no", how="left").select(
        "customer_no", "n", F.coalesce("n_looked", F.lit(0)).cast("int").alias("n_looked")
    )


def fit_rate(counts: DataFrame, name: str) -> DataFrame:
    """The population's rate from `as_counts`: feature, subject, position, value; no row without purchases."""
    value = F.sum("n_looked").cast("double") / F.sum("n").cast("double")
    rates = counts.where(F.col("n") > 0).agg(F.count(F.lit(1)).alias("_n"), value.alias("value"))
    return rates.where(F.col("_n") > 0).select(
        F.lit(name).alias("feature"), F.lit("").alias("subject"), F.lit(0).alias("position"), "value"
    )


def rate_features(counts: DataFrame, rate: DataFrame, name: str, base: str, weight: float) -> DataFrame:
    """One row per customer of `as_counts`: the rate called `name`, and its support called `base`."""
    prior = rate.agg(F.max("value").alias("_rate"))
    smoothed = ratio(F.col("n_looked") + F.col("_rate") * weight, F.col("n") + F.lit(weight))
    return counts.join(F.broadcast(prior), how="cross").select(
        "customer_no", smoothed.alias(name), F.col("n").alias(base)
    )


def _day(facts: Facts, us: Column) -> Column:
    return local_day(us, facts.as_of, WINDOW + facts.params.sales_channels.look_days)
