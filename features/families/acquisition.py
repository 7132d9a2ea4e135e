"""Family N: where a customer came from, and the first contact.

The first touch is the earliest sighting of any of her accounts that names a source, a medium or a campaign. A cost is
stated once per account; sightings that repeat it do not add to it, so the largest of an account stands.

She follows from her first `follow` of the brand, also if she has left since. Where no such log is delivered, from the
first sighting of a WeChat or Weibo account. She is a member from the first sighting of a member account or a member
number. 155 looks at customers whose first touch is 90 to 365 days old, so that 90 days of purchases are in.

What was bought before the log of orders begins is not known. So 154 is null for members from before its first day,
and 155 leaves out customers who came before its first order: they would count as buying nothing.
"""

from __future__ import annotations

from functools import partial

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.definitions import FeatureDef
from features.facts import Facts
from features.rounding import rounded
from features.windows import MONEY

FAMILY = "N acquisition"
TOUCH = ("acquisition_source", "acquisition_medium", "acquisition_campaign")
SOCIAL_ACCOUNTS = ("wechat", "weibo")
MATURE, YEAR = 90, 365  # days: a customer's first 90 are counted, of those who came in the last year
HOUR, DAY = 3600 * 10**6, 86400 * 10**6  # microseconds
Def = partial(FeatureDef, family=FAMILY, sources=("accounts",))

DEFINITIONS: tuple[FeatureDef, ...] = (
    Def("acq_source", 150, kind="string", definition="source of the first touch", sources=(f"accounts.{TOUCH[0]}",)),
    Def("acq_medium", 150, kind="string", definition="medium of the first touch", sources=(f"accounts.{TOUCH[1]}",)),
    Def(
        "acq_campaign", 150, kind="string", definition="campaign of the first touch", sources=(f"accounts.{TOUCH[2]}",)
    ),
    Def(
        "acquisition_cost",
        150,
        kind="money",
        definition="what winning her accounts cost; null where none states it",
        sources=("accounts.acquisition_cost",),
        low=0,
    ),
    Def("hours_since_follow", 151, kind="double", definition="hours from the first follow to the cut", low=0),
    Def(
        "in_first_contact_window",
        152,
        kind="bool",
        definition="whether she follows for at most first_contact_hours and is no member",
        default="false",
    ),
    Def(
        "is_member",
        152,
        kind="bool",
        definition="whether a member account or a member number was seen",
        default="false",
    ),
    Def(
        "follow_to_member_h",
        153,
        kind="double",
        definition="hours from the first follow to membership; null where membership came first",
        low=0,
    ),
    Def(
        "member_to_first_order_d",
        154,
        kind="int",
        definition="local days from membership to the first order on that day or later; null for members from before "
        "the log of orders",
        sources=("accounts", "transactions"),
        low=0,
    ),
    Def(
        "source_cohort_value",
        155,
        kind="double",
        definition="mean net amount in their first 90 days of customers of acq_source; null below min_cohort of them",
        sources=("accounts.acquisition_source", "transactions"),
        window="customers whose first touch is 90 to 365 days before the cut",
        low=0,
        leak_note="first 90 days over before the cut; saved with the snapshot",
    ),
)

NEEDS: tuple[str, ...] = ("accounts",)


def features(facts: Facts) -> list[DataFrame]:
    """Features 150 to 155."""
    touches = first_touches(facts)
    values = source_values(facts)
    worth = values.where(F.col("position") == 0).select(
        F.col("subject").alias("acq_source"), F.col("value").alias("source_cohort_value")
    )
    sourced = touches.join(F.broadcast(worth), "acq_source", how="left").drop("_touched_ts")
    return [sourced, acquisition_costs(facts), first_contact(facts)]


def fitted(facts: Facts) -> list[DataFrame]:
    """Per source: at position 0 the value of its cohort, at position 1 how many customers it rests on."""
    return [source_values(facts)]


def first_touches(facts: Facts) -> DataFrame:
    """customer_id, acq_source, acq_medium, acq_campaign and _touched_ts of customers with a first touch, kept."""

    def build() -> DataFrame:
        seen = facts.log("accounts", "account_id", "identifier_kind", "identifier", *TOUCH)
        order = [F.col(c).asc() for c in ("event_ts", "account_id", "identifier_kind", "identifier")]
        named = seen.where(F.coalesce(*[F.col(c) for c in TOUCH]).isNotNull())
        first = Window.partitionBy("customer_id").orderBy(*order)
        return (
            named.withColumn("_n", F.row_number().over(first))
            .where(F.col("_n") == 1)
            .select(
                "customer_id",
                *[F.col(c).alias(c.replace("acquisition", "acq")) for c in TOUCH],
                F.col("event_ts").alias("_touched_ts"),
            )
        )

    return facts.kept("first_touches", build)


def acquisition_costs(facts: Facts) -> DataFrame:
    """customer_id and acquisition_cost, the sum over her accounts."""
    stated = facts.log("accounts", "account_id", "acquisition_cost").where(F.col("acquisition_cost").isNotNull())
    accounts = stated.groupBy("customer_id", "account_id").agg(F.max("acquisition_cost").alias("_cost"))
    return accounts.groupBy("customer_id").agg(F.sum("_cost").cast(MONEY).alias("acquisition_cost"))


