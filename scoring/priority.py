"""The one currency in which candidates compete.

priority = increment x margin of a response
           - contact cost
           - p_response x incentive borne by the shop
           - p_unsubscribe x remaining lifetime value

The increment is the measured uplift where an experiment gave one, else p_response x a stated prior of
incrementality; `uplift_basis` says which, and `uplift` is null unless measured. The incentive is paid to everybody
who responds: to those who would buy anyway, and out of the margin of those who would not; so value (before costs)
less cost is the expected incremental margin less the incentive wasted on sure buyers.
Where an experiment measured the margin itself (`contact_effects`), that margin stands in place of increment x margin.
"""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.rounding import rounded
from scoring.channel_terms import per_channel
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


def join_measured_margins(
    candidates: DataFrame,
    effects: DataFrame,
    offer_scores: DataFrame,
    channel_scores: DataFrame,
    params: DecisionParams,
) -> DataFrame:
    """Adds `measured_margin`: incremental margin that an experiment found, for this customer; null without one.

    effects: the table `contact_effects`; rows with basis `randomised` count. An effect is a mean over customers.
    ASSUMPTION, until uplift is modelled per customer: it is spread in proportion to p_response over the mean of those
    who can be reached in the channel with the kind, within `response_scale_low` and `response_scale_high`.
    """
    key = ["channel", "offer_kind"]
    out_of_reach = channel_scores.where(~F.col("reachable")).select("customer_id", *key)
    mean = F.sum(F.col("p_response").cast("decimal(18,6)")).cast("double") / F.count(F.lit(1))
    means = (
        offer_scores.join(out_of_reach, on=["customer_id", *key], how="left_anti")
        .groupBy(*key)
        .agg(rounded(mean, 9).alias("mean_response"))
    )
    usable = (
        effects.where((F.col("basis") == "randomised") & F.col("margin_used").isNotNull())
        .select(*key, "margin_used")
        .join(means, on=key, how="left")
    )
    ratio = F.when(F.col("mean_response") > 0, F.col("p_response") / F.col("mean_response"))
    low, high = F.lit(float(params.response_scale_low)), F.lit(float(params.response_scale_high))
    scale = F.least(high, F.greatest(low, F.coalesce(ratio, F.lit(1.0))))
    return (
        candidates.join(F.broadcast(usable), on=key, how="left")
        .withColumn("measured_margin", rounded(F.col("margin_used") * scale))
        .drop("margin_used", "mean_response")
    )


def with_priority(candidates: DataFrame, params: DecisionParams) -> DataFrame:
    """Adds `uplift, uplift_basis, value, cost, priority` (6 places; cost is money). Null without a response score."""
    measured = (F.col("measured_basis") == "randomised") & F.col("measured_uplift").isNotNull()
    measured = F.coalesce(measured, F.lit(False))
    prior = params.incrementality_prior if params.count_incrementality else 1.0
    basis = "prior" if params.count_incrementality else "none"
    p = F.col("p_response")
    increment = F.when(measured, F.col("measured_uplift")).otherwise(p * F.lit(float(prior)))
    costs = {channel: float(cost) for channel, cost in params.contact_cost.items()}
    contact = per_channel(costs, float(params.contact_cost_default)) if params.count_contact_cost else F.lit(0.0)
    borne = params.incentive_share if params.count_incentive else 0.0
    incentive = p * F.col("response_incentive") * F.lit(float(borne))
    at_stake = params.remaining_lifetime_value if params.count_unsubscribe else 0.0
    refusal = F.coalesce(F.col("p_unsubscribe"), F.lit(0.0)) * F.lit(float(at_stake))
    # the margin itself was measured: nothing is assumed about what a response brings
    by_experiment = F.col("measured_margin").isNotNull() & measured
    value = F.when(by_experiment, F.col("measured_margin")).otherwise(increment * F.col("response_margin"))
    has_score = p.isNotNull()
    return candidates.withColumns(
        {
            "uplift": F.when(measured, F.col("measured_uplift")),
            "uplift_basis": F.when(measured, F.lit("randomised")).otherwise(F.lit(basis)),
            "value": F.when(has_score, rounded(value)),
            "cost": F.when(has_score, rounded(contact + incentive)).cast("decimal(18,6)").cast("decimal(18,2)"),
            "priority": F.when(has_score, rounded(value - contact - incentive - refusal)),
        }
    )


def with_value_drops(candidates: DataFrame, params: DecisionParams) -> DataFrame:
    """Fills `dropped_by` for candidates that pass so far but have no score, or bring less than they cost."""
    rules = {
        "no_response_score": F.col("p_response").isNull(),
        # a measured effect of nothing is no reason to write to anybody, not even where it costs nothing
        "below_min_priority": (F.col("priority") < F.lit(float(params.min_priority)))
        | ((F.col("uplift_basis") == "randomised") & (F.col("value") <= 0)),
    }
    return candidates.withColumn("dropped_by", F.coalesce(F.col("dropped_by"), first_broken(rules)))
