"""Whom could be, or was, contacted with what: the rows that contact features and response labels hang on.

A pair is (customer_id, offer_id, channel, cut, window_days): the customer, the offer, how it goes out, the moment up
to which things are known (UTC), and how many local days the offer can still be used from then. Past sends give
training pairs, live offers and each kind's typical offer give pairs to score. All three meet in
`features/contact_features.py`, so training and scoring cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.as_of import AsOf

PAIR = ("customer_id", "offer_id", "channel", "cut", "window_days")


def as_send_pairs(contacts: DataFrame, offers: DataFrame, customer_map: DataFrame, as_of: AsOf) -> DataFrame:
    """One pair per customer, offer and channel ever sent before `as_of`; the cut is the first send.

    Sends of unknown offers or accounts, and sends after the offer ended, are left out.
    """
    known = contacts.where((F.col("event_ts") < F.lit(as_of.ts)) & (F.col("available_ts") < F.lit(as_of.ts)))
    sends = (
        known.select("account_id", "offer_id", "channel", "event_ts")
        .join(customer_map, on="account_id", how="inner")
        .where(holds_at(F.col("event_ts")))
        .groupBy("customer_id", "offer_id", "channel")
        .agg(F.min("event_ts").alias("cut"))
    )
    local_day = F.to_date(F.from_utc_timestamp(F.col("cut"), as_of.time_zone))
    return (
        sends.join(offers.select("offer_id", "ends_on"), on="offer_id", how="inner")
        .withColumn("window_days", (F.datediff(F.col("ends_on"), local_day) + 1).cast("int"))
        .where(F.col("window_days") > 0)
        .select(*PAIR)
    )


def live_options(offers: DataFrame, as_of: AsOf, channels: Sequence[str]) -> DataFrame:
    """`offer_id, channel, window_days` of the offers running on the day of `as_of`; the window is what is left.

    An offer that names no channel is given each of `channels`.
    """
    running = known_offers(offers, as_of).where(
        (F.col("starts_on") <= F.lit(as_of.day)) & (F.col("ends_on") >= F.lit(as_of.day))
    )
    left = F.datediff(F.col("ends_on"), F.lit(as_of.day)) + 1
    return running.transform(_with_channels, channels).select(*_option(left))


def typical_options(offers: DataFrame, as_of: AsOf, channels: Sequence[str]) -> DataFrame:
    """`offer_id, channel, window_days` of one typical offer per channel and kind, as if it started at `as_of`.

    Typical is the offer of the kind that started last by then (ties: the larger id), with its whole duration.
    """
    kind = Window.partitionBy("channel", "offer_kind").orderBy(F.col("starts_on").desc(), F.col("offer_id").desc())
    latest = (
        known_offers(offers, as_of)
        .where(F.col("starts_on") <= F.lit(as_of.day))
        .transform(_with_channels, channels)
        .withColumn("place", F.row_number().over(kind))
        .where(F.col("place") == 1)
    )
    whole = F.datediff(F.col("ends_on"), F.col("starts_on")) + 1
    return latest.select(*_option(whole))


def as_pairs(customers: DataFrame, options: DataFrame, as_of: AsOf) -> DataFrame:
    """Every customer (`customer_id`, one row each) with every distinct option, cut at `as_of`."""
    wanted = options.distinct().withColumn("cut", F.lit(as_of.ts))
    return customers.select("customer_id").crossJoin(F.broadcast(wanted)).select(*PAIR)


def as_open_pairs(customers: DataFrame, reach: DataFrame, options: DataFrame, as_of: AsOf) -> DataFrame:
    """Pairs of every customer and option whose channel is open to her, or not known to be closed.

    reach: `customer_id, channel, reachable` (see `features/reach.py`); a channel that it does not know is open to
    all `customers`.
    """
    wanted = options.distinct().withColumn("cut", F.lit(as_of.ts))
    open_ones = reach.where(F.col("reachable").isNull() | F.col("reachable")).select("customer_id", "channel")
    listed = reach.select("channel").distinct()
    strangers = wanted.join(F.broadcast(listed), on="channel", how="left_anti")
    known = open_ones.join(F.broadcast(wanted), on="channel", how="inner").select(*PAIR)
    return known.unionByName(customers.select("customer_id").crossJoin(F.broadcast(strangers)).select(*PAIR))


def _option(window: Column) -> list[Column]:
    return [F.col("offer_id"), F.col("channel"), window.cast("int").alias("window_days")]


def _with_channels(offers: DataFrame, channels: Sequence[str]) -> DataFrame:
    """One row per offer and channel it may go out through."""
    all_of_them = F.array(*[F.lit(c) for c in channels])
    named = F.col("channel").isNotNull()
    return offers.withColumn("channel", F.explode(F.when(named, F.array(F.col("channel"))).otherwise(all_of_them)))


def known_offers(offers: DataFrame, as_of: AsOf) -> DataFrame:
    """Offers known at the cut. An offer is our own plan: it may become known at the very moment it is used."""
    return offers.where(F.col("available_ts").isNull() | (F.col("available_ts") <= F.lit(as_of.ts)))


def with_response_label(
    pairs: DataFrame,
    responses: DataFrame,
    offers: DataFrame,
    customer_map: DataFrame,
    as_of: AsOf,
    response_kind: str = "redeem",
    maturity_days: int = 1,
    contacts: DataFrame | None = None,
) -> DataFrame:
    """Adds `offer_kind`, `closes_ts`, `responded` (0 or 1) and `matured` to pairs.

    A pair responded when a response of the kind to the offer has cut <= event_ts < closes_ts, the local midnight
    after the offer's last day. It is matured, and so may be learned from, when that window closed at least
    `maturity_days` local days before `as_of`: by then late reports are in. When a response became known does not
    matter for a label. A response that names its channel, or its send (`contacts` tells the channel), answers the
    pair of that channel only; one that names neither answers every channel the offer went out through.
    """
    # whose answer it is goes by what was believed at the send, as the pair does, not by a merge since
    answers = (
        with_answered_channel(responses.where(F.col("response_kind") == F.lit(response_kind)), contacts)
        .join(customer_map, on="account_id", how="inner")
        .select(
            *["customer_id", "offer_id", "answered_channel", "valid_from", "valid_to"],
            F.col("event_ts").alias("answered_ts"),
        )
    )
    windows = offers.select("offer_id", "offer_kind", closes_ts(as_of.time_zone).alias("closes_ts"))
    inside = (F.col("answered_ts") >= F.col("cut")) & (F.col("answered_ts") < F.col("closes_ts")) & answers_channel()
    inside = inside & holds_at(F.col("cut"))
    keys = [*PAIR, "offer_kind", "closes_ts"]
    return (
        pairs.join(windows, on="offer_id", how="inner")
        .join(answers, on=["customer_id", "offer_id"], how="left")
        .groupBy(*keys)
        .agg(F.max(F.when(inside, F.lit(1)).otherwise(F.lit(0))).cast("int").alias("responded"))
        .withColumn("matured", F.col("closes_ts") <= F.lit(as_of.plus(-maturity_days).ts))
    )


def with_answered_channel(responses: DataFrame, contacts: DataFrame | None) -> DataFrame:
    """Adds `answered_channel`: the channel that a response names, else that of the send it names, else null."""
    if contacts is None:
        return responses.withColumn("answered_channel", F.col("channel"))
    sends = contacts.select("contact_id", F.col("channel").alias("sent_channel"))
    return (
        responses.join(sends, on="contact_id", how="left")
        .withColumn("answered_channel", F.coalesce(F.col("channel"), F.col("sent_channel")))
        .drop("sent_channel")
    )


def answers_channel() -> Column:
    """Whether a response with `answered_channel` answers a send in `channel`; one that names none answers all."""
    return F.col("answered_channel").isNull() | (F.col("answered_channel") == F.col("channel"))


def closes_ts(time_zone: str) -> Column:
    """The local midnight after an offer's last day, in UTC, from its `ends_on`."""
    return F.to_utc_timestamp(F.date_add(F.col("ends_on"), 1).cast("timestamp"), time_zone)


def holds_at(moment: Column) -> Column:
    """Whether a row of the customer map was what we believed at `moment`."""
    return (F.col("valid_from") <= moment) & (F.col("valid_to").isNull() | (F.col("valid_to") > moment))


def customers_at(customer_map: DataFrame, as_of: AsOf) -> DataFrame:
    """The customers (`customer_id`, one row each) that the map knows at the cut."""
    return customer_map.where(holds_at(F.lit(as_of.ts))).select("customer_id").distinct()
