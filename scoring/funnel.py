"""The stages every candidate passes, in order, and how many each component drops.

A candidate carries `dropped_by`: the first component that stopped it, null when it is sent. Stages and components
are a closed list, so that the funnel reconciles: in - dropped = in of the next; after the last, rows sent.
No stage holds a rule that its sources cannot feed: stock, quiet hours and age are absent, not switched off.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.as_of import AsOf
from scoring.decision_params import DecisionParams

SENT = "sent"
HELD_OUT = "held_out"
CHANNEL_LIMIT = "channel_limit_30_days"
CHANNEL_PLACES = "channel_places"
CHANNEL_CAPACITY = "channel_capacity"
# present only where terms of the channels are known
BY_TERMS = ("no_address", "no_consent", CHANNEL_LIMIT, CHANNEL_PLACES, CHANNEL_CAPACITY)


@dataclass(frozen=True)
class Component:
    """One rule of the funnel, in words."""

    stage_no: int
    stage: str
    component: str
    why: str


def components(params: DecisionParams) -> tuple[Component, ...]:
    """Every rule in the order in which it is applied. No session needed, so `explain` may use it too.

    Rules about channels are there only when something is known of channels (`params.channels`).
    """
    p = params
    rules = (
        ("eligibility", "offer_not_started", "the offer starts later"),
        ("eligibility", "offer_ended", f"the offer ended within the last {p.recently_ended_days} days"),
        ("eligibility", "offer_ends_too_soon", f"fewer than {p.min_days_left} days are left to use the offer"),
        ("eligibility", "no_address", "no usable address for the channel"),
        ("eligibility", "no_consent", "no marketing consent on file for the channel"),
        ("eligibility", "unreachable", "no consent or no valid address; a channel of unknown reach passes"),
        ("eligibility", "unsubscribed", "the customer unsubscribed"),
        ("applicability", "already_redeemed", "the customer redeemed this offer before"),
        ("suitability", "recent_complaint", f"the customer complained within {p.complaint_pause_days} days"),
        ("contact policy", "cool_down", f"this offer was sent to the customer within {p.cool_down_days} days"),
        (
            "contact policy",
            "cap_7_days",
            f"contacts in 7 days reach the limit of {p.cap_7_days} (sent, or issued and open)",
        ),
        (
            "contact policy",
            "cap_30_days",
            f"contacts in 30 days reach the limit of {p.cap_30_days} (sent, or issued and open)",
        ),
        ("contact policy", CHANNEL_LIMIT, "contacts through the channel in 30 days reach its limit per customer"),
        ("value", "no_response_score", "no response score for this customer, offer and channel"),
        ("value", "below_min_priority", f"brings less than it costs, or less than {p.min_priority:g}"),
        ("allocation", CHANNEL_PLACES, "better candidates have what the channel's limit per customer leaves"),
        ("allocation", CHANNEL_CAPACITY, "the channel's capacity went to customers who gain more by it"),
        ("allocation", "per_customer", f"a better candidate has the place; {p.per_customer} at most, and the caps"),
        ("allocation", "budget", "the budget went to decisions of higher priority"),
        ("arms", HELD_OUT, "the customer is in the held-out group"),
    )
    known = [rule for rule in rules if p.channels or rule[1] not in BY_TERMS]
    stages = list(dict.fromkeys(stage for stage, _, _ in known))
    return tuple(Component(stages.index(s) + 1, s, c, why) for s, c, why in known)


def first_broken(rules: dict[str, Column]) -> Column:
    """Name of the first rule that is true, null when none is; a rule that is null is not broken."""
    return F.coalesce(*[F.when(broken, F.lit(name)) for name, broken in rules.items()])


def position(params: DecisionParams) -> Column:
    """Place of `dropped_by` in the list of components, from 0; one past the end when the candidate is sent."""
    names = [c.component for c in components(params)]
    place = F.lit(len(names))
    for i, name in enumerate(names):
        place = F.when(F.col("dropped_by") == name, F.lit(i)).otherwise(place)
    return place


def decision_funnel(decided: DataFrame, params: DecisionParams, as_of: AsOf) -> DataFrame:
    """The `decision_funnel` table from decided candidates (`customer_id`, `dropped_by`).

    Two aggregates of one row each, turned into one row per component; no rows are collected. A customer is
    dropped by the component that stopped the last of her candidates.
    """
    rules = components(params)
    placed = decided.withColumn("place", position(params))
    furthest = placed.groupBy("customer_id").agg(F.max("place").alias("place"))
    dropped = [f"c{i}" for i in range(len(rules))]
    left = [f"l{i}" for i in range(len(rules))]
    counts = placed.agg(F.count(F.lit(1)).alias("total"), *_counts(dropped)).crossJoin(furthest.agg(*_counts(left)))
    entered = F.col("total")
    rows = []
    for i, rule in enumerate(rules):
        rows.append(
            F.struct(
                F.lit(rule.stage_no).alias("stage_no"),
                F.lit(rule.stage).alias("stage"),
                F.lit(rule.component).alias("component"),
                entered.cast("bigint").alias("candidates_in"),
                F.col(dropped[i]).alias("candidates_dropped"),
                F.col(left[i]).alias("customers_dropped"),
                F.lit(rule.why).alias("why"),
            )
        )
        entered = entered - F.col(dropped[i])
    return counts.select(F.explode(F.array(*rows)).alias("row")).select(F.lit(as_of.day).alias("as_of"), "row.*")


def _counts(names: list[str]) -> list[Column]:
    return [
        F.coalesce(F.sum(F.when(F.col("place") == i, F.lit(1)).otherwise(F.lit(0))), F.lit(0)).cast("bigint").alias(n)
        for i, n in enumerate(names)
    ]


def trace(decided: DataFrame, params: DecisionParams) -> DataFrame:
    """Why not: each candidate with the first stage and component that dropped it, in words.

    Columns `customer_id, offer_id, channel, stage, dropped_by, why, p_response, priority`; a candidate that is sent
    has stage "sent" and no `dropped_by`.
    """
    stage, why = F.lit(SENT), F.lit("sent")
    for rule in components(params):
        dropped_here = F.col("dropped_by") == rule.component
        stage = F.when(dropped_here, F.lit(rule.stage)).otherwise(stage)
        why = F.when(dropped_here, F.lit(rule.why)).otherwise(why)
    return decided.select(
        "customer_id",
        "offer_id",
        "channel",
        stage.alias("stage"),
        "dropped_by",
        why.alias("why"),
        "p_response",
        "priority",
    )
