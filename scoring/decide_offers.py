"""The decision as a recipe: candidates with facts, rules, priority, ranks; then places, money, arms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.as_of import AsOf
from scoring.allocation import with_allocation_drops, with_ranks
from scoring.arms import with_arm
from scoring.candidates import (
    current_offers,
    join_contacts,
    join_open_decisions,
    join_reach,
    join_responses,
    join_scores,
    offer_candidates,
)
from scoring.channel_limits import window_capacities, with_channel_capacity, with_channel_places
from scoring.decision_params import DecisionParams
from scoring.eligibility import with_contact_drops
from scoring.priority import join_measured_margins, with_priority, with_response_values, with_value_drops


@dataclass(frozen=True)
class DecisionInputs:
    """What a decision rests on. Logs carry `customer_id` in place of the account."""

    customers: DataFrame  # customer_id, one row each
    offers: DataFrame  # source table `offers`
    contacts: DataFrame  # source table `contacts`
    responses: DataFrame  # source table `responses`
    offer_scores: DataFrame  # customer_id, offer_id, channel, p_response, horizon_days, reasons
    channel_scores: DataFrame  # table `channel_scores` of the day
    response_values: DataFrame  # see scoring/redemptions.py
    open_rows: DataFrame  # see scoring/history.py
    effects: DataFrame | None = None  # table `contact_effects` of the day
    reach: DataFrame | None = None  # table `customer_reach` of the day; customers without a row are out of reach


def ranked_candidates(
    inputs: DecisionInputs,
    params: DecisionParams,
    as_of: AsOf,
    settled: Callable[[str, DataFrame], DataFrame] = lambda _, df: df,
) -> DataFrame:
    """Every candidate through eligibility to value, with its arm, ranks and places (`scoring/allocation.py`).

    Used three times by what follows, so write it down and read it back. `settled(name, df)` may do the same with the
    priced candidates, which channel capacity goes through twice.
    """
    offers = current_offers(inputs.offers, as_of, params)
    candidates = offer_candidates(inputs.customers, offers, inputs.channel_scores.select("channel").distinct())
    if inputs.reach is not None:
        candidates = _within_reach(inputs, offers)
    priced = (
        candidates.transform(join_scores, inputs.offer_scores, inputs.channel_scores)
        .transform(join_reach, inputs.reach)
        .transform(join_contacts, inputs.contacts, as_of)
        .transform(join_responses, inputs.responses, inputs.contacts, as_of, params)
        .transform(join_open_decisions, inputs.open_rows)
        .transform(with_contact_drops, params, as_of)
        .transform(with_response_values, inputs.response_values, params)
        .transform(_join_effects, inputs, params)
        .transform(with_priority, params)
        .transform(with_value_drops, params)
    )
    priced = priced.transform(with_channel_places, params)
    if window_capacities(params):
        priced = settled("priced", priced).transform(with_channel_capacity, params)
    return priced.transform(with_arm, params.arms).transform(with_ranks, params)


def _join_effects(candidates: DataFrame, inputs: DecisionInputs, params: DecisionParams) -> DataFrame:
    if inputs.effects is None:
        return candidates.withColumn("measured_margin", F.lit(None).cast("double"))
    return join_measured_margins(candidates, inputs.effects, inputs.offer_scores, inputs.channel_scores, params)


def _within_reach(inputs: DecisionInputs, offers: DataFrame) -> DataFrame:
    """Candidates of customers whom some listed channel may reach; an offer in a channel not listed is for everybody."""
    assert inputs.reach is not None
    channels = inputs.reach.select("channel").distinct()
    some = inputs.customers.join(inputs.reach.select("customer_id").distinct(), on="customer_id", how="left_semi")
    strange = offers.where(F.col("channel").isNotNull()).join(channels, on="channel", how="left_anti")
    usual = offers.join(strange.select("offer_id"), on="offer_id", how="left_anti")
    everybody = offer_candidates(inputs.customers, strange.select(offers.columns), channels)
    return offer_candidates(some, usual, channels).unionByName(everybody)


def decided_candidates(ranked: DataFrame, funding: DataFrame) -> DataFrame:
    """Every candidate with `dropped_by` settled: null for those to be sent.

    funding: `scoring.allocation.place_funding` of the same candidates.
    """
    return with_allocation_drops(ranked, funding)
