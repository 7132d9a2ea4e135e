"""The one currency in which candidates compete.

priority = increment x margin of a response
           - contact cost
           - p_response x incentive borne by the shop
           - p_unsubscribe x remaining lifetime value

The increment is the measured uplift where an experiment gave one, else p_response x a stated prior of
incrementality; `uplift_basis` says which, and `uplift` is null unless measured. The incentive is paid to everybody
who responds: to those who would buy anyway, and out of the margin of those who would not; so value (before costs)
less cost is the expected incremental margin less the incentive wasted on sure buyers.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from scoring.decision_params import DecisionParams
from scoring.funnel import first_broken


def with_response_values(candidates: DataFrame, values: DataFrame, params: DecisionParams) -> DataFrame:
    """Adds `response_margin, response_incentive` per candidate.

    values: `offer_kind, responders, response_margin, response_incentive` with a null kind for all kinds (see
    `scoring/redemptions.py`). A kind's own average needs `min_support` responders, then the average over all kinds
    is taken, then the settings. An offer that states its own incentive keeps it.
    """
    enough = values.where(F.col("responders") >= params.min_support)
    own = enough.where(F.col("offer_kind").isNotNull()).select(
        "offer_kind", F.col("response_margin").alias("kind_margin"), F.col("response_incentive").alias("kind_incentive")
    )
    # an aggregate over no rows is one row of nulls, so no candidate is lost
    every = enough.where(F.col("offer_kind").isNull()).agg(
        F.max("response_margin").alias("all_margin"), F.max("response_incentive").alias("all_incentive")
    )
    margin = F.coalesce("kind_margin", "all_margin", F.lit(round(params.response_amount * params.margin_rate, 6)))
    incentive = F.coalesce(
        F.col("incentive_value").cast("double"), "kind_incentive", "all_incentive", F.lit(float(params.incentive_value))
    )
    return (
        candidates.join(own, on=["offer_kind"], how="left")
        .crossJoin(every)
        .withColumns({"response_margin": margin, "response_incentive": incentive})
        .drop("kind_margin", "kind_incentive", "all_margin", "all_incentive")
    )


def with_priority(candidates: DataFrame, params: DecisionParams) -> DataFrame:
    """Adds `uplift, uplift_basis, value, cost, priority` (6 places; cost is money). Null without a response score."""
    measured = (F.col("measured_basis") == "randomised") & F.col("measured_uplift").isNotNull()
    measured = F.coalesce(measured, F.lit(False))
    prior = params.incrementality_prior if params.count_incrementality else 1.0
    basis = "prior" if params.count_incrementality else "none"
    p = F.col("p_response")
    increment = F.when(measured, F.col("measured_uplift")).otherwise(p * F.lit(float(prior)))
    contact = _contact_cost(params) if params.count_contact_cost else F.lit(0.0)
    borne = params.incentive_share if params.count_incentive else 0.0
    incentive = p * F.col("response_incentive") * F.lit(float(borne))
    at_stake = params.remaining_lifetime_value if params.count_unsubscribe else 0.0
    refusal = F.coalesce(F.col("p_unsubscribe"), F.lit(0.0)) * F.lit(float(at_stake))
    value = increment * F.col("response_margin")
    has_score = p.isNotNull()
    return candidates.withColumns(
        {
            "uplift": F.when(measured, F.col("measured_uplift")),
            "uplift_basis": F.when(measured, F.lit("randomised")).otherwise(F.lit(basis)),
            "value": F.when(has_score, F.round(value, 6)),
            "cost": F.when(has_score, F.round(contact + incentive, 6)).cast("decimal(18,2)"),
            "priority": F.when(has_score, F.round(value - contact - incentive - refusal, 6)),
        }
    )


def with_value_drops(candidates: DataFrame, params: DecisionParams) -> DataFrame:
    """Fills `dropped_by` for candidates that pass so far but have no score, or bring less than they cost."""
    rules = {
        "no_response_score": F.col("p_response").isNull(),
        "below_min_priority": F.col("priority") < F.lit(float(params.min_priority)),
    }
    return candidates.withColumn("dropped_by", F.coalesce(F.col("dropped_by"), first_broken(rules)))


def _contact_cost(params: DecisionParams) -> Column:
    cost = F.lit(float(params.contact_cost_default))
    for channel, amount in sorted(params.contact_cost.items()):
        cost = F.when(F.col("channel") == channel, F.lit(float(amount))).otherwise(cost)
    return cost
