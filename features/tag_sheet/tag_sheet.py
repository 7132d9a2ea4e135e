"""The tag sheet from feature tables: rules of one table, the loss of a share of wallet, and tags from posts."""

from __future__ import annotations

from collections.abc import Mapping, Set
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.as_of import AsOf
from features.families.life_events import GIVEN
from features.rounding import rounded
from features.tag_sheet.tag_params import TagParams
from features.tag_sheet.tag_rule import TagRule
from features.tag_sheet.tag_rules import tag_rules
from features.tag_sheet.tag_table import CUSTOMER_TAGS
from features.tags.lexicon import INTEREST, LIFE_EVENT, RIVAL_BRAND
from features.tags.life_event_kinds import LIFE_EVENT_KINDS, PROFILING, SENSITIVE, SENSITIVE_NAME

COLUMNS = [c for c in CUSTOMER_TAGS.names if c != "as_of"]


def as_customer_tags(
    tables: Mapping[str, DataFrame],
    post_tags: DataFrame | None,
    targeting: Set[tuple[str, str]],
    as_of: AsOf,
    p: TagParams,
) -> DataFrame:
    """Rows of `CUSTOMER_TAGS` without as_of: one per customer and tag that holds at the cut.

    `tables` are the feature tables of the snapshot by name, those that exist. `post_tags` is `customer_post_tags`:
    what a customer's own posts tell, as far as consent goes; `targeting` names those (kind, tag) of them that were
    measured to be right often enough to choose whom to contact.
    """
    frames = [_by_rule(tables[r.table], r, as_of, p) for r in tag_rules(p) if r.table in tables]
    if {"customer_category_features", "customer_category_interest"} <= tables.keys():
        frames.append(_wallet_loss(tables, as_of, p))
    if post_tags is not None:
        frames.append(_from_posts(post_tags, targeting, as_of, p))
    return reduce(DataFrame.unionByName, frames).where(F.col("expires_on") > _day(as_of, F.lit(0)))


def _day(as_of: AsOf, days_ago: Column) -> Column:
    return F.date_sub(F.lit(as_of.day.isoformat()).cast("date"), days_ago.cast("int"))


def _by_rule(table: DataFrame, rule: TagRule, as_of: AsOf, p: TagParams) -> DataFrame:
    """The tags of one rule."""
    held = table.where(F.coalesce(rule.holds(), F.lit(False)))
    subject = F.lit(None).cast("string") if rule.subject is None else rule.subject()
    tag = F.lit(rule.tag) if rule.subject is None else F.concat(F.lit(f"{rule.tag}:"), subject)
    last = rule.last()
    found = held.select(
        "customer_id",
        tag.alias("tag"),
        F.lit(rule.kind).alias("tag_kind"),
        subject.alias("subject"),
        rule.score().alias("score"),
        F.greatest(rule.support().cast("bigint"), F.lit(1)).alias("support"),
        _day(as_of, F.greatest(rule.first().cast("int"), last.cast("int"))).alias("first_seen"),
        _day(as_of, last).alias("last_seen"),
        F.date_add(_day(as_of, last), F.lit(rule.expiry_days)).alias("expires_on"),
        F.lit(rule.definition).alias("definition"),
        F.lit(rule.purpose).alias("purpose"),
        F.lit(True).alias("for_targeting"),
        _evidence(rule.evidence).alias("evidence"),
    )
    if not rule.is_limited:
        return found
    strongest = Window.partitionBy("customer_id").orderBy(F.col("score").desc(), F.col("support").desc(), "tag")
    return found.withColumn("_n", F.row_number().over(strongest)).where(F.col("_n") <= p.top_tags).drop("_n")


def _evidence(names: tuple[str, ...]) -> Column:
    """feature=value of the features that have one."""
    stated = [F.concat(F.lit(f"{n}="), F.col(n).cast("string")) for n in names]
    return F.filter(F.array(*stated), lambda x: x.isNotNull())


