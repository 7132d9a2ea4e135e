"""Family K, feature 129: how far a customer's word carries, compared with the others of the same snapshot."""

from __future__ import annotations

from functools import reduce
from operator import add

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.definitions import FeatureDef, FeatureParams
from features.facts import Facts
from features.rounding import rounded

FAMILY = "K social"
DECILES = tuple(d / 10 for d in range(1, 10))

DEFINITIONS: tuple[FeatureDef, ...] = (
    FeatureDef(
        "influence_score",
        129,
        FAMILY,
        "double",
        "percentile rank, among customers above 0, of followers_weight log1p(followers) + engagement_weight "
        "log1p(engagement_brand_n_90) + referral_weight log1p(referral_net_amt)",
        ("social_stats.followers", "social_interactions", "referrals"),
        "as of its parts",
        low=0,
        high=1,
        leak_note="compared with customers of the same snapshot; the deciles of the sum are saved with it",
        purpose="profiling",
    ),
)
NEEDS: tuple[str, ...] = ()


def derive(rows: DataFrame, facts: Facts) -> tuple[DataFrame, list[DataFrame]]:
    """The wide rows with feature 129, and the deciles of what it ranks; unchanged where no part was delivered."""
    strength = as_strength(rows, facts.params)
    if strength is None:
        return rows, []
    scored = with_influence_score(rows, strength)
    return scored, [fit_influence_deciles(rows, strength)]


def as_strength(rows: DataFrame, params: FeatureParams) -> Column | None:
    """The weighted sum, rounded so that equal customers are equal on every engine; None where no part is in `rows`."""
    p = params.influence
    parts = {
        "followers_log": (p.followers_weight, F.col("followers_log")),
        "engagement_brand_n_90": (p.engagement_weight, F.log1p(F.col("engagement_brand_n_90").cast("double"))),
        "referral_net_amt": (p.referral_weight, F.log1p(F.col("referral_net_amt").cast("double"))),
    }
    there = [
        F.lit(weight) * F.coalesce(rounded(value), F.lit(0.0))
        for name, (weight, value) in parts.items()
        if name in rows.columns
    ]
    return rounded(reduce(add, there)) if there else None


def with_influence_score(rows: DataFrame, strength: Column) -> DataFrame:
    """Adds feature 129: who has no influence at all has no score, so that the many do not push up the few.

    Equal strengths share the lower rank.
    """
    ranked = rows.withColumn("_strength", strength)
    heard = F.col("_strength") > 0
    place = F.percent_rank().over(Window.partitionBy(heard).orderBy("_strength"))
    return ranked.select(*rows.columns, F.when(heard, rounded(place)).alias("influence_score"))


def fit_influence_deciles(rows: DataFrame, strength: Column) -> DataFrame:
    """The 10th to 90th percentile of the strengths above 0: feature, subject (empty), position 1 to 9, value."""
    cuts = (
        rows.select(strength.alias("_strength"))
        .where(F.col("_strength") > 0)
        .agg(F.percentile(F.col("_strength"), F.array(*[F.lit(d) for d in DECILES])).alias("cuts"))
    )
    points = [
        F.struct(
            F.lit("influence_decile").alias("feature"),
            F.lit("").alias("subject"),
            F.lit(i + 1).alias("position"),
            rounded(F.col("cuts")[i]).alias("value"),
        )
        for i in range(len(DECILES))
    ]
    return cuts.select(F.explode(F.array(*points)).alias("cut")).select("cut.*").where(F.col("value").isNotNull())
