"""Sends known before the cut with what became of them: what the contact features count.

How an answer finds its send: by `contact_id` where it names one. Otherwise it answers the last send of its offer to
the same customer, in its channel where it names one, at or before it. An answer that names a send that is not known,
finds none, or is older than the send it names (an open before the send) answers nothing.

What arrived: an answer of any kind but `bounced` proves that the send arrived, whether a delivery was reported or not.
Without one, a channel that reports deliveries is believed from its first report on; before that, and in the other
channels, what did not bounce arrived.
"""

from __future__ import annotations

from functools import reduce
from operator import or_

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.as_of import known_before
from features.facts import Facts

DAY = 86400 * 10**6  # microseconds
OUTCOMES = ("opened", "clicked", "converted", "refused", "delivered", "bounced", "proven")


def sends(facts: Facts) -> DataFrame:
    """One row per send: contact_id, customer_id, offer_id, channel, event_ts, days_ago, local `send_hour`, and flags.

    `answer_closed` and `convert_closed` say whether the time for an answer was over at the cut. 0 or 1 are `opened`
    and `clicked` within answer_days, `converted` (redeemed or bought) and `refused` (unsubscribed or complained)
    within convert_days, `bounced`, and `arrived`.
    """
    answered = facts.kept("answered_sends", lambda: as_answered_sends(facts))
    reports = answered.where(F.col("delivered") == 1).groupBy("channel").agg(F.min("event_ts").alias("_reports_from"))
    silent = F.when(F.col("event_ts") >= F.col("_reports_from"), F.lit(0)).otherwise(1 - F.col("bounced"))
    return answered.join(F.broadcast(reports), "channel", how="left").select(
        *[c for c in answered.columns if c not in ("delivered", "proven")],
        F.when(F.col("proven") == 1, F.lit(1)).otherwise(silent).alias("arrived"),
    )


def as_answered_sends(facts: Facts) -> DataFrame:
    """`sends` with `delivered` (reported) and `proven` (some answer came) in place of `arrived`."""
    sent = facts.log("contacts", "contact_id", "offer_id", "channel")
    p, cut = facts.params.contact_history, int(facts.as_of.ts.timestamp()) * 10**6
    waited = F.lit(cut) - F.unix_micros("event_ts")
    described = sent.select(
        "*",
        F.hour(F.from_utc_timestamp("event_ts", facts.as_of.time_zone)).alias("send_hour"),
        (waited >= p.answer_days * DAY).alias("answer_closed"),
        (waited >= p.convert_days * DAY).alias("convert_closed"),
    )
    if not facts.has("responses"):
        return described.select("*", *[F.lit(0).alias(o) for o in OUTCOMES])
    became = as_outcomes(with_unnamed_answers(facts, sent), sent, p.answer_days * DAY, p.convert_days * DAY)
    return described.join(became, "contact_id", how="left").select(
        *described.columns, *[F.coalesce(F.col(o), F.lit(0)).alias(o) for o in OUTCOMES]
    )


def with_unnamed_answers(facts: Facts, sent: DataFrame) -> DataFrame:
    """contact_id, response_kind, answered_ts of every answer that names its send or can be given one."""
    named = (
        known_before(facts.tables["responses"], facts.as_of)
        .where(F.col("contact_id").isNotNull())
        .select("contact_id", "response_kind", F.col("event_ts").alias("answered_ts"))
    )
    unnamed = facts.log(
        "responses", "response_id", "contact_id", "offer_id", "response_kind", F.col("channel").alias("_through")
    ).where(F.col("contact_id").isNull())
    candidates = (
        unnamed.select(
            "customer_id",
            "offer_id",
            "response_id",
            "response_kind",
            "_through",
            F.col("event_ts").alias("answered_ts"),
        )
        .join(sent, ["customer_id", "offer_id"], how="inner")
        .where(F.col("event_ts") <= F.col("answered_ts"))
        .where(F.col("_through").isNull() | (F.col("_through") == F.col("channel")))
    )
    last = Window.partitionBy("response_id").orderBy(F.col("event_ts").desc(), F.col("contact_id").desc())
    given = candidates.withColumn("_n", F.row_number().over(last)).where(F.col("_n") == 1)
    return named.unionByName(given.select("contact_id", "response_kind", "answered_ts"))


def as_outcomes(answers: DataFrame, sent: DataFrame, answer_time: int, convert_time: int) -> DataFrame:
    """contact_id and OUTCOMES as 0 or 1, one row per send with an answer; times in microseconds."""
    after = F.unix_micros("answered_ts") - F.unix_micros("event_ts")
    quick, slow = after < answer_time, after < convert_time
    conditions = {
        "opened": _is("open") & quick,
        "clicked": _is("click") & quick,
        "converted": _is("redeem", "buy") & slow,
        "refused": _is("unsubscribe", "complaint") & slow,
        "delivered": _is("delivered"),
        "bounced": _is("bounced"),
        "proven": ~_is("bounced"),
    }
    return (
        answers.join(sent.select("contact_id", "event_ts"), "contact_id", how="inner")
        .where(after >= 0)
        .groupBy("contact_id")
        .agg(*[F.max(F.when(condition, 1).otherwise(0)).alias(o) for o, condition in conditions.items()])
    )


def _is(*kinds: str) -> Column:
    return reduce(or_, [F.col("response_kind") == kind for kind in kinds])
