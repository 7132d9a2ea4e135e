"""Arms: sticky, the same in Python and in the engine, with exact propensities."""

from collections import Counter
from decimal import Decimal

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from features.errors import SettingsError
from scoring.arms import arm_of, inclusion_probability, unit_hash, unit_hash_of, with_arm
from scoring.decision_params import ArmParams, DecisionParams
from tests.scoring.decision_world import decide, inputs, offer

EQUAL = ArmParams(salt="t", nba=0.25, random_eligible=0.25, propensity_only=0.25, global_holdout=0.25)


def test_the_engine_and_hashlib_give_the_same_number(spark: SparkSession) -> None:
    """Ids with separators, Chinese and emoji hash to the same double as in plain Python."""
    ids = ["1", "c|2", "客户", "🙂", "a b", ""]
    rows = spark.createDataFrame([(i,) for i in ids], "customer_id string")
    found = {r[0]: r[1] for r in rows.select("customer_id", unit_hash("s", "arm", "customer_id")).collect()}
    assert found == {i: unit_hash_of("s", "arm", i) for i in ids}


def test_arms_match_python_and_do_not_move_with_the_company(spark: SparkSession) -> None:
    """A customer's arm is the same alone and among others; new offers do not enter at all."""
    many = spark.createDataFrame([(f"c{i}",) for i in range(300)], "customer_id string")
    arms = {r["customer_id"]: r["arm"] for r in with_arm(many, EQUAL).collect()}
    assert arms == {c: arm_of(c, EQUAL) for c in arms}
    few = with_arm(many.where(F.col("customer_id").isin("c7", "c8")), EQUAL).collect()
    assert {r["customer_id"]: r["arm"] for r in few} == {c: arms[c] for c in ("c7", "c8")}


def test_shares_come_true() -> None:
    """Over 20,000 customers each arm gets its share within four standard errors."""
    params = ArmParams()
    counts = Counter(arm_of(f"household {i}", params) for i in range(20_000))
    for arm, share in zip(("nba", "random_eligible", "propensity_only", "global_holdout"), params.shares, strict=True):
        assert abs(counts[arm] / 20_000 - share) < 4 * (share * (1 - share) / 20_000) ** 0.5, arm


def test_shares_that_do_not_sum_to_one_are_refused() -> None:
    """The message names the key."""
    with pytest.raises(SettingsError, match=r"decisions\.arms"):
        ArmParams(nba=0.9, random_eligible=0.2)


@pytest.mark.parametrize("places", [1, 2])
def test_observed_frequencies_match_the_logged_propensity(spark: SparkSession, places: int) -> None:
    """Customers alike in everything but their draw get each offer as often as the log says, under several salts.

    Priority and response disagree about the best of the four offers, so each arm chooses differently.
    """
    people = [f"c{i}" for i in range(500)]
    response = {"o1": 0.20, "o2": 0.24, "o3": 0.16, "o4": 0.12}
    offers = [offer(o, incentive_value=v) for o, v in zip(response, (None, Decimal("7"), None, None), strict=True)]
    given = inputs(spark, {(c, o): p for c in people for o, p in response.items()}, offers)
    sent: Counter[str] = Counter()
    held = 0
    salts = ("s1", "s2", "s3")
    for salt in salts:
        arms = ArmParams(salt=salt, nba=0.4, random_eligible=0.3, propensity_only=0.2, global_holdout=0.1)
        params = DecisionParams(incrementality_prior=1.0, per_customer=places, cap_7_days=5, cap_30_days=5, arms=arms)
        decided, _ = decide(given, params)
        rows = decided.select("offer_id", "dropped_by", inclusion_probability(arms).alias("p")).collect()
        logged = {r["offer_id"]: r["p"] for r in rows}
        assert len({(r["offer_id"], r["p"]) for r in rows}) == 4  # alike customers, equal propensities
        sent.update(r["offer_id"] for r in rows if r["dropped_by"] is None)
        held += sum(r["dropped_by"] == "held_out" for r in rows)
    draws = len(salts) * len(people)
    for name, p in logged.items():
        assert abs(sent[name] / draws - p) < 4 * (p * (1 - p) / draws) ** 0.5, (name, sent[name] / draws, p)
    assert abs(held / places / draws - 0.1) < 4 * (0.09 / draws) ** 0.5
    assert sum(logged.values()) == pytest.approx(places * 0.9)
    by_offer = {"o1": 0.4 + 0.075, "o2": 0.2 + 0.075, "o3": 0.075, "o4": 0.075}
    if places == 1:
        assert logged == pytest.approx(by_offer)