def _wallet_loss(tables: Mapping[str, DataFrame], as_of: AsOf, p: TagParams) -> DataFrame:
    """`leaving:<category>`: the category's spend has fallen while interest in it goes on, so it is spent elsewhere."""
    bought = tables["customer_category_features"].select(
        "customer_id", "category", "amt_90", "amt_365", "n_orders_365", "days_since_first", F.col("recency_days")
    )
    looked = tables["customer_category_interest"].select("customer_id", "category", "views_90")
    pace = F.col("amt_90").cast("double") * 365 / (F.col("amt_365").cast("double") * 90)
    rows = bought.join(looked, ["customer_id", "category"], how="inner").withColumn("pace", rounded(pace))
    rule = TagRule(
        "leaving",
        "risk",
        "",
        f"spend in the category in 90 days below {p.wallet_loss:g} of the year's pace, in {p.taste_min_orders} orders "
        f"of a year, while {p.wallet_min_views} or more of its pages were viewed in 90 days; score 1 - pace",
        lambda: (
            (F.col("pace") < p.wallet_loss)
            & (F.col("n_orders_365") >= p.taste_min_orders)
            & (F.col("days_since_first") > 180)
            & (F.col("views_90") >= p.wallet_min_views)
        ),
        lambda: rounded(1 - F.col("pace")),
        lambda: F.col("views_90"),
        60,
        ("pace", "amt_90", "amt_365", "views_90"),
        lambda: F.col("category"),
        lambda: F.lit(90),
        lambda: F.lit(1),
        "profiling",
        True,
    )
    return _by_rule(rows, rule, as_of, p)


def _from_posts(post_tags: DataFrame, targeting: Set[tuple[str, str]], as_of: AsOf, p: TagParams) -> DataFrame:
    """Life events, interests and rival brands that the customer's own posts tell, and what networks call her."""
    kind = F.when(F.col("tag_kind") == RIVAL_BRAND, F.lit("rival")).otherwise(F.col("tag_kind"))
    sensitive = [k.event for k in LIFE_EVENT_KINDS if k.purpose == SENSITIVE]
    is_given = F.col("tag_kind") == GIVEN
    is_sensitive = ((F.col("tag_kind") == LIFE_EVENT) & F.col("tag").isin(sensitive)) | (
        is_given & F.col("tag").rlike(SENSITIVE_NAME)
    )
    measured = F.concat_ws(":", "tag_kind", "tag").isin(sorted(f"{k}:{t}" for k, t in targeting))
    words = f"own posts say so, by the lexicon; confidence halved as posts age, of at least {p.interest_min_score:g}"
    given = "a network or another tool says so; nobody measured how often it is right"
    return post_tags.where(
        F.col("tag_kind").isin(LIFE_EVENT, INTEREST, RIVAL_BRAND, GIVEN) & (F.col("score") >= p.interest_min_score)
    ).select(
        "customer_id",
        F.concat(kind, F.lit(":"), F.col("tag")).alias("tag"),
        kind.alias("tag_kind"),
        F.col("tag").alias("subject"),
        F.least(F.col("score"), F.lit(1.0)).alias("score"),
        F.col("support").cast("bigint").alias("support"),
        *[_local_day(F.col(c), as_of).alias(c) for c in ("first_seen", "last_seen")],
        "expires_on",
        F.when(is_given, F.lit(given)).otherwise(F.lit(words)).alias("definition"),
        F.when(is_sensitive, F.lit(SENSITIVE)).otherwise(F.lit(PROFILING)).alias("purpose"),
        measured.alias("for_targeting"),
        F.transform("evidence", lambda post: F.concat(F.lit("post:"), post)).alias("evidence"),
    )


def _local_day(moment: Column, as_of: AsOf) -> Column:
    return F.to_date(F.from_utc_timestamp(moment, as_of.time_zone))
