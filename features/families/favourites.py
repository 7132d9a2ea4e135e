"""Favourites as they stand at the cut, replayed from their log."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from features.browsed import SEASON, not_bought_since
from features.facts import Facts
from features.tiles import event_us

KINDS = ("favourite", "unfavourite")


def open_favourites(facts: Facts) -> DataFrame:
    """customer_id, product_id of favourites of 90 days, neither taken back nor bought since.

    Of two events at the same moment the one with the larger id is the later.
    """
    moves = facts.log("browsing", "product_id", "event_kind", "event_id", event_us().alias("us"), days=SEASON).where(
        F.col("event_kind").isin(*KINDS) & F.col("product_id").isNotNull()
    )
    newest = Window.partitionBy("customer_id", "product_id").orderBy(F.col("us").desc(), F.col("event_id").desc())
    last = moves.withColumn("_n", F.row_number().over(newest)).where(F.col("_n") == 1)
    favourites = last.where(F.col("event_kind") == KINDS[0]).select("customer_id", "product_id", "us")
    return not_bought_since(facts, favourites, F.col("us")).drop("us")
