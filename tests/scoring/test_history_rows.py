"""Who has a row in the scoring pass."""

from __future__ import annotations

from datetime import date

from pyspark.sql import SparkSession

from recommend.tag_rules import KNOWN
from scoring.history_rows import as_histories

DAY = date(2026, 6, 1)


def test_customers_have_a_row_and_passing_visitors_have_none(spark: SparkSession) -> None:
    """Who bought or is known has one; views, other tags and exclusions alone make nobody a customer, and are part
    of the row of who is one."""
    log = "customer_id string, product_id string, day date, quantity double, amount double, orders int"
    bought = spark.createDataFrame([("A", "p", DAY, 1.0, 1.0, 1)], log)
    views = spark.createDataFrame([(c, "p", DAY, 1.0, 0.0, 1) for c in ("A", "B", "V")], log)
    tags = [("B", KNOWN, DAY, 1.0, 1.0, 1), ("K", KNOWN, DAY, 1.0, 1.0, 1), ("T", "region:east", DAY, 1.0, 1.0, 1)]
    banned = spark.createDataFrame([("A", "q"), ("X", "q")], "customer_id string, product_id string")
    rows = as_histories(bought, banned, views=views, tags=spark.createDataFrame(tags, log)).collect()
    assert {row.customer_id: len(row.log) for row in rows} == {"A": 3, "B": 2, "K": 1}
