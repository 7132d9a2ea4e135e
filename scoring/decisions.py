"""From candidates to what is decided: the log of every customer, and the rows that a tool executes."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.as_of import AsOf
from scoring.arms import inclusion_probability
from scoring.channel_terms import per_channel
from scoring.decision_params import DecisionParams
from scoring.funnel import HELD_OUT, SENT, components, position
from scoring.history import digest, no_contact_id

# what a tool acts on; never a score, and nothing that changes with the date alone
ACTED_ON = (
    "action",
    "customer_id",
    "member_ref",
    "address_kind",
    "account",
    "offer_id",
    "offer_kind",
    "product_ids",
    "channel",
    "time_zone",
    "send_after",
    "send_before",
    "incentive",
    "incentive_value",
    "theme",
    "currency",
    "reason_for_customer",
    "valid_until",
)
LISTS = ("product_ids",)
MOMENTS = ("send_after", "send_before", "valid_until")


def row_hash() -> Column:
    """Digest of the columns that a tool acts on (`ACTED_ON`)."""
    texts = []
    for name in ACTED_ON:
        column = F.col(name)
        if name in LISTS:
            column = F.array_join(column, "\x1e")
        elif name in MOMENTS:
            column = F.unix_micros(column)
        texts.append(column)
    return digest(*texts)


def decision_log(decided: DataFrame, params: DecisionParams, as_of: AsOf, currency: str) -> DataFrame:
    """The `decision_log` table: every customer with a candidate, sent to, held out or left alone.

    One row per decision; a customer without any has one `no_contact` row with what stopped her furthest candidate.
    `logging_propensity` is the probability, over the draws of `scoring.arms.inclusion_probability`, of what is
    logged: that the candidate is sent; for a held-out customer, that she is held out; 1 for a customer who gets
    nothing in any arm. A decision that a tool already holds keeps the propensity with which it was drawn
    (`held_propensity`, see `scoring.candidates`).
    """
    p = params
    stages = {c.component: c.stage for c in components(p)}
    place, last = position(p), len(stages)
    furthest = Window.partitionBy("customer_id").orderBy(
        F.desc("place"), F.desc_nulls_last("priority"), "offer_id", "channel"
    )
    action = (
        F.when(F.col("place") == last, F.lit("send"))
        .when(F.col("place") == last - 1, F.lit(HELD_OUT))
        .otherwise(F.lit("no_contact"))
    )
    stage = F.lit(SENT)
    for component, name in stages.items():
        stage = F.when(F.col("dropped_by") == component, F.lit(name)).otherwise(stage)
    drawn = F.coalesce(F.col("held_propensity"), inclusion_probability(p.arms))
    propensity = (
        F.when(F.col("action") == "send", drawn)
        .when(F.col("action") == HELD_OUT, F.lit(p.arms.global_holdout))
        .otherwise(F.lit(1.0))
    )
    is_contact = F.col("action") != "no_contact"
    return (
        decided.withColumn("place", place)
        .withColumn("order", F.row_number().over(furthest))
        .withColumn("action", action)
        .where(is_contact | (F.col("order") == 1))
        .select(
            F.when(is_contact, F.col("decision_id")).otherwise(no_contact_id()).alias("decision_id"),
            F.lit(as_of.day).alias("as_of"),
            "customer_id",
            *[
                F.when(is_contact, F.col(c)).alias(c)
                for c in ("offer_id", "channel", "p_response", "uplift", "value", "cost", "priority")
            ],
            "action",
            "arm",
            propensity.alias("logging_propensity"),
            F.when(is_contact, F.col("uplift_basis")).otherwise(F.lit("none")).alias("uplift_basis"),
            F.lit(currency).alias("currency"),
            stage.alias("stage_reached"),
            "dropped_by",
        )
    )


def next_best_offers(sends: DataFrame, params: DecisionParams, as_of: AsOf, currency: str) -> DataFrame:
    """The send rows of `next_best_offers`, `row_hash` and `updated_at` excepted.

    sends: decided candidates without `dropped_by`, with `product_ids, is_personal` (`scoring.offer_contents`), the
    window (`scoring.sending`), `member_ref`, and `address_account`, the account that has the address (or null).
    Reasons for the customer are fixed sentences: no category, tag or score ever enters them.
    """
    p = params
    kind = per_channel(p.address_kind, "member")
    reasons = F.array_compact(
        F.array(_assumption(), F.when(F.col("is_personal"), F.lit("the offer holds next-best products of hers")))
    )
    scored = F.coalesce(F.col("score_reasons"), F.array().cast("array<string>"))
    return sends.select(
        "decision_id",
        F.lit(as_of.day).alias("as_of"),
        "customer_id",
        F.coalesce(F.col("member_ref"), F.col("customer_id")).alias("member_ref"),
        kind.alias("address_kind"),
        F.col("address_account").alias("account"),
        "offer_id",
        "offer_kind",
        "product_ids",
        "channel",
        F.lit(as_of.time_zone).alias("time_zone"),
        "send_after",
        "send_before",
        F.coalesce(F.col("incentive"), F.lit(p.default_incentive)).alias("incentive"),
        "incentive_value",
        F.coalesce(F.col("theme"), F.col("name")).alias("theme"),
        "p_response",
        "uplift",
        "uplift_basis",
        F.col("value").alias("expected_incremental_margin"),
        F.lit(currency).alias("currency"),
        "horizon_days",
        "cost",
        "priority",
        "arm",
        F.coalesce(F.col("held_propensity"), inclusion_probability(p.arms)).alias("logging_propensity"),
        F.concat(scored, reasons).alias("reasons_internal"),
        F.when(F.col("is_personal"), F.lit(p.reason_with_products))
        .otherwise(F.lit(p.reason_plain))
        .alias("reason_for_customer"),
        F.lit("send").alias("action"),
        "valid_until",
    )


def _assumption() -> Column:
    return F.when(F.col("uplift_basis") == "randomised", F.lit("uplift measured by experiment")).otherwise(
        F.lit("no experiment yet: the increment is a stated share of the expected responses")
    )


def with_withdrawals(sends: DataFrame, open_rows: DataFrame, unscored: DataFrame, as_of: AsOf) -> DataFrame:
    """Today's sends and a `withdraw` row for each earlier decision that no longer stands; adds hash and date.

    unscored: `decision_id` of candidates whose response score is missing. A missing score is a failure upstream, not
    a judgement, so an open decision among them stands as it was. A withdraw row repeats what it takes back, and is
    repeated until the decision would have expired, so that a tool that misses a day still learns of it.
    `updated_at` is the cut at which `row_hash` last changed.
    """
    gone = open_rows.join(sends.select("decision_id"), on=["decision_id"], how="left_anti")
    unjudged = unscored.select("decision_id", F.lit(True).alias("is_unjudged"))
    action = F.when(F.col("is_unjudged"), F.col("action")).otherwise(F.lit("withdraw"))
    taken_back = (
        gone.join(unjudged, on=["decision_id"], how="left")
        .withColumns({"action": action, "as_of": F.lit(as_of.day)})
        .select(sends.columns)
    )
    before = open_rows.select(
        "decision_id", F.col("row_hash").alias("old_hash"), F.col("updated_at").alias("old_updated_at")
    )
    same = F.col("row_hash") == F.col("old_hash")
    return (
        sends.unionByName(taken_back)
        .withColumn("row_hash", row_hash())
        .join(before, on=["decision_id"], how="left")
        .withColumn("updated_at", F.when(same, F.col("old_updated_at")).otherwise(F.lit(as_of.ts)))
        .drop("old_hash", "old_updated_at")
    )


def carried_over(open_rows: DataFrame, as_of: AsOf) -> DataFrame:
    """Earlier rows as they were, under today's date: nothing is taken back because an input failed to arrive."""
    return open_rows.withColumn("as_of", F.lit(as_of.day))
