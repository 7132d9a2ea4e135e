"""Family G: through which channels a customer buys, online and offline.

An order's channel is that of its lines (the first by name where they differ); orders that state none are left out.
First and last order follow (moment, order_id). Elsewhere: 74 to 76 in `home_store.py`, 77 and 78 in
`channel_crossings.py`, 79 `device_share` with browsing in family H.
"""

from __future__ import annotations

from functools import partial

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.as_of import known_before
from features.browsed import with_customer_ids
from features.definitions import FeatureDef
from features.facts import Facts
from features.family_params import SalesChannelParams
from features.rounding import rounded
from features.windows import ratio, within

FAMILY = "G sales channels"
WINDOW, LATELY = 365, 180
SOURCES = ("transactions.sales_channel",)
LAST = "\x01"  # sorts before every character of an id, so that ids keep their order with something behind them
Channel = partial(FeatureDef, family=FAMILY, sources=SOURCES)
Share = partial(Channel, kind="double", window=f"last {WINDOW} days", low=0, high=1)

DEFINITIONS: tuple[FeatureDef, ...] = (
    Share("offline_order_share", 67, definition="share of orders through channels that are offline (setting)"),
    Share("app_share", 68, definition="share of orders through the app (setting)"),
    Share("mini_program_share", 69, definition="share of orders through mini programs (setting)"),
    Channel(
        "channel_entropy",
        70,
        kind="double",
        definition="- sum p ln p over shares of orders by channel",
        window=f"last {WINDOW} days",
        low=0,
    ),
    Channel("first_channel", 71, kind="string", definition="channel of the first order"),
    Channel("last_channel", 72, kind="string", definition="channel of the last order"),
    Channel(
        "migrated_off_to_on",
        73,
        kind="bool",
        definition="the first order was offline, and of those of the last 180 days more were online than offline",
        default="false",
    ),
    Channel(
        "migrated_on_to_off",
        73,
        kind="bool",
        definition="the first order was online, and of those of the last 180 days more were offline than online",
        default="false",
    ),
)
NEEDS: tuple[str, ...] = ()


def features(facts: Facts) -> list[DataFrame]:
    """Features 67 to 73."""
    rows = channel_features(as_channels(order_channels(facts)), facts.params.sales_channels)
    return [with_customer_ids(facts, rows)]


def order_channels(facts: Facts) -> DataFrame:
    """One row per customer and order, kept: order_us (moment of its first line), days_ago, channel, store_id."""

    def build() -> DataFrame:
        numbers = F.broadcast(facts.accounts.select("account_id", "customer_no"))
        lines = known_before(facts.tables["transactions"], facts.as_of).join(numbers, "account_id", how="inner")
        orders = lines.groupBy("customer_no", "order_id").agg(
            F.min("event_ts").alias("_ts"),
            F.min("sales_channel").alias("channel"),
            F.min("store_id").alias("store_id"),
        )
        moment = (F.unix_micros("_ts").alias("order_us"), facts.days_ago(F.col("_ts")).alias("days_ago"))
        return orders.select("customer_no", "order_id", *moment, "channel", "store_id")

    return facts.kept("order_channels", build)


def as_channels(orders: DataFrame) -> DataFrame:
    """One row per customer and known channel of `order_channels`: n_365, n_180, and its first and last order."""
    # no order is older than 1970, so that digits sort as numbers do
    moment = F.concat(F.lpad(F.col("order_us").cast("string"), 19, "0"), F.col("order_id"))
    return (
        orders.where(F.col("channel").isNotNull())
        .groupBy("customer_no", "channel")
        .agg(
            F.count(F.when(within(WINDOW), 1)).alias("n_365"),
            F.count(F.when(within(LATELY), 1)).alias("n_180"),
            F.min(moment).alias("first"),
            F.max(moment).alias("last"),
        )
    )


def channel_features(channels: DataFrame, params: SalesChannelParams) -> DataFrame:
    """One row per customer of `as_channels`: features 67 to 73."""
    n, lately, channel = F.col("n_365"), F.col("n_180"), F.col("channel")
    offline = channel.isin(list(params.offline))

    def total(value: Column, condition: Column) -> Column:
        return F.sum(F.when(condition, value).otherwise(0))

    found = channels.groupBy("customer_no").agg(
        F.sum(n).alias("_n"),
        total(n, offline).alias("_offline"),
        total(n, channel.isin(list(params.app))).alias("_app"),
        total(n, channel.isin(list(params.mini_program))).alias("_mini"),
        F.sum(F.when(n > 0, n * F.ln(n)).otherwise(0.0)).alias("_logs"),
        (total(lately, offline) * 2 - F.sum(lately)).alias("_more_offline"),
        F.substring_index(F.min(F.concat("first", F.lit(LAST), channel)), LAST, -1).alias("first_channel"),
        F.substring_index(F.max(F.concat("last", F.lit(LAST), channel)), LAST, -1).alias("last_channel"),
    )
    entropy = F.ln("_n") - F.col("_logs") / F.col("_n")
    began_offline = F.col("first_channel").isin(list(params.offline))
    return found.select(
        "customer_no",
        ratio(F.col("_offline"), F.col("_n")).alias("offline_order_share"),
        ratio(F.col("_app"), F.col("_n")).alias("app_share"),
        ratio(F.col("_mini"), F.col("_n")).alias("mini_program_share"),
        # a lone channel leaves rounding dust
        F.when(F.col("_n") > 0, F.when(entropy > 1e-9, rounded(entropy)).otherwise(0.0)).alias("channel_entropy"),
        "first_channel",
        "last_channel",
        (began_offline & (F.col("_more_offline") < 0)).alias("migrated_off_to_on"),
        (~began_offline & (F.col("_more_offline") > 0)).alias("migrated_on_to_off"),
    )
