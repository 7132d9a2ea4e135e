"""Scores against the population of the snapshot."""

from decimal import Decimal

import pytest
from pyspark.sql import DataFrame, SparkSession

from features.definitions import FeatureParams
from features.families.value_scores import fit_value_cuts, with_value_scores


@pytest.fixture
def rows(spark: SparkSession) -> DataFrame:
    """Ten active customers, c0 the best in everything, and one whose orders are over a year old."""
    people = [(f"c{i}", i + 1, 10 - i, Decimal(100 - 10 * i)) for i in range(10)] + [("old", 400, 0, Decimal(0))]
    schema = "customer_id string, recency_days int, n_orders_365 int, net_amt_365 decimal(18,2)"
    return spark.createDataFrame(people, schema)


def test_quintiles_by_saved_cuts(rows: DataFrame) -> None:
    """Two of ten customers per quintile, 5 is best in each; who was inactive for a year has no score."""
    scored = with_value_scores(rows, fit_value_cuts(rows), FeatureParams()).collect()
    found = {r["customer_id"]: r for r in scored}
    assert [found[f"c{i}"]["rfm_cell"] for i in range(10)] == [555, 555, 444, 444, 333, 333, 222, 222, 111, 111]
    assert (found["c0"]["rfm_segment"], found["c9"]["rfm_segment"]) == ("champions", "hibernating")
    assert (found["old"]["rfm_cell"], found["old"]["share_of_value_pct"]) == (None, None)
    assert {c for c, r in found.items() if r["is_top20_value"]} == {"c0", "c1"}


def test_saved_cuts_decide_not_the_rows(rows: DataFrame) -> None:
    """Scoring one customer by cuts fitted on all gives what scoring all gave."""
    cuts = fit_value_cuts(rows)
    (alone,) = with_value_scores(rows.where("customer_id = 'c4'"), cuts, FeatureParams()).collect()
    assert alone["rfm_cell"] == 333


def test_cuts_of_nobody(rows: DataFrame) -> None:
    """Without an active customer there are no cut points, and nobody is scored."""
    inactive = rows.where("customer_id = 'old'")
    cuts = fit_value_cuts(inactive)
    assert cuts.collect() == []
    assert with_value_scores(inactive, cuts, FeatureParams()).collect()[0]["r_score"] is None
