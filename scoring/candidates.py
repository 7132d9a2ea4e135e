"""Candidates = customer x known offer x channel, each with the facts that the rules look at."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.as_of import AsOf, known_before, with_local_time
from features.contact_pairs import known_offers, with_answered_channel
from scoring.decision_params import DecisionParams
from scoring.history import decision_id

KEY = ["customer_id", "offer_id", "channel"]
OFFER_FACTS = ["offer_id", "offer_kind", "name", "starts_on", "ends_on", "incentive", "incentive_value", "theme"]


def current_offers(offers: DataFrame, as_of: AsOf, params: DecisionParams) -> DataFrame:
    """Offers known at the cut that are to come, live, or ended so recently that someone may ask about them."""
    oldest = as_of.plus(-params.recently_ended_days).day
    return known_offers(offers, as_of).where(F.col("ends_on") >= F.lit(oldest))


def offer_candidates(customers: DataFrame, offers: DataFrame, channels: DataFrame) -> DataFrame:
    """Every customer with every offer, in the offer's channel, or in every channel when the offer names none.

    customers: `customer_id`, one row each. channels: `channel`, one row each.
    """
    fixed = offers.where(F.col("channel").isNotNull()).select(*OFFER_FACTS, "channel")
    free = offers.where(F.col("channel").isNull()).select(*OFFER_FACTS).crossJoin(channels.select("channel"))
    return customers.select("customer_id").crossJoin(fixed.unionByName(free))


def join_scores(candidates: DataFrame, offer_scores: DataFrame, channel_scores: DataFrame) -> DataFrame:
    """Adds `p_response, horizon_days, score_reasons` of the offer; reach, uplift, refusal, timing of the channel."""
    scores = offer_scores.select(*KEY, "p_response", "horizon_days", F.col("reasons").alias("score_reasons"))
    channel = channel_scores.select(
        "customer_id",
        "channel",
        "offer_kind",
        "reachable",
        F.col("uplift").alias("measured_uplift"),
        F.col("uplift_basis").alias("measured_basis"),
        "p_unsubscribe",
        "best_weekday",
        "best_hour",
    )
    return candidates.join(scores, on=KEY, how="left").join(
        channel, on=["customer_id", "channel", "offer_kind"], how="left"
    )


def join_reach(candidates: DataFrame, reach: DataFrame | None) -> DataFrame:
    """Adds `unreachable_because` and takes `reachable` from table `customer_reach`; without one nothing is known."""
    if reach is None:
        return candidates.withColumn("unreachable_because", F.lit(None).cast("string"))
    known = reach.select("customer_id", "channel", "reachable", "unreachable_because")
    return candidates.drop("reachable").join(known, on=["customer_id", "channel"], how="left")


def join_contacts(candidates: DataFrame, contacts: DataFrame, as_of: AsOf) -> DataFrame:
    """Adds `sends, days_since_send` of the offer, and the customer's `contacts_7, contacts_30` in any channel.

    A contact exactly n days before the cut is within n days. Channels are pooled: one household, one letter box. A
    channel's own limit has `channel_contacts_30`.
    """
    known = known_before(contacts, as_of).transform(with_local_time, as_of.time_zone)
    offer = known.groupBy("customer_id", "offer_id").agg(
        F.count(F.lit(1)).alias("sends"), F.max("local_day").alias("last_send_day")
    )
    within = {days: F.col("event_ts") >= F.lit(as_of.plus(-days).ts) for days in (7, 30)}
    counts = known.groupBy("customer_id").agg(
        *[F.sum(F.when(w, F.lit(1)).otherwise(F.lit(0))).alias(f"contacts_{days}") for days, w in within.items()]
    )
    by_channel = (
        known.where(within[30]).groupBy("customer_id", "channel").agg(F.count(F.lit(1)).alias("channel_contacts_30"))
    )
    return (
        candidates.join(offer, on=["customer_id", "offer_id"], how="left")
        .join(counts, on=["customer_id"], how="left")
        .join(by_channel, on=["customer_id", "channel"], how="left")
        .withColumn("days_since_send", F.datediff(F.lit(as_of.day), F.col("last_send_day")))
        .drop("last_send_day")
        .withColumns(
            {
                c: F.coalesce(F.col(c), F.lit(0)).cast("bigint")
                for c in ("sends", "contacts_7", "contacts_30", "channel_contacts_30")
            }
        )
    )


def join_responses(
    candidates: DataFrame, responses: DataFrame, contacts: DataFrame, as_of: AsOf, params: DecisionParams
) -> DataFrame:
    """Adds `redeemed` (this offer), `unsubscribed` and `complained` (within the pause), all before the cut.

    An unsubscribe closes the channel that it names, or that of the send it names; one that names neither closes all.
    A complaint pauses every channel.
    """
    known = with_answered_channel(known_before(responses, as_of), contacts)
    redeemed = (
        known.where(F.col("response_kind") == "redeem")
        .groupBy("customer_id", "offer_id")
        .agg(F.lit(True).alias("redeemed"))
    )
    pause = F.lit(as_of.plus(-params.complaint_pause_days).ts)
    complaints = (
        known.where((F.col("response_kind") == "complaint") & (F.col("event_ts") >= pause))
        .groupBy("customer_id")
        .agg(F.lit(True).alias("complained"))
    )
    left = known.where(F.col("response_kind") == "unsubscribe")
    named = (
        left.where(F.col("answered_channel").isNotNull())
        .groupBy("customer_id", F.col("answered_channel").alias("channel"))
        .agg(F.lit(True).alias("left_channel"))
    )
    unnamed = left.where(F.col("answered_channel").isNull()).groupBy("customer_id").agg(F.lit(True).alias("left_all"))
    flags = ("redeemed", "unsubscribed", "complained")
    return (
        candidates.join(redeemed, on=["customer_id", "offer_id"], how="left")
        .join(complaints, on=["customer_id"], how="left")
        .join(named, on=["customer_id", "channel"], how="left")
        .join(unnamed, on=["customer_id"], how="left")
        .withColumn("unsubscribed", F.coalesce(F.col("left_channel"), F.col("left_all")))
        .drop("left_channel", "left_all")
        .withColumns({c: F.coalesce(F.col(c), F.lit(False)) for c in flags})
    )


def join_open_decisions(candidates: DataFrame, open_rows: DataFrame) -> DataFrame:
    """Adds `decision_id`, `is_issued` (this very decision is with a tool), `issued_others` (others of hers are),
    `channel_issued_others` (others of hers in this channel) and `held_propensity` (with which an issued decision was
    drawn).

    open_rows: what `scoring.history.open_decisions` gives.
    """
    issued = open_rows.where(F.col("is_issued"))
    own = issued.select("decision_id", "is_issued", F.col("logging_propensity").alias("held_propensity"))
    totals = issued.groupBy("customer_id").agg(F.count(F.lit(1)).alias("issued_total"))
    channel_totals = issued.groupBy("customer_id", "channel").agg(F.count(F.lit(1)).alias("channel_issued_total"))
    others = {"issued_others": "issued_total", "channel_issued_others": "channel_issued_total"}
    return (
        candidates.withColumn("decision_id", decision_id())
        .join(own, on=["decision_id"], how="left")
        .join(totals, on=["customer_id"], how="left")
        .join(channel_totals, on=["customer_id", "channel"], how="left")
        .withColumn("is_issued", F.coalesce(F.col("is_issued"), F.lit(False)))
        .withColumns(
            {
                name: (F.coalesce(F.col(total), F.lit(0)) - F.col("is_issued").cast("int")).cast("bigint")
                for name, total in others.items()
            }
        )
        .drop(*others.values())
    )
