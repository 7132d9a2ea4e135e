"""Family G, the part about stores: 74 `home_store`, 75 `n_stores`, 76 `dist_home_store_km`.

A customer was in a store on a local day when a visit was recognised or an order that is not online names the store,
once a day. Distances are those of visits, since no other source has any.
"""

from __future__ import annotations

from functools import partial

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.browsed import numbered_log, with_customer_ids, with_days_ago
from features.definitions import FeatureDef
from features.facts import Facts
from features.families.sales_channels import FAMILY, WINDOW, order_channels
from features.rounding import rounded
from features.windows import within

METRES_MAX = 2**24  # 16,777 km: a larger distance is counted as this less 1
Store = partial(FeatureDef, family=FAMILY, sources=("transactions.store_id",), window=f"last {WINDOW} days")

DEFINITIONS: tuple[FeatureDef, ...] = (
    Store(
        "home_store",
        74,
        kind="string",
        definition="store with most days in it (a visit or a purchase); of equals the last, then the first by id",
    ),
    Store("n_stores", 75, kind="int", definition="stores with a visit or a purchase", default="0", low=0),
    Store(
        "dist_home_store_km",
        76,
        kind="double",
        definition="distance of home_store from home, as the last visit to it that states one says",
        sources=("store_visits.distance_km",),
        low=0,
    ),
)
NEEDS: tuple[str, ...] = ()


def features(facts: Facts) -> list[DataFrame]:
    """Features 74 to 76."""
    return [with_customer_ids(facts, store_features(store_days(facts)))]


def store_days(facts: Facts) -> DataFrame:
    """Days in stores, possibly repeated: customer_no, store_id, days_ago, _distance (see `_dated`)."""
    channel = F.col("channel")
    offline = channel.isNull() | channel.isin(list(facts.params.sales_channels.offline))
    days = (
        order_channels(facts)
        .where(within(WINDOW) & F.col("store_id").isNotNull() & offline)
        .select("customer_no", "store_id", "days_ago", F.lit(None).cast("bigint").alias("_distance"))
    )
    if facts.has("store_visits"):
        visits = numbered_log(facts, "store_visits", "store_id", _dated().alias("_distance"), days=WINDOW)
        days = days.unionByName(with_days_ago(facts, visits, WINDOW).drop("us"))
    return days


def store_features(days: DataFrame) -> DataFrame:
    """One row per customer of `store_days`: features 74 to 76."""
    stores = (
        days.groupBy("customer_no", "store_id", "days_ago")
        .agg(F.max("_distance").alias("_distance"))
        .groupBy("customer_no", "store_id")
        .agg(
            F.count(F.lit(1)).alias("_days"),
            F.min("days_ago").alias("_last"),
            F.max("_distance").alias("_distance"),
        )
    )
    order = Window.partitionBy("customer_no").orderBy(F.col("_days").desc(), "_last", "store_id")
    home = F.row_number().over(order) == 1
    metres = F.pmod("_distance", F.lit(METRES_MAX))
    return (
        stores.withColumn("_home", home)
        .groupBy("customer_no")
        .agg(
            F.max(F.when(F.col("_home"), F.col("store_id"))).alias("home_store"),
            F.count(F.lit(1)).cast("int").alias("n_stores"),
            rounded(F.max(F.when(F.col("_home"), metres)) / 1000).alias("dist_home_store_km"),
        )
    )


def _dated() -> Column:
    """Second and distance in metres of a visit in one number, the latest largest; null where none is stated.

    Structs have no fast maximum. Of visits in one second the larger distance counts.
    """
    metres = F.least(F.floor(F.col("distance_km") * 1000 + 0.5), F.lit(METRES_MAX - 1)).cast("bigint")
    # `least` takes a null for nothing, not for unknown
    return F.when(F.col("distance_km").isNotNull(), F.unix_seconds("event_ts") * METRES_MAX + metres)
