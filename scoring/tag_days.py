"""Tags of customers by day, for the recommender: what posts, networks and the customers' own records tell.

One row per customer, tag and day, in the form of a log of purchases: `customer_id`, `product_id` (the tag's name),
`day`, `quantity` 1, `amount` (confidence), `orders` 1, `known_day`. Names begin with where the tag is from:

    post:<tag>            an interest or life event that her posts told
    post:<event>@<stage>  the life event has come to a stage, on the day it did
    given:<tag>           a network or another tool gave the tag
    told:<event>          a life event that takes the place of others
    spare:<event>@<stage> a stage of a life event that may not choose whom to contact, and still spares her things
    end:<event>           the last stage of the event is over
    loss:<event>          she lost it: nothing of it counts for long
    region:, acquired:, tier:, age:, gender:  her record
    known  since when she is a customer; everybody has it

Posts and given tags are read as far as consent goes at the cut; losses of everybody, since they only take away.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.facts import Facts
from features.families.life_events import given_tags
from features.families.post_evidence import tagged_posts
from features.population import population_days
from features.tags.lexicon import LIFE_EVENT, LOSS
from features.tags.life_event_kinds import LIFE_EVENT_KINDS, LifeEventKind
from recommend.tag_rules import KNOWN

RECORD = {"region": "region", "age": "age_band", "gender": "gender"}  # tag: column of `customers`
Targeting = Collection[tuple[str, str]]


def known_tag_days(facts: Facts, which: str, targeting: Targeting) -> DataFrame | None:
    """The rows above; None where no source of them was delivered.

    `which` is `all`, `targeting` (of posts only the (kind, tag) of `targeting`; none that were given, since nobody
    measured those) or `none` (only the record).
    """
    parts = [*_from_posts(facts, which, targeting), *_given(facts, which), *_record(facts)]
    if not parts:
        return None
    days = reduce(lambda a, b: a.unionByName(b), parts).where(F.col("day") < F.lit(facts.as_of.day))
    # the confidence of a day is known when the surest of its rows was, not when the first one was
    surest = F.sort_array(F.collect_list(F.struct((-F.col("amount")).alias("a"), F.col("known_day").alias("k"))))[0]
    return (
        days.groupBy("customer_id", "product_id", "day")
        .agg(surest.alias("_surest"))
        .select(
            "customer_id",
            "product_id",
            "day",
            F.lit(1.0).alias("quantity"),
            (-F.col("_surest.a")).alias("amount"),
            F.lit(1).alias("orders"),
            F.col("_surest.k").alias("known_day"),
        )
    )


def known_customer_days(facts: Facts) -> DataFrame:
    """The rows `known` of everybody in `features.population`, on the day before which nothing of her was known."""
    days = population_days(facts).withColumn("known_day", F.col("day")).where(F.col("day") < F.lit(facts.as_of.day))
    return _rows(days, F.lit(KNOWN), F.lit(1.0)).select(
        "customer_id",
        "product_id",
        "day",
        F.lit(1.0).alias("quantity"),
        "amount",
        F.lit(1).alias("orders"),
        "known_day",
    )


def _from_posts(facts: Facts, which: str, targeting: Targeting) -> list[DataFrame]:
    if which == "none" or not facts.has("post_tags"):
        return []
    zone = facts.as_of.time_zone
    posts = tagged_posts(facts).withColumn("day", _local("event_ts", zone))
    posts = posts.withColumn("known_day", F.greatest("day", _local("available_ts", zone)))
    named = F.concat_ws(":", "tag_kind", "tag").isin(sorted(f"{k}:{t}" for k, t in targeting))
    may = F.lit(True) if which == "all" else named
    events = posts.where(F.col("tag_kind") == LIFE_EVENT)
    stages = _as_stages(events)
    spared = F.when(may, F.lit("post:")).otherwise(F.lit("spare:"))
    losses = facts.log("post_tags", "tag", "tag_kind", "available_ts").where(F.col("tag_kind") == LOSS)
    losses = losses.withColumn("day", _local("event_ts", zone))
    losses = losses.withColumn("known_day", F.greatest("day", _local("available_ts", zone)))
    return [
        _rows(posts.where(may), F.concat(F.lit("post:"), "tag"), F.col("confidence")),
        _rows(stages.where(F.col("stage") != ""), F.concat(spared, "tag", F.lit("@"), "stage"), F.col("confidence")),
        _rows(stages.where(F.col("stage") == ""), F.concat(F.lit("end:"), "tag"), F.lit(1.0)),
        _rows(losses, F.concat(F.lit("loss:"), "tag"), F.lit(1.0)),
        _rows(events, F.concat(F.lit("told:"), "tag"), F.lit(1.0)).where(_ends_another()),
    ]


def _ends_another() -> Column:
    """Whether the event of a `told:` row takes the place of another."""
    ending = sorted({f"told:{other}" for kind in LIFE_EVENT_KINDS for other in kind.ended_by})
    return F.col("product_id").isin(ending)


def _as_stages(events: DataFrame) -> DataFrame:
    """One row per post and stage that the event comes to on or after the day of the post, on the day it does, and one
    with an empty stage on the day after the last. A stage that was over when the post was written is left out."""
    spans = F.coalesce(*[F.when(F.col("tag") == k.event, _spans(k)) for k in LIFE_EVENT_KINDS])
    span = F.explode(spans).alias("span")
    placed = events.select("*", F.unix_date("day").alias("_posted"), span).where(F.col("span.first").isNotNull())
    start = F.greatest(F.col("span.first"), F.col("_posted"))
    running = placed.where(F.col("span.last") >= F.col("_posted"))
    # before 1970 and far ahead are mistakes of whoever wrote the date
    moved = running.select("*", start.alias("_start")).where(F.col("_start").between(0, 100_000))
    day = F.date_add(F.lit("1970-01-01").cast("date"), F.col("_start").cast("int"))
    return moved.withColumn("day", day).select(
        "customer_id", "tag", "tag_kind", "confidence", "day", "known_day", F.col("span.stage").alias("stage")
    )


def _spans(kind: LifeEventKind) -> Column:
    """Days since 1970-01-01 of the stages of an event, by the day told or else by the day of the post."""
    posted = F.unix_date("day") + (F.lit(None).cast("int") if kind.clock_days is None else F.lit(kind.clock_days))
    event = F.coalesce(F.unix_date("happens_on"), posted)
    far = 200_000
    stages = [(s.name, event + s.first, event + s.last) for s in kind.stages]
    return F.array(
        *[
            F.struct(F.lit(name).alias("stage"), first.alias("first"), last.alias("last"))
            for name, first, last in [*stages, ("", event + kind.last_day + 1, event + far)]
        ]
    )


def _given(facts: Facts, which: str) -> list[DataFrame]:
    if which != "all" or not facts.has("social_tags"):
        return []
    zone = facts.as_of.time_zone
    given = given_tags(facts, facts.params.interests).withColumn("day", _local("event_ts", zone))
    known = given.withColumn("known_day", F.greatest("day", _local("available_ts", zone)))
    return [_rows(known, F.concat(F.lit("given:"), "tag"), F.col("confidence"))]


def _record(facts: Facts) -> list[DataFrame]:
    """What customers stated, where they came from, their tier: each from the day on which it was known."""
    zone, parts = facts.as_of.time_zone, []
    if facts.has("customers"):
        stated = facts.tables["customers"].withColumn("event_ts", F.col("available_ts"))
        known = Facts({**facts.tables, "customers": stated}, facts.as_of, facts.params).log(
            "customers", *RECORD.values()
        )
        known = known.withColumn("day", _local("event_ts", zone)).withColumn("known_day", F.col("day"))
        for name, column in RECORD.items():
            parts.append(_attribute(known.where(F.col(column).isNotNull()), name, column))
    if facts.has("accounts"):
        came = facts.log("accounts", "account_id", "acquisition_source", "available_ts")
        came = came.where(F.col("acquisition_source").isNotNull())
        first = Window.partitionBy("customer_id").orderBy("event_ts", "account_id", "acquisition_source")
        came = came.withColumn("_n", F.row_number().over(first)).where(F.col("_n") == 1)
        came = came.withColumn("day", _local("event_ts", zone))
        came = came.withColumn("known_day", F.greatest("day", _local("available_ts", zone)))
        parts.append(_attribute(came, "acquired", "acquisition_source"))
    if facts.has("tier_history"):
        held = facts.tables["tier_history"].withColumn("event_ts", F.col("valid_from"))
        tiers = Facts({**facts.tables, "tier_history": held}, facts.as_of, facts.params)
        known = tiers.log("tier_history", "tier", "available_ts").withColumn("day", _local("event_ts", zone))
        known = known.withColumn("known_day", F.greatest("day", _local("available_ts", zone)))
        parts.append(_attribute(known, "tier", "tier"))
    return parts


def _attribute(rows: DataFrame, name: str, column: str) -> DataFrame:
    return _rows(rows, F.concat(F.lit(f"{name}:"), F.lower(F.trim(column))), F.lit(1.0))


def _rows(rows: DataFrame, tag: Column, amount: Column) -> DataFrame:
    """customer_id, product_id, day, amount, known_day."""
    late = F.greatest("day", "known_day").alias("known_day")
    return rows.select("customer_id", tag.alias("product_id"), "day", amount.cast("double").alias("amount"), late)


def _local(column: str, zone: str) -> Column:
    """The local day of a UTC moment."""
    return F.to_date(F.from_utc_timestamp(F.col(column), zone))
