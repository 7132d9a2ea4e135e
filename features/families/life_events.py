"""Family K: life events and interests that a customer's own posts tell.

117 is one column per event, 118 two: the stage, and the days from the event's day, which is the day told by the
newest post that tells one, or that of the oldest post that counts. 119 is `customer_post_tags`, long, for the tag
sheet. Searches do not feed interests: `browsing.query` is not tagged.
"""

from __future__ import annotations

from functools import partial

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.definitions import FeatureDef
from features.facts import Facts
from features.families.post_evidence import PROFILED, consenting, event_posts, tagged_posts
from features.family_params import InterestParams
from features.rounding import rounded
from features.tags.lexicon import LIFE_EVENT
from features.tags.life_event_kinds import LIFE_EVENT_KINDS, SENSITIVE_NAME, LifeEventKind

FAMILY = "K social"
NEEDS: tuple[str, ...] = ("post_tags",)
EVIDENCE = 5  # newest posts kept as proof of a tag
GIVEN = "given"  # kind of a tag that a network gave
_DAY = 100_000  # more than the days since 1970 of any event
Def = partial(FeatureDef, family=FAMILY, sources=("post_tags",), leak_note="posts known before the cut, by consent")


def _definitions(kind: LifeEventKind) -> tuple[FeatureDef, ...]:
    window = f"last {kind.expiry_days} days"
    stages = ", ".join(f"{s.name} {s.first} to {s.last}" for s in kind.stages)
    name = f"life_event_{kind.event}"
    about = partial(Def, window=window, purpose=kind.purpose)
    return (
        about(
            name,
            117,
            kind="double",
            definition=f"confidence of posts about it, the highest, halved every {kind.half_life_days:g} days",
            default="0",
            low=0,
            high=1,
        ),
        about(f"{name}_stage", 118, kind="string", definition=f"stage by days from its day: {stages}"),
        about(f"{name}_days", 118, kind="int", definition="days from its day to the cut; negative before it"),
    )


DEFINITIONS: tuple[FeatureDef, ...] = tuple(d for kind in LIFE_EVENT_KINDS for d in _definitions(kind))


def features(facts: Facts) -> list[DataFrame]:
    """One row per customer with a life event that counts at the cut: 117 and 118."""
    events = life_events(facts)
    columns = []
    for kind in LIFE_EVENT_KINDS:
        mine, name = F.col("tag") == kind.event, f"life_event_{kind.event}"
        columns += [
            F.max(F.when(mine, F.col("score"))).alias(name),
            F.max(F.when(mine, _stage(kind))).alias(f"{name}_stage"),
            F.max(F.when(mine, F.col("days"))).alias(f"{name}_days"),
        ]
    return [events.groupBy("customer_id").agg(*columns)]


def life_events(facts: Facts) -> DataFrame:
    """customer_id, tag, score, days, expires_on, support, first_seen, last_seen, evidence: events that count."""
    told_day = F.unix_date("happens_on")
    told = F.when(told_day.between(0, _DAY - 1), F.col("place") * F.lit(_DAY) + told_day)
    weight = F.col("confidence") * F.pow(F.lit(2.0), -F.col("days_ago") / F.col("half_life_days"))
    found = (
        _placed(event_posts(facts), "tag")
        .groupBy("customer_id", "tag", "expiry_days", "last_day", "clock_days")
        .agg(
            rounded(F.max(weight)).alias("score"),
            F.min(told).alias("_told"),
            *_seen(facts),
            F.min("days_ago").alias("_newest"),
            F.max("days_ago").alias("_oldest"),
        )
    )
    cut = facts.as_of.epoch_day
    undated = F.lit(cut) - F.col("_oldest") + F.col("clock_days")
    event_day = F.coalesce(F.col("_told") % F.lit(_DAY), undated)
    # the newest post runs out, or the last stage is over
    last = F.least(F.lit(cut) - F.col("_newest") + F.col("expiry_days"), event_day + F.col("last_day"))
    return (
        found.withColumn("days", (F.lit(cut) - event_day).cast("int"))
        .withColumn("_last", last)
        .where(F.col("_last") >= F.lit(cut))
        .select("customer_id", "tag", "score", "days", _as_date(F.col("_last") + 1).alias("expires_on"), *SEEN)
    )


