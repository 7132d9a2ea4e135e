"""P(opens | delivered), P(clicks | delivered) and P(unsubscribes | delivered) per customer and channel.

Counted on sends old enough for an answer to have come, from answers that name their send. Empirical Bayes in two
steps: the channel's rate is its own count with the assumed rate as so many further sends, the customer's rate is her
own count with the channel's rate as so many further sends (a Beta prior in both). A kind of answer that a channel
never recorded stays null: nobody knows whether nobody opened or nobody looked.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.as_of import AsOf, known_before
from features.rounding import rounded
from scoring.channel_params import ChannelParams
from scoring.channel_terms import per_channel

# response_kind -> column of channel_scores
RATES = {"open": "p_open", "click": "p_click", "unsubscribe": "p_unsubscribe"}


def as_send_counts(
    contacts: DataFrame, responses: DataFrame, customers: DataFrame, as_of: AsOf, params: ChannelParams
) -> DataFrame:
    """`customer_id, channel, delivered, open, click, unsubscribe`: matured sends and how many were answered so.

    customers: `account_id, customer_id` at the cut. Delivered is what was reported delivered in channels that report
    it, and what did not bounce in the others.
    """
    old = F.col("event_ts") < F.lit(as_of.plus(-params.rate_maturity_days).ts)
    sends = known_before(contacts, as_of).where(old).select("contact_id", "account_id", "channel")
    kinds = ("delivered", "bounced", *RATES)
    answers = (
        known_before(responses, as_of)
        .where(F.col("contact_id").isNotNull() & F.col("response_kind").isin(list(kinds)))
        .groupBy("contact_id")
        .agg(*[F.max((F.col("response_kind") == k).cast("int")).alias(k) for k in kinds])
    )
    answered = (
        sends.join(answers, on="contact_id", how="left")
        .withColumns({k: F.coalesce(F.col(k), F.lit(0)) for k in kinds})
        .join(customers, on="account_id", how="inner")
    )
    per_customer = answered.groupBy("customer_id", "channel").agg(
        F.sum(F.col("delivered")).alias("reported"),
        F.sum(1 - F.col("bounced")).alias("not_bounced"),
        *[F.sum(F.col(k)).cast("bigint").alias(k) for k in RATES],
    )
    reporting = per_customer.groupBy("channel").agg((F.sum("reported") > 0).alias("reports"))
    arrived = F.when(F.col("reports"), F.col("reported")).otherwise(F.col("not_bounced"))
    return per_customer.join(reporting, on="channel", how="inner").select(
        "customer_id",
        "channel",
        # an answered send arrived, whatever was reported
        F.greatest(arrived, *[F.col(k) for k in RATES]).cast("bigint").alias("delivered"),
        *RATES,
    )


def join_rates(scored: DataFrame, counts: DataFrame, params: ChannelParams, weight: float) -> DataFrame:
    """Adds `p_open, p_click, p_unsubscribe` to rows with `customer_id, channel`; counts: see `as_send_counts`.

    `weight` is how many sends an assumption counts for.
    """
    prior = {
        "open": per_channel({k: float(v) for k, v in params.open_prior.items()}, float(params.open_prior_default)),
        "click": F.lit(float(params.click_prior)),
        "unsubscribe": F.lit(float(params.unsubscribe_prior)),
    }
    w = F.lit(float(weight))
    totals = counts.groupBy("channel").agg(*[F.sum(c).alias(f"all_{c}") for c in ("delivered", *RATES)])
    rates = totals.select(
        "channel",
        *[
            F.when(F.col(f"all_{k}") > 0, (F.col(f"all_{k}") + w * prior[k]) / (F.col("all_delivered") + w)).alias(
                f"rate_{k}"
            )
            for k in RATES
        ],
    )
    joined = scored.join(F.broadcast(rates), on="channel", how="left").join(
        counts, on=["customer_id", "channel"], how="left"
    )
    shrunk: dict[str, Column] = {
        column: rounded(
            (F.coalesce(F.col(k), F.lit(0)) + w * F.col(f"rate_{k}")) / (F.coalesce(F.col("delivered"), F.lit(0)) + w)
        )
        for k, column in RATES.items()
    }
    return joined.withColumns(shrunk).drop("delivered", *RATES, *[f"rate_{k}" for k in RATES])
