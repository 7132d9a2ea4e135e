"""Favourites as they stand at the cut, replayed from their log."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from features.browsed import SEASON, not_bought_since, numbered_log, with_product_no
from features.facts import Facts

KINDS = ("favourite", "unfavourite")


def open_favourites(facts: Facts) -> DataFrame:
    """customer_no, product_no of favourites of 90 days, neither taken back nor bought since.

    Of two events at the same moment the one with the larger id is the later.
    """
    log = numbered_log(facts, "browsing", "product_id", "event_kind", "event_id", days=SEASON)
    moves = with_product_no(facts, log.where(F.col("event_kind").isin(*KINDS)))
    newest = Window.partitionBy("customer_no", "product_no").orderBy(F.col("us").desc(), F.col("event_id").desc())
    last = moves.withColumn("_n", F.row_number().over(newest)).where(F.col("_n") == 1)
    favourites = last.where(F.col("event_kind") == KINDS[0]).select("customer_no", "product_no", "us")
    return not_bought_since(facts, favourites, F.col("us")).drop("us")
