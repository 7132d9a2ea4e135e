"""What was decided before: ids that stay, rows issued and still open, whom a channel's tool knows her as."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.as_of import AsOf, known_before, with_local_time
from scoring.arms import SEPARATOR

ID_DIGITS = 32


def digest(*columns: Column) -> Column:
    """The first 128 bits of SHA-256 over the columns as strings, in hexadecimal. A null differs from empty text."""
    texts = [F.coalesce(c.cast("string"), F.lit("\x02")) for c in columns]
    return F.substring(F.sha2(F.concat_ws(SEPARATOR, *texts), 256), 1, ID_DIGITS)


def decision_id() -> Column:
    """The same while the decision is the same: customer, offer, channel, the offer's window, how often sent before.

    Neither the date of the run nor any score enters. `sends` (sends of this offer to her so far) tells a second
    round after the cool-down from the first.
    """
    days = [F.unix_date(c) for c in ("starts_on", "ends_on")]
    return digest(F.lit("offer"), F.col("customer_id"), F.col("offer_id"), F.col("channel"), *days, F.col("sends"))


def no_contact_id() -> Column:
    """Id of leaving the customer alone."""
    return digest(F.lit("no contact"), F.col("customer_id"))


def open_decisions(snapshots: DataFrame, contacts: DataFrame, as_of: AsOf) -> DataFrame:
    """Rows of earlier `next_best_offers` that a tool may still act on: latest of their id, not expired, not done.

    `snapshots` holds one or more earlier dates (rows of `as_of` and later are ignored, so a rerun gives the same).
    Done means that a send of that offer in that channel is known from the local day of `send_after` on. Adds
    `is_issued`: a send row whose window has opened, so that it counts as a contact until its outcome is known.
    """
    cut = F.lit(as_of.ts)
    last = Window.partitionBy("decision_id").orderBy(F.desc("as_of"))
    latest = (
        snapshots.where(F.col("as_of") < F.lit(as_of.day))
        .withColumn("recency", F.row_number().over(last))
        .where((F.col("recency") == 1) & (F.col("valid_until") > cut))
        .drop("recency")
    )
    key = ["customer_id", "offer_id", "channel"]
    sends = (
        known_before(contacts, as_of)
        .transform(with_local_time, as_of.time_zone)
        .groupBy(*key)
        .agg(F.max("local_day").alias("last_send_day"))
    )
    opened = F.to_date(F.from_utc_timestamp(F.col("send_after"), as_of.time_zone))
    return (
        latest.join(sends, on=key, how="left")
        .where(F.col("last_send_day").isNull() | (F.col("last_send_day") < opened))
        .drop("last_send_day")
        .withColumn("is_issued", (F.col("action") == "send") & (F.col("send_after") < cut))
    )


def member_references(accounts: DataFrame) -> DataFrame:
    """`customer_id, member_ref`: the first of the customer's accounts, by name.

    accounts: `account_id, customer_id` as they hold at the cut.
    """
    return accounts.groupBy("customer_id").agg(F.min("account_id").alias("member_ref"))
