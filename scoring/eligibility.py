"""The rules of the first four stages: eligibility, applicability, suitability, contact policy.

Each rule is a condition on a candidate's facts (see `scoring/candidates.py`); the first that is met drops it.
Their order and their words stand in `scoring/funnel.py`.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.as_of import AsOf
from scoring.channel_terms import per_channel
from scoring.decision_params import DecisionParams
from scoring.funnel import CHANNEL_LIMIT, components, first_broken


def contact_rules(params: DecisionParams, as_of: AsOf) -> dict[str, Column]:
    """Component -> condition under which it drops a candidate, in order.

    Dates are local days, both ends of an offer inclusive. Caps count contacts of the last 7 and 30 days plus other
    decisions that a tool already holds and that have not expired; a decision does not stand in its own way. Rules
    that rest on terms of the channels are there when terms are.
    """
    day = F.lit(as_of.day)
    last_day = F.lit(as_of.plus(params.min_days_left - 1).day)
    known = {c.component for c in components(params)}
    limit = per_channel(params.limits("monthly_limit"), None).cast("bigint")
    rules = {
        "offer_not_started": F.col("starts_on") > day,
        "offer_ended": F.col("ends_on") < day,
        "offer_ends_too_soon": F.col("ends_on") < last_day,
        "no_address": F.col("unreachable_because") == "no_address",
        "no_consent": F.col("unreachable_because") == "no_consent",
        # who unsubscribed is unreachable too, and is counted by the next rule
        "unreachable": ~F.col("reachable") & ~F.col("unsubscribed"),
        "unsubscribed": F.col("unsubscribed"),
        "already_redeemed": F.col("redeemed"),
        "recent_complaint": F.col("complained"),
        "cool_down": F.col("days_since_send") <= params.cool_down_days,
        "cap_7_days": F.col("contacts_7") + F.col("issued_others") >= params.cap_7_days,
        "cap_30_days": F.col("contacts_30") + F.col("issued_others") >= params.cap_30_days,
        CHANNEL_LIMIT: F.col("channel_contacts_30") + F.col("channel_issued_others") >= limit,
    }
    return {name: broken for name, broken in rules.items() if name in known}


def with_contact_drops(candidates: DataFrame, params: DecisionParams, as_of: AsOf) -> DataFrame:
    """Adds `dropped_by`: the first broken rule of the first four stages, null for a candidate that passes."""
    return candidates.withColumn("dropped_by", first_broken(contact_rules(params, as_of)))
