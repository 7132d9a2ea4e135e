"""Who wanted a product before it was ever sold: those who looked at it stand above what others like it say."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.as_of import AsOf
from features.rounding import rounded


def as_lookers(views: DataFrame, product_id: str, as_of: AsOf, days: int) -> DataFrame:
    """`customer_id, looked_days, carted`: who looked at the product in the last `days` days, how long ago, and whether
    it was ever put into a cart. `views` as from `scoring.recommender_inputs.known_view_days`."""
    day = F.lit(as_of.day)
    mine = views.where((F.col("product_id") == product_id) & (F.col("day") >= F.lit(as_of.plus(-days).day)))
    return (
        mine.where(F.col("day") < day)
        .groupBy("customer_id")
        .agg(
            F.min(F.datediff(day, F.col("day"))).cast("int").alias("looked_days"),
            (F.sum("amount") > 0).alias("carted"),
        )
    )


def as_wanted_rate(scores: DataFrame) -> DataFrame:
    """One row `rate`: mean p_buy of what customers looked at among the products that stand in, and did not buy; null
    where nobody did. `scores` has a column `wanted`."""
    n = F.count("wanted")
    mean = F.sum(F.col("wanted").cast("decimal(18,6)")).cast("double") / n
    return scores.agg(rounded(F.when(n > 0, mean)).alias("rate"))


def with_lookers(scores: DataFrame, lookers: DataFrame, rate: float | None) -> DataFrame:
    """`scores` in which who looked at the product has at least the chance of those who looked at one like it, and goes
    before others of the same score; the later the look, the better."""
    joined = scores.join(lookers.select("customer_id", "looked_days"), on="customer_id", how="left")
    looked = F.col("looked_days").isNotNull()
    least = F.greatest(F.col("score"), F.lit(0.0 if rate is None else rate))
    return joined.withColumns(
        {
            "score": F.when(looked, least).otherwise(F.col("score")),
            "raw": F.when(looked, 1.0 + 1.0 / F.col("looked_days")).otherwise(F.col("raw")),
        }
    ).drop("looked_days")
