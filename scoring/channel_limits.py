"""Limits of channels, settled before anybody's arm is looked at: per customer in 30 days, and capacity.

**Capacity.** A channel's capacity over the sending window (`daily_capacity` x `send_within_days`) is cut on candidates,
not on sends. A customer takes as many of a channel's places as she could at most be sent through it (`per_customer`,
or her candidates in it where fewer), whatever her arm draws. Places go first to decisions that a tool holds already,
then by gain: the priority of her best candidate in the channel less that of her best in any other (0 where she has
none). Candidates of customers beyond the capacity leave the contest in every arm. So no draw exceeds a capacity, and
a propensity conditions on nothing random: it is exact, over the candidates that are left.

What is approximate: her best other channel may be full too, and then the gain was understated; places that the
exploring arms might use stay partly unused; customers beyond the budget hold places. Optimal allocation under all
limits at once comes later and takes this module's place.

**No global sort.** As in `scoring/allocation.py`: bins by whole cents of gain are summed, rows need an order only
inside a bin.
"""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from scoring.channel_terms import per_channel
from scoring.decision_params import DecisionParams
from scoring.funnel import CHANNEL_CAPACITY, CHANNEL_PLACES

TOP_BIN = 10_000_000  # customers with an issued decision in the channel
SPENT_BIN = TOP_BIN - 1  # gains of 100,000 and more (or -100,000 and less) share a bin
MINE = ("customer_id", "channel")


def with_channel_places(candidates: DataFrame, params: DecisionParams) -> DataFrame:
    """Fills `dropped_by` for a customer's candidates beyond what a channel's limit in 30 days leaves her.

    Needed only where a customer may get several decisions at once. Issued decisions stay, then the best by priority.
    """
    limits = params.limits("monthly_limit")
    if not limits or params.per_customer < 2:
        return candidates
    passes = F.col("dropped_by").isNull()
    order = [F.col("is_issued").cast("int").desc(), F.col("priority").desc(), F.col("offer_id")]
    place = F.row_number().over(Window.partitionBy(*MINE, passes).orderBy(*order))
    issued = F.col("is_issued").cast("int")
    held = F.col("channel_issued_others") + issued - F.sum(issued).over(Window.partitionBy(*MINE, passes))
    room = per_channel(limits, None).cast("bigint") - F.col("channel_contacts_30") - held
    return candidates.withColumn(
        "dropped_by", F.when(passes & (place > room), F.lit(CHANNEL_PLACES)).otherwise(F.col("dropped_by"))
    )


def with_channel_capacity(candidates: DataFrame, params: DecisionParams) -> DataFrame:
    """Fills `dropped_by` for the candidates of customers who get no place in a channel of limited capacity."""
    capacities = window_capacities(params)
    if not capacities:
        return candidates
    places = channel_places(candidates, params).select(*MINE, "has_place")
    left_out = F.col("dropped_by").isNull() & ~F.coalesce(F.col("has_place"), F.lit(True))
    return (
        candidates.join(places, on=list(MINE), how="left")
        .withColumn("dropped_by", F.when(left_out, F.lit(CHANNEL_CAPACITY)).otherwise(F.col("dropped_by")))
        .drop("has_place")
    )


def window_capacities(params: DecisionParams) -> dict[str, int]:
    """Contacts per limited channel that may go out within the sending window."""
    return {c: n * params.send_within_days for c, n in params.limits("daily_capacity").items()}


def channel_places(candidates: DataFrame, params: DecisionParams) -> DataFrame:
    """`customer_id, channel, gain, taken, has_place` per customer with a passing candidate in a limited channel."""
    capacities = window_capacities(params)
    best = (
        candidates.where(F.col("dropped_by").isNull())
        .groupBy(*MINE)
        .agg(
            F.max("priority").alias("priority"),
            F.max(F.col("is_issued").cast("int")).alias("issued"),
            F.least(F.lit(params.per_customer), F.count(F.lit(1))).cast("bigint").alias("taken"),
        )
    )
    hers = Window.partitionBy("customer_id").orderBy(F.desc("priority"), "channel")
    whole = hers.rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    other = F.when(F.row_number().over(hers) == 1, F.lead("priority").over(hers)).otherwise(
        F.first("priority").over(whole)
    )
    gain = F.round(F.col("priority") - F.coalesce(other, F.lit(0.0)), 6)
    cents = F.greatest(F.lit(-SPENT_BIN), F.least(F.floor(F.col("gain") * 100), F.lit(SPENT_BIN)))
    asked = (
        best.withColumn("gain", gain)
        .where(F.col("channel").isin(list(capacities)))
        .withColumn("bin", F.when(F.col("issued") == 1, F.lit(TOP_BIN)).otherwise(cents).cast("bigint"))
    )
    before = Window.partitionBy("channel").orderBy(F.desc("bin")).rowsBetween(Window.unboundedPreceding, -1)
    bins = (
        asked.groupBy("channel", "bin")
        .agg(F.sum("taken").alias("in_bin"))
        .withColumn("above", F.coalesce(F.sum("in_bin").over(before), F.lit(0)).cast("bigint"))
        .drop("in_bin")
    )
    inside = (
        Window.partitionBy("channel", "bin")
        .orderBy(F.desc("gain"), F.desc("priority"), "customer_id")
        .rowsBetween(Window.unboundedPreceding, Window.currentRow)
    )
    used = F.col("above") + F.sum("taken").over(inside)
    limit = per_channel(capacities, None).cast("bigint")
    return asked.join(bins, on=["channel", "bin"], how="inner").select(
        *MINE, "gain", "taken", (used <= limit).alias("has_place")
    )
