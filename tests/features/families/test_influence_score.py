"""The percentile of influence."""

from dataclasses import replace
from decimal import Decimal

import pytest
from pyspark.sql import DataFrame, SparkSession

from features.definitions import FeatureParams
from features.families.influence_score import derive
from features.family_params import InfluenceParams
from tests.features.families.people_world import facts_of

SCHEMA = "customer_id string, followers_log double, engagement_brand_n_90 int, referral_net_amt decimal(18,2)"


@pytest.fixture
def rows(spark: SparkSession) -> DataFrame:
    """Five customers of whom one is heard by nobody, and two are equal."""
    people = [
        ("none", None, 0, Decimal(0)),
        ("low", 1.0, 0, Decimal(0)),
        ("mid", 5.0, 3, Decimal(0)),
        ("same", 5.0, 3, Decimal(0)),
        ("buys", None, 0, Decimal(100000)),
    ]
    return spark.createDataFrame(people, SCHEMA)


def scores(spark: SparkSession, rows: DataFrame, params: FeatureParams | None = None) -> dict[str, float | None]:
    """customer_id -> influence_score."""
    scored, _ = derive(rows, facts_of(spark, {}, params))
    return {r["customer_id"]: r["influence_score"] for r in scored.collect()}


def test_ranks_those_who_are_heard(spark: SparkSession, rows: DataFrame) -> None:
    """Equals share the lower rank, who is heard by nobody has no score, and the deciles are saved."""
    assert scores(spark, rows) == {"none": None, "low": 0.0, "mid": 0.333333, "same": 0.333333, "buys": 1.0}
    saved = [r for frame in derive(rows, facts_of(spark, {}))[1] for r in frame.collect()]
    assert sorted(r["position"] for r in saved) == list(range(1, 10))
    assert [r["value"] for r in sorted(saved, key=lambda r: r["position"])][4] == 6.386294  # 5 + log1p(3), the median


def test_weights_decide(spark: SparkSession, rows: DataFrame) -> None:
    """Without weight on referrals, who only brought others is not ranked."""
    params = replace(FeatureParams(), influence=InfluenceParams(referral_weight=0.0))
    assert scores(spark, rows, params) == {"none": None, "low": 0.0, "mid": 0.5, "same": 0.5, "buys": None}


def test_without_any_part(spark: SparkSession, rows: DataFrame) -> None:
    """Rows that hold none of the parts stay as they are."""
    alone = rows.select("customer_id")
    scored, fitted = derive(alone, facts_of(spark, {}))
    assert (scored.columns, fitted) == (["customer_id"], [])