def first_contact(facts: Facts) -> DataFrame:
    """One row per customer who follows, or is a member: features 151 to 154."""
    seen = facts.log("accounts", "account_kind", "identifier_kind")
    kind = F.col("account_kind")
    member = F.coalesce(kind == "member", F.lit(False)) | (F.col("identifier_kind") == "member_no")
    moments = seen.select(
        "customer_id",
        F.when(member, F.col("event_ts")).alias("_member_ts"),
        F.when(kind.isin(*SOCIAL_ACCOUNTS), F.col("event_ts")).alias("_follow_ts"),
    )
    if facts.has("social_interactions"):
        follows = facts.log("social_interactions", "interaction_kind").where(F.col("interaction_kind") == "follow")
        moments = moments.withColumn("_follow_ts", F.lit(None).cast("timestamp")).unionByName(
            follows.select(
                "customer_id",
                F.lit(None).cast("timestamp").alias("_member_ts"),
                F.col("event_ts").alias("_follow_ts"),
            )
        )
    people = moments.groupBy("customer_id").agg(
        F.min("_member_ts").alias("_member_ts"), F.min("_follow_ts").alias("_follow_ts")
    )
    joined = F.col("_member_ts").isNotNull()
    people = people.where(joined | F.col("_follow_ts").isNotNull()).join(
        first_member_orders(facts, people.where(joined)), "customer_id", how="left"
    )
    since = facts.hours_ago(F.col("_follow_ts"))
    waited = F.unix_micros("_member_ts") - F.unix_micros("_follow_ts")
    return people.select(
        "customer_id",
        rounded(since).alias("hours_since_follow"),
        (F.coalesce(since <= facts.params.acquisition.first_contact_hours, F.lit(False)) & ~joined).alias(
            "in_first_contact_window"
        ),
        joined.alias("is_member"),
        F.when(waited >= 0, rounded(waited / F.lit(float(HOUR)))).alias("follow_to_member_h"),
        "member_to_first_order_d",
    )


def first_member_orders(facts: Facts, members: DataFrame) -> DataFrame:
    """customer_id and member_to_first_order_d, from members with `_member_ts`.

    By days: the order at the till where she became a member may be stamped a minute before it.
    """
    joined_ago = facts.days_ago(F.col("_member_ts"))
    orders = facts.orders.select("customer_id", "days_ago")
    return (
        members.select("customer_id", joined_ago.alias("_joined_ago"))
        .join(F.broadcast(log_start(facts)), how="cross")
        .where(F.col("_joined_ago") <= F.col("_log_days"))
        .join(orders, "customer_id", how="inner")
        .where(F.col("days_ago") <= F.col("_joined_ago"))
        .groupBy("customer_id")
        .agg(F.min(F.col("_joined_ago") - F.col("days_ago")).cast("int").alias("member_to_first_order_d"))
    )


def log_start(facts: Facts) -> DataFrame:
    """One row, _log_start and _log_days: the moment of the first order of all, and how many local days ago."""
    return facts.orders.agg(F.min("order_ts").alias("_log_start"), F.max("days_ago").alias("_log_days"))


def source_values(facts: Facts) -> DataFrame:
    """Rows feature, subject (source), position, value: see `fitted`, kept. Sources with too few are not told."""
    return facts.kept("source_values", lambda: fit_source_values(facts))


def fit_source_values(facts: Facts) -> DataFrame:
    """See `source_values`."""
    touched = F.col("_touched_ts")
    # elapsed hours, as in the 90 days that are counted: a change of the clocks must not make a cohort too young
    due = facts.hours_ago(touched).between(float(MATURE * 24), float(YEAR * 24))
    cohort = (
        first_touches(facts)
        .join(F.broadcast(log_start(facts)), how="cross")
        .where(F.col("acq_source").isNotNull() & due & (touched >= F.col("_log_start")))
    )
    after = F.unix_micros("order_ts") - F.unix_micros(touched)
    early = (
        cohort.join(facts.orders.select("customer_id", "order_ts", "net_amount"), "customer_id", how="inner")
        .where((after >= 0) & (after < F.lit(MATURE * DAY)))
        .groupBy("acq_source")
        .agg(F.sum("net_amount").cast(MONEY).alias("_amount"))
    )
    sizes = cohort.groupBy("acq_source").agg(F.count(F.lit(1)).cast("bigint").alias("_n"))
    fit = sizes.where(F.col("_n") >= facts.params.acquisition.min_cohort).join(early, "acq_source", how="left")
    mean = rounded(F.coalesce(F.col("_amount"), F.lit(0).cast(MONEY)).cast("double") / F.col("_n"))
    return _parameters(fit, 0, mean).unionByName(_parameters(fit, 1, F.col("_n").cast("double")))


def _parameters(fit: DataFrame, position: int, value: Column) -> DataFrame:
    return fit.select(
        F.lit("source_cohort_value").alias("feature"),
        F.col("acq_source").alias("subject"),
        F.lit(position).alias("position"),
        value.alias("value"),
    )
