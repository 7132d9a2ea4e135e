"""Family L, the part about tiers and points, both replayed from their logs.

Tier: of all rows that began before the cut, those that ran out are no tier any more (`has_lapsed_tier` says that
there was one); of the rest the last to begin counts, over all accounts of the customer. So an expired tier has no
days to its expiry, rather than a negative number of them. A tier without any spend is kept: what is missing to the
next one is then the whole of it.

Points: the balance is the sum of the ledger, also below 0, which the sources do contain; `points_below_zero` flags
it, since a balance cut off at 0 would hide debts that the next purchase pays back. What expires is found as if those
points were spent first that end first.
"""

from __future__ import annotations

from functools import partial

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.definitions import FeatureDef
from features.facts import Facts
from features.windows import MONEY, ratio, within

FAMILY = "L lifecycle and lifetime"
TIERS, POINTS = ("tier_history",), ("points_ledger",)
YEAR = 365  # days of spend by which tiers are given
SOON = 30  # days within which points are about to end
Def = partial(FeatureDef, family=FAMILY)

DEFINITIONS: tuple[FeatureDef, ...] = (
    Def(
        "tier",
        135,
        kind="string",
        definition="membership tier that holds at the cut",
        sources=TIERS,
        leak_note="the tier as of the cut; today's would leak",
    ),
    Def(
        "has_lapsed_tier",
        135,
        kind="bool",
        definition="whether there was a tier, and it ran out before the cut",
        sources=TIERS,
        default="false",
    ),
    Def(
        "amt_to_next_tier",
        136,
        kind="money",
        definition="amount at which the next tier begins less the net amount of 365 days, at least 0; null in the top",
        sources=("tier_history.next_tier_amount", "transactions"),
        window=f"last {YEAR} days",
        low=0,
    ),
    Def(
        "days_to_tier_expiry",
        137,
        kind="int",
        definition="days from the cut to the last day of the tier; 0 when it ends with the day of the cut",
        sources=("tier_history.expires_on",),
        low=0,
    ),
    Def("points_balance", 138, kind="long", definition="sum of the ledger", sources=POINTS, default="0"),
    Def(
        "points_below_zero",
        138,
        kind="bool",
        definition="whether the ledger sums to less than 0: more was spent than earned, or entries are missing",
        sources=POINTS,
        default="false",
    ),
    Def(
        "points_expiring_30",
        139,
        kind="long",
        definition="points left that end within 30 days from the cut, those that end first spent first",
        sources=("points_ledger.expires_ts",),
        default="0",
        low=0,
    ),
    Def(
        "burn_rate",
        140,
        kind="double",
        definition="points spent / points earned; null where none was earned",
        sources=POINTS,
        low=0,
    ),
    Def(
        "can_redeem_lowest",
        141,
        kind="bool",
        definition="whether the balance pays for the cheapest reward, of lowest_reward_points",
        sources=POINTS,
        default="false",
    ),
)

NEEDS: tuple[str, ...] = ()


def features(facts: Facts) -> list[DataFrame]:
    """Features 135 to 137 where tiers are delivered, 138 to 141 where points are."""
    tiers = [tier_features(facts)] if facts.has("tier_history") else []
    return tiers + ([points_features(facts)] if facts.has("points_ledger") else [])


def tier_features(facts: Facts) -> DataFrame:
    """One row per customer who ever had a tier: features 135 to 137."""
    # the log's moment is `valid_from`, and a row counts only from the instant after it
    cut, today = F.lit(facts.as_of.ts), F.lit(facts.as_of.day)
    known = facts.tables["tier_history"].where((F.col("valid_from") < cut) & (F.col("available_ts") < cut))
    # a later row of an account ends the earlier one, whatever that one's last day was
    of_account = Window.partitionBy("account_id").orderBy(F.col("valid_from").desc())
    holds = F.col("expires_on").isNull() | (F.col("expires_on") >= today)
    current = (
        known.withColumn("_n", F.row_number().over(of_account))
        .where(F.col("_n") == 1)
        .join(facts.accounts, "account_id", how="inner")
        .withColumn("_holds", holds)
    )
    best = Window.partitionBy("customer_id").orderBy(
        F.col("_holds").cast("int").desc(), F.col("valid_from").desc(), "account_id"
    )
    one = current.withColumn("_place", F.row_number().over(best)).where(F.col("_place") == 1)
    spent = facts.orders.where(within(YEAR)).groupBy("customer_id").agg(F.sum("net_amount").cast(MONEY).alias("_spent"))
    missing = F.col("next_tier_amount") - F.coalesce(F.col("_spent"), F.lit(0).cast(MONEY))
    return one.join(spent, "customer_id", how="left").select(
        "customer_id",
        F.when(F.col("_holds"), F.col("tier")).alias("tier"),
        (~F.col("_holds")).alias("has_lapsed_tier"),
        F.when(
            F.col("_holds") & F.col("next_tier_amount").isNotNull(), F.greatest(missing, F.lit(0).cast(MONEY))
        ).alias("amt_to_next_tier"),
        F.when(F.col("_holds"), F.datediff(F.col("expires_on"), today)).alias("days_to_tier_expiry"),
    )


def points_features(facts: Facts) -> DataFrame:
    """One row per customer with an entry in the ledger: features 138 to 141."""
    entries = facts.log("points_ledger", "entry_kind", "points", "expires_ts")
    points, kind, ends = F.col("points"), F.col("entry_kind"), F.col("expires_ts")
    gained = points > 0
    found = entries.groupBy("customer_id").agg(
        _sum(points).alias("points_balance"),
        _sum(F.when(points < 0, -points)).alias("_gone"),
        _sum(F.when(gained & (ends < F.lit(facts.as_of.ts)), points)).alias("_ended"),
        _sum(F.when(gained & (ends < F.lit(facts.as_of.plus(SOON).ts)), points)).alias("_ending"),
        _sum(F.when((kind == "burn") & (points < 0), -points)).alias("_burnt"),
        _sum(F.when((kind == "earn") & gained, points)).alias("_earned"),
    )
    balance, none = F.col("points_balance"), F.lit(0).cast("bigint")
    # what was taken away is taken from the points that end first: what is left of those that end before a moment
    left = [F.greatest(F.col(name) - F.col("_gone"), none) for name in ("_ending", "_ended")]
    return found.select(
        "customer_id",
        "points_balance",
        (balance < 0).alias("points_below_zero"),
        (left[0] - left[1]).alias("points_expiring_30"),
        ratio(F.col("_burnt"), F.col("_earned")).alias("burn_rate"),
        (balance >= facts.params.membership.lowest_reward_points).alias("can_redeem_lowest"),
    )


def _sum(value: Column) -> Column:
    return F.coalesce(F.sum(value), F.lit(0)).cast("bigint")
