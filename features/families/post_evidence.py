"""What customers' posts tell at a cut: tags of posts known by then, as far as consent goes, and what ended them.

With the source `consents`, a tag is read only for customers whose last word on the purpose, over all their accounts
and channels, is a grant known by the cut; of two at one moment a withdrawal wins. Without it, events that need the
purpose `sensitive` are off. Losses are read of everybody: they only take away.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.facts import Facts
from features.tags.lexicon import INTEREST, LIFE_EVENT, LOSS, OWN_BRAND, RIVAL_BRAND
from features.tags.life_event_kinds import LIFE_EVENT_KINDS, SENSITIVE, LifeEventKind

SENSITIVE_EVENTS = tuple(k.event for k in LIFE_EVENT_KINDS if k.purpose == SENSITIVE)
PROFILED = (INTEREST, OWN_BRAND, RIVAL_BRAND)


def tagged_posts(facts: Facts) -> DataFrame:
    """Tags of posts that may be read: customer_id, event_ts, days_ago, post_id, tag, tag_kind and what they tell.

    That is confidence, sentiment (the post's, in each of its tags), happens_on, and when it was known. Losses are left
    out; life events that ended are still in.
    """
    columns = ("post_id", "tag", "tag_kind", "confidence", "sentiment", "happens_on", "available_ts")
    posts = facts.log("post_tags", *columns).where(F.col("tag_kind") != LOSS)
    sensitive = (F.col("tag_kind") == LIFE_EVENT) & F.col("tag").isin(list(SENSITIVE_EVENTS))
    if not facts.has("consents"):
        return posts.where(~sensitive)
    may = consenting(facts)
    return (
        posts.join(may, "customer_id", how="inner")
        .where(F.when(sensitive, F.col("_sensitive")).otherwise(F.col("_profiling")))
        .drop("_sensitive", "_profiling")
    )


def consenting(facts: Facts) -> DataFrame:
    """customer_id, _profiling, _sensitive: whether her last word on each purpose is a grant."""
    words = facts.log("consents", "purpose", "action").where(F.col("purpose").isin("profiling", "sensitive"))

    def last(purpose: str, action: str) -> Column:
        return F.max(F.when((F.col("purpose") == purpose) & (F.col("action") == action), F.col("event_ts")))

    found = words.groupBy("customer_id").agg(
        *[last(p, a).alias(f"_{p}_{a}") for p in ("profiling", "sensitive") for a in ("granted", "withdrawn")]
    )

    def granted(purpose: str) -> Column:
        given, taken = F.col(f"_{purpose}_granted"), F.col(f"_{purpose}_withdrawn")
        return (given.isNotNull() & (taken.isNull() | (given > taken))).alias(f"_{purpose}")

    return found.select("customer_id", granted("profiling"), granted("sensitive"))


def event_posts(facts: Facts) -> DataFrame:
    """Posts of life events that count at the cut: as `tagged_posts`, with half_life, expiry_days, last_day, clock_days.

    A post counts until it expires, until a later stage of life is told (`ended_by`), or until a loss is: a loss of
    the event, or of one that shares its losses, clears every earlier post, and every later one within its
    `suppress_days`.
    """
    posts = tagged_posts(facts).where(F.col("tag_kind") == LIFE_EVENT)
    ends = _ends(facts)
    whole = posts.join(ends, ["customer_id", "tag"], how="left")
    for name in ("half_life_days", "expiry_days", "suppress_days", "last_day", "clock_days"):
        whole = whole.withColumn(name, _of_kind(name))
    kept = (
        (F.col("days_ago") <= F.col("expiry_days"))
        & (F.col("_ended_ts").isNull() | (F.col("event_ts") > F.col("_ended_ts")))
        & (F.col("_lost_days_ago").isNull() | (F.col("days_ago") < F.col("_lost_days_ago") - F.col("suppress_days")))
    )
    return whole.where(kept).drop("_ended_ts", "_lost_days_ago", "suppress_days")


def _ends(facts: Facts) -> DataFrame:
    """customer_id, tag, _lost_days_ago, _ended_ts: the last loss that counts for an event, and the last end of it."""
    told = facts.log("post_tags", "tag", "tag_kind").where(F.col("tag_kind").isin(LOSS, LIFE_EVENT))
    shared = {
        k.event: [o.event for o in LIFE_EVENT_KINDS if k.event in (o.event, *o.losses_of)] for k in LIFE_EVENT_KINDS
    }
    ended = {k.event: [o.event for o in LIFE_EVENT_KINDS if k.event in o.ended_by] for k in LIFE_EVENT_KINDS}
    return (
        told.withColumn("tag", F.explode(F.when(F.col("tag_kind") == LOSS, _listed(shared)).otherwise(_listed(ended))))
        .groupBy("customer_id", "tag")
        .agg(
            F.min(F.when(F.col("tag_kind") == LOSS, F.col("days_ago"))).alias("_lost_days_ago"),
            F.max(F.when(F.col("tag_kind") == LIFE_EVENT, F.col("event_ts"))).alias("_ended_ts"),
        )
    )


def _listed(events: dict[str, list[str]]) -> Column:
    """The events that an event in `tag` is about."""
    none = F.array().cast("array<string>")
    return F.coalesce(
        *[F.when(F.col("tag") == e, F.array(*[F.lit(o) for o in others])) for e, others in events.items() if others],
        none,
    )


def _of_kind(name: str) -> Column:
    """A number of the event in `tag`."""
    return F.coalesce(*[F.when(F.col("tag") == k.event, _number(k, name)) for k in LIFE_EVENT_KINDS])


def _number(kind: LifeEventKind, name: str) -> Column:
    value = getattr(kind, name)
    return F.lit(None).cast("int") if value is None else F.lit(value)