def customer_post_tags(facts: Facts) -> DataFrame:
    """Feature 119 and the events of 117, long: what posts, and tags given by networks, tell of customers at the cut.

    customer_id, tag, tag_kind, score, support (posts and given tags), first_seen and last_seen (UTC), expires_on (the
    first local day on which the tag counts no more), evidence (ids of up to EVIDENCE posts, newest first). The score
    of an event is its feature; of an interest or brand the sum of confidences, each halved every half-life.
    """
    events = life_events(facts).withColumn("tag_kind", F.lit(LIFE_EVENT))
    interests = _interests(facts)
    columns = ["customer_id", "tag", "tag_kind", "score", *SEEN, "expires_on"]
    return events.select(*columns).unionByName(interests.select(*columns))


def _interests(facts: Facts) -> DataFrame:
    p = facts.params.interests
    posts = tagged_posts(facts).where(F.col("tag_kind").isin(list(PROFILED)))
    columns = ["customer_id", "event_ts", "days_ago", "post_id", "tag", "tag_kind", "confidence"]
    posts = posts.select(*columns)
    if facts.has("social_tags"):
        posts = posts.unionByName(given_tags(facts, p).select(*columns))
    weight = F.col("confidence") * F.pow(F.lit(2.0), -F.col("days_ago") / F.lit(p.half_life_days))
    found = (
        _placed(posts.where(F.col("days_ago") <= p.expiry_days), "tag", "tag_kind")
        .groupBy("customer_id", "tag", "tag_kind")
        .agg(rounded(F.sum(rounded(weight))).alias("score"), *_seen(facts), F.min("days_ago").alias("_newest"))
    )
    last = F.lit(facts.as_of.epoch_day) - F.col("_newest") + F.lit(p.expiry_days)
    return found.withColumn("expires_on", _as_date(last + 1))


def given_tags(facts: Facts, p: InterestParams) -> DataFrame:
    """Tags that networks gave, by the name given, under a kind of their own. They have no post to point at.

    A name that touches on pregnancy, birth or health needs the consent that such an event needs.
    """
    sensitive = F.col("tag").rlike(SENSITIVE_NAME)
    weight = F.coalesce(F.col("score"), F.lit(p.given_weight)).alias("confidence")
    given = facts.log("social_tags", F.lower(F.trim("tag")).alias("tag"), weight, "available_ts")
    if facts.has("consents"):
        may = given.join(consenting(facts), "customer_id", how="inner")
        given = may.where(F.when(sensitive, F.col("_sensitive")).otherwise(F.col("_profiling")))
    else:
        given = given.where(~sensitive)
    return given.withColumn("tag_kind", F.lit(GIVEN)).withColumn("post_id", F.lit(None).cast("string"))


SEEN = ("support", "first_seen", "last_seen", "evidence")


def _seen(facts: Facts) -> tuple[Column, ...]:
    """The columns SEEN of the rows of `_placed`."""
    proof = F.when((F.col("place") <= EVIDENCE) & F.col("post_id").isNotNull(), F.struct("place", "post_id"))
    return (
        F.count(F.lit(1)).cast("int").alias("support"),
        F.min("event_ts").alias("first_seen"),
        F.max("event_ts").alias("last_seen"),
        F.transform(F.sort_array(F.collect_list(proof)), lambda x: x["post_id"]).alias("evidence"),
    )


def _placed(posts: DataFrame, *bucket: str) -> DataFrame:
    """Adds `place`: 1 for the newest of a customer's posts in the bucket; tags without a post come last of a moment."""
    newest = Window.partitionBy("customer_id", *bucket).orderBy(
        F.col("event_ts").desc(), F.col("post_id").asc_nulls_last()
    )
    return posts.withColumn("place", F.row_number().over(newest))


def _stage(kind: LifeEventKind) -> Column:
    days = F.col("days")
    return F.coalesce(*[F.when(days.between(s.first, s.last), F.lit(s.name)) for s in kind.stages])


def _as_date(day: Column) -> Column:
    return F.date_add(F.lit("1970-01-01").cast("date"), day.cast("int"))
