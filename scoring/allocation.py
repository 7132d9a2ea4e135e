"""A first, honest allocation: places per customer, then a budget, greedily by priority.

Greedy is not optimal: a dear decision of high priority may take the place of several cheap ones. Optimal
allocation under many constraints comes later and will take this module's place.

**Reserving.** The arms come last and must not move the budget's cut, or no propensity would be exact. So every
place reserves, before anybody's arm is looked at, the most that any arm could spend on it: the dearest of the
customer's sendable candidates (without exploring arms, its own cost). Funding goes by the priority that `nba` would
send in that place, for held-out customers too. Hence the spend never exceeds the budget whatever the draw, at the
price of leaving some of it unspent; customers beyond the cut are left alone in every arm.

**No global sort.** Places fall into bins by whole cents of priority; the bins' reserves are summed (a small table),
and only inside a bin do rows need an order. The result equals one sorted running sum, at any partition count.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from scoring.arms import unit_hash
from scoring.decision_params import DecisionParams

MONEY_SUM = "decimal(28,2)"
TOP_BIN = 10_000_000  # issued decisions, funded first
SPENT_BIN = TOP_BIN - 1  # priorities of 100,000 and more share a bin


def with_ranks(candidates: DataFrame, params: DecisionParams) -> DataFrame:
    """Adds the customer's ranks among her sendable candidates, and how many places she has.

    `sendable` (how many passed so far), `issued_here` (of them already with a tool), `nba_rank`, `propensity_rank`,
    `random_rank` (null for dropped candidates), `places` = what `per_customer` and both caps leave, and `reserve`.
    Issued decisions come first in every order, so a run never swaps what a tool may be sending. Ties go by id.
    """
    passes = F.col("dropped_by").isNull()
    mine = Window.partitionBy("customer_id", passes)
    ties = [F.col("offer_id"), F.col("channel")]
    first = F.col("is_issued").cast("int").desc()
    draw = unit_hash(params.arms.salt, "explore", "customer_id", "offer_id", "channel")
    orders = {"nba_rank": F.col("priority").desc(), "propensity_rank": F.col("p_response").desc(), "random_rank": draw}
    ranks = {k: F.when(passes, F.row_number().over(mine.orderBy(first, order, *ties))) for k, order in orders.items()}
    issued = F.sum(F.col("is_issued").cast("int")).over(mine)
    held = F.col("issued_others") + F.col("is_issued").cast("int") - F.col("issued_here")
    room = [
        F.lit(cap) - F.col(f"contacts_{days}") - held
        for days, cap in ((7, params.cap_7_days), (30, params.cap_30_days))
    ]
    places = F.greatest(F.lit(0), F.least(F.lit(params.per_customer), F.col("sendable"), *room))
    reserve = F.max("cost").over(mine) if params.arms.explores else F.col("cost")
    return (
        candidates.withColumns({**ranks, "sendable": F.count(F.lit(1)).over(mine), "issued_here": issued})
        .withColumn("reserve", reserve)
        .withColumn("places", F.when(passes, places).cast("int"))
    )


def place_funding(ranked: DataFrame, params: DecisionParams) -> DataFrame:
    """One row per place with `customer_id, place, priority, reserve, is_funded`.

    Funded are the places, best first (issued before new, then priority, then customer and place), whose running sum
    of reserves stays within the budget; the first that does not fit ends it.
    """
    places = ranked.where(F.col("nba_rank") <= F.col("places")).select(
        "customer_id",
        F.col("nba_rank").alias("place"),
        "priority",
        "reserve",
        F.when(F.col("is_issued"), F.lit(TOP_BIN)).otherwise(_bin(F.col("priority"))).alias("bin"),
    )
    if params.budget is None:
        return places.drop("bin").withColumn("is_funded", F.lit(True))
    # one partition on purpose: bins are few, at most one per cent of priority
    before = Window.partitionBy(F.lit(0)).orderBy(F.desc("bin")).rowsBetween(Window.unboundedPreceding, -1)
    bins = (
        places.groupBy("bin")
        .agg(F.sum("reserve").cast(MONEY_SUM).alias("in_bin"))
        .withColumn("above", F.coalesce(F.sum("in_bin").over(before), F.lit(0)).cast(MONEY_SUM))
        .drop("in_bin")
    )
    inside = (
        Window.partitionBy("bin")
        .orderBy(F.desc("priority"), "customer_id", "place")
        .rowsBetween(Window.unboundedPreceding, Window.currentRow)
    )
    spent = F.col("above") + F.sum("reserve").over(inside).cast(MONEY_SUM)
    budget = F.lit(f"{params.budget:.2f}").cast(MONEY_SUM)
    return places.join(bins, on=["bin"], how="inner").withColumn("is_funded", spent <= budget).drop("bin", "above")


def _bin(priority: Column) -> Column:
    return F.least(F.floor(priority * 100), F.lit(SPENT_BIN)).cast("bigint")


def with_allocation_drops(ranked: DataFrame, funding: DataFrame) -> DataFrame:
    """Adds `funded` (places of the customer that have money) and `arm_rank`; fills `dropped_by` to the end.

    ranked: candidates with ranks and `arm`. In her own arm's order a candidate beyond her places is dropped by
    `per_customer`, beyond the funded ones by `budget`, and in `global_holdout` by `held_out`.
    """
    funded = funding.where(F.col("is_funded")).groupBy("customer_id").agg(F.count(F.lit(1)).alias("funded"))
    by_arm = (
        F.when(F.col("arm") == "random_eligible", F.col("random_rank"))
        .when(F.col("arm") == "propensity_only", F.col("propensity_rank"))
        .otherwise(F.col("nba_rank"))
    )
    dropped = (
        F.when(F.col("dropped_by").isNotNull(), F.col("dropped_by"))
        .when(F.col("arm_rank") > F.col("places"), F.lit("per_customer"))
        .when(F.col("arm_rank") > F.col("funded"), F.lit("budget"))
        .when(F.col("arm") == "global_holdout", F.lit("held_out"))
    )
    return (
        ranked.join(funded, on=["customer_id"], how="left")
        .withColumn("funded", F.coalesce(F.col("funded"), F.lit(0)).cast("int"))
        .withColumn("arm_rank", by_arm)
        .withColumn("dropped_by", dropped)
    )
