"""Whether a customer can be reached in a channel at a moment: a usable address, consent, no unsubscribing.

Reach is asked for pairs (`customer_id, channel, cut`), so the same function serves the snapshot (every cut is
`as_of`) and the past (the cut of each send or holdout). Only facts that had happened, and were known, strictly before
the pair's cut count. What the sources do not say is null, and null is neither yes nor no.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.as_of import AsOf, known_before
from features.contact_pairs import with_answered_channel

PAIR = ("customer_id", "channel", "cut")
# what a channel needs -> kinds of identifier that give it
IDENTIFIERS = {
    "phone": ("phone",),
    "email": ("email",),
    "unionid": ("unionid", "openid"),
    "openid": ("openid",),
    "weibo_id": ("weibo_id",),
    "device": ("device",),
    "cookie": ("cookie",),
    "postal_address": ("address",),
    "address": ("address",),
}
VISIT, PARCEL, MEMBER = "visit", "parcel", "member"
# why a channel is closed; the order in which it is said
NO_ADDRESS, NO_CONSENT, UNSUBSCRIBED = REASONS = ("no_address", "no_consent", "unsubscribed")


@dataclass(frozen=True)
class ReachParams:
    """What counts as an address where it is no identifier."""

    visit_days: int = 365  # a visit or a purchase in a store so many days back makes store staff a channel
    parcel_days: int = 35  # an order that is shipped, so many days back, makes a parcel insert one


@dataclass(frozen=True)
class ReachSources:
    """Source tables as in their contracts; None for one that was not delivered.

    `customers` holds `account_id, customer_id` as they hold at the snapshot.
    """

    channels: DataFrame
    customers: DataFrame
    transactions: DataFrame
    accounts: DataFrame | None = None
    consents: DataFrame | None = None
    store_visits: DataFrame | None = None
    contacts: DataFrame | None = None
    responses: DataFrame | None = None


def as_reach(pairs: DataFrame, sources: ReachSources, params: ReachParams) -> DataFrame:
    """`customer_id, channel, cut, reachable, unreachable_because` for pairs in a listed channel, one row each.

    `reachable` is has an address AND has consent (where the channel needs one) AND did not unsubscribe: false when
    one is known to fail, null when none is and one is unknown. Consent is her last event for the channel or `any`,
    purpose marketing, over all her accounts; of events at one moment a withdrawal wins; none on file is no consent.
    An unsubscribe that names no channel and no send counts for all channels.
    """
    terms = sources.channels.select(
        "channel",
        "address_kind",
        F.coalesce(F.col("needs_consent"), F.lit(True)).alias("needs_consent"),
        F.col("needs_consent").alias("consent_is_asked"),
    )
    wanted = pairs.select(*PAIR).distinct().join(F.broadcast(terms), on="channel", how="inner")
    asked = wanted.transform(_join_address, sources, params).transform(_join_consent, sources)
    consent = F.when(~F.col("needs_consent"), F.lit(True)).otherwise(F.col("consent"))
    closed = (~F.col("address"), ~consent, F.col("refused"))
    because = F.coalesce(*[F.when(no, F.lit(why)) for no, why in zip(closed, REASONS, strict=True)])
    return asked.transform(_join_refusals, sources).select(
        *PAIR, (F.col("address") & consent & ~F.col("refused")).alias("reachable"), because.alias("unreachable_because")
    )


def _join_address(wanted: DataFrame, sources: ReachSources, params: ReachParams) -> DataFrame:
    """Adds `address`: whether she has what the channel needs; null where the sources cannot tell."""
    kind, cut = F.col("address_kind"), F.col("cut")
    age = F.unix_timestamp(cut) - F.unix_timestamp(F.col("event_ts"))
    found = wanted.join(_addresses(sources), on=["customer_id", "address_kind"], how="inner")
    days = F.when(kind == VISIT, F.lit(params.visit_days)).when(kind == PARCEL, F.lit(params.parcel_days))
    has = (
        found.where((F.col("event_ts") < cut) & (F.col("available_ts") < cut))
        .where(days.isNull() | (age <= days * F.lit(86400)))
        .select(*PAIR)
        .distinct()
        .withColumn("has", F.lit(True))
    )
    kinds = [VISIT, PARCEL] if sources.accounts is None else [VISIT, PARCEL, *IDENTIFIERS]
    return (
        wanted.join(has, on=list(PAIR), how="left")
        .withColumn(
            "address",
            F.when(kind == MEMBER, F.lit(True)).when(kind.isin(kinds), F.coalesce(F.col("has"), F.lit(False))),
        )
        .drop("has")
    )


def as_addresses(accounts: DataFrame, customers: DataFrame, as_of: AsOf) -> DataFrame:
    """`customer_id, address_kind, address_account`: the account on which a usable address of the kind was seen last.

    accounts: the source table. customers: `account_id, customer_id` at the cut. Only sightings known before the cut
    count; of two at one moment the smaller account stands.
    """
    usable = known_before(accounts, as_of).where(F.coalesce(F.col("identifier_state"), F.lit("ok")) == "ok")
    kind = F.explode(F.array(*[_serves(name, kinds) for name, kinds in IDENTIFIERS.items()]))
    seen = usable.select("account_id", "event_ts", kind.alias("address_kind")).where(F.col("address_kind").isNotNull())
    newest = Window.partitionBy("customer_id", "address_kind").orderBy(F.col("event_ts").desc(), "account_id")
    return (
        seen.join(customers, on="account_id", how="inner")
        .withColumn("place", F.row_number().over(newest))
        .where(F.col("place") == 1)
        .select("customer_id", "address_kind", F.col("account_id").alias("address_account"))
    )


def _addresses(sources: ReachSources) -> DataFrame:
    """`customer_id, address_kind, event_ts, available_ts`: when an address of the kind was seen."""
    # an order that says neither how nor where it was sold is taken to be shipped
    sold = F.coalesce(F.col("sales_channel"), F.when(F.col("store_id").isNotNull(), F.lit("store")), F.lit("shipped"))
    bought = F.when(sold == "store", F.lit(VISIT)).otherwise(F.lit(PARCEL))
    seen = [_seen(sources.transactions, bought)]
    if sources.store_visits is not None:
        seen.append(_seen(sources.store_visits, F.lit(VISIT)))
    if sources.accounts is not None:
        usable = sources.accounts.where(F.coalesce(F.col("identifier_state"), F.lit("ok")) == "ok")
        # one sighting per account, kind and moment is enough; an identifier may serve several kinds of address
        kind = F.explode(F.array(*[_serves(name, kinds) for name, kinds in IDENTIFIERS.items()]))
        seen.append(_seen(usable, kind))
    whole = seen[0]
    for more in seen[1:]:
        whole = whole.unionByName(more)
    return whole.join(sources.customers, on="account_id", how="inner").drop("account_id").distinct()


def _seen(df: DataFrame, kind: Column) -> DataFrame:
    columns = ["account_id", "event_ts", "available_ts"]
    return df.select(*columns, kind.alias("address_kind")).where(F.col("address_kind").isNotNull()).distinct()


def _serves(address_kind: str, identifier_kinds: Sequence[str]) -> Column:
    return F.when(F.col("identifier_kind").isin(list(identifier_kinds)), F.lit(address_kind))


def _join_consent(wanted: DataFrame, sources: ReachSources) -> DataFrame:
    """Adds `consent`: her last word about marketing in the channel.

    Without the source table it is no where the channel is said to need one, and unknown where nothing is said.
    """
    if sources.consents is None:
        return wanted.withColumn("consent", F.when(F.col("consent_is_asked"), F.lit(False)))
    words = (
        sources.consents.where(F.col("purpose") == "marketing")
        .join(sources.customers, on="account_id", how="inner")
        .select("customer_id", F.col("channel").alias("about"), "action", "event_ts", "available_ts")
    )
    known = (F.col("event_ts") < F.col("cut")) & (F.col("available_ts") < F.col("cut"))
    last = F.max(F.struct("event_ts", (F.col("action") == "withdrawn").cast("int").alias("withdrawn")))
    given = (
        wanted.select(*PAIR)
        .join(words, on="customer_id", how="inner")
        .where(known & ((F.col("about") == "any") | (F.col("about") == F.col("channel"))))
        .groupBy(*PAIR)
        .agg(last.alias("last"))
        .select(*PAIR, (F.col("last.withdrawn") == 0).alias("consent"))
    )
    return wanted.join(given, on=list(PAIR), how="left").withColumn(
        "consent", F.coalesce(F.col("consent"), F.lit(False))
    )


def _join_refusals(wanted: DataFrame, sources: ReachSources) -> DataFrame:
    """Adds `refused`: whether she unsubscribed; false where nothing is recorded."""
    if sources.responses is None:
        return wanted.withColumn("refused", F.lit(False))
    refusals = (
        with_answered_channel(sources.responses.where(F.col("response_kind") == "unsubscribe"), sources.contacts)
        .join(sources.customers, on="account_id", how="inner")
        .select("customer_id", "answered_channel", "event_ts", "available_ts")
    )
    known = (F.col("event_ts") < F.col("cut")) & (F.col("available_ts") < F.col("cut"))
    here = F.col("answered_channel").isNull() | (F.col("answered_channel") == F.col("channel"))
    said = (
        wanted.select(*PAIR)
        .join(refusals, on="customer_id", how="inner")
        .where(known & here)
        .select(*PAIR)
        .distinct()
        .withColumn("refused", F.lit(True))
    )
    return wanted.join(said, on=list(PAIR), how="left").withColumn(
        "refused", F.coalesce(F.col("refused"), F.lit(False))
    )
