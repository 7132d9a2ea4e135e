"""The one currency: every factor by hand, each of them switched off, and where its parts come from."""

from dataclasses import replace
from decimal import Decimal

import pytest
from pyspark.sql import Row as SparkRow
from pyspark.sql import SparkSession

from features.errors import SettingsError
from scoring.decision_params import DecisionParams
from scoring.priority import join_measured_margins, with_priority, with_response_values, with_value_drops
from tests.scoring.decision_world import VALUES

DDL = (
    "offer_kind string, channel string, p_response double, measured_uplift double, measured_basis string, "
    "p_unsubscribe double, response_margin double, response_incentive double, dropped_by string, measured_margin double"
)
PARAMS = DecisionParams(
    incrementality_prior=0.2, contact_cost={"mail": 0.5}, contact_cost_default=0.1, remaining_lifetime_value=100.0
)


def priced(spark: SparkSession, params: DecisionParams, **given: object) -> SparkRow:
    """One candidate with its priority: p .1, margin 30, incentive 2, refusals .001, no uplift, by mail."""
    row = {
        "offer_kind": "A",
        "channel": "mail",
        "p_response": 0.1,
        "measured_uplift": None,
        "measured_basis": "none",
        "p_unsubscribe": 0.001,
        "response_margin": 30.0,
        "response_incentive": 2.0,
        "dropped_by": None,
        "measured_margin": None,
    } | given
    df = spark.createDataFrame([tuple(row.values())], DDL)
    return with_value_drops(with_priority(df, params), params).collect()[0]


def test_priority_is_increment_less_all_costs(spark: SparkSession) -> None:
    """.1 x .2 x 30 = .60, less .50 mail, .1 x 2 incentive, .001 x 100 lost customers: -.20, so it is not sent."""
    row = priced(spark, PARAMS)
    assert (row["value"], row["cost"], row["priority"]) == (0.6, Decimal("0.70"), -0.2)
    assert (row["uplift"], row["uplift_basis"], row["dropped_by"]) == (None, "prior", "below_min_priority")


@pytest.mark.parametrize(
    ("off", "priority"),
    [
        ({"count_contact_cost": False}, 0.3),
        ({"count_incentive": False}, 0.0),
        ({"count_unsubscribe": False}, -0.1),
        ({"count_incrementality": False}, 2.2),
        ({"incentive_share": 0.5}, -0.1),
    ],
)
def test_each_factor_can_be_switched_off(spark: SparkSession, off: dict[str, object], priority: float) -> None:
    """Each switch takes out just its own part; zero is still sent, below it is not."""
    row = priced(spark, replace(PARAMS, **off))  # type: ignore[arg-type]
    assert row["priority"] == pytest.approx(priority, abs=1e-6)
    assert (row["dropped_by"] is None) == (priority >= 0)
    assert row["uplift_basis"] == ("none" if "count_incrementality" in off else "prior")


def test_a_measured_uplift_takes_the_place_of_the_prior(spark: SparkSession) -> None:
    """The increment is the uplift, the incentive is still paid to all who respond; unmarked uplift is ignored."""
    row = priced(spark, PARAMS, measured_uplift=0.05, measured_basis="randomised")
    assert (row["value"], row["uplift"], row["uplift_basis"]) == (1.5, 0.05, "randomised")
    assert row["priority"] == pytest.approx(0.7)
    assert priced(spark, PARAMS, measured_uplift=0.05, measured_basis="prior")["value"] == 0.6
    assert priced(spark, PARAMS, measured_uplift=-0.05, measured_basis="randomised")["dropped_by"] is not None


def test_unknown_channel_costs_the_default_and_unknown_refusals_nothing(spark: SparkSession) -> None:
    """Nulls and unlisted channels do not make a priority null."""
    row = priced(spark, PARAMS, channel="kite", p_unsubscribe=None)
    assert row["priority"] == pytest.approx(0.6 - 0.1 - 0.2)


def test_no_score_means_no_priority(spark: SparkSession) -> None:
    """A candidate without a response score is dropped by that rule and has no numbers."""
    row = priced(spark, PARAMS, p_response=None)
    assert (row["priority"], row["cost"], row["value"], row["dropped_by"]) == (None, None, None, "no_response_score")


def test_values_come_from_the_offer_the_kind_all_kinds_or_the_settings(spark: SparkSession) -> None:
    """In that order; a kind below min_support does not speak for itself."""
    rows = [("A", Decimal("9.00")), ("A", None), ("B", None)]
    candidates = spark.createDataFrame(rows, "offer_kind string, incentive_value decimal(18,2)")
    values = spark.createDataFrame([("A", 20, 30.0, 2.0), ("B", 19, 1.0, 1.0), (None, 39, 20.0, 1.5)], VALUES)
    found = with_response_values(candidates, values, PARAMS).collect()
    assert {(r[0], r[1], r["response_margin"], r["response_incentive"]) for r in found} == {
        ("A", Decimal("9.00"), 30.0, 9.0),
        ("A", None, 30.0, 2.0),
        ("B", None, 20.0, 1.5),
    }
    bare = with_response_values(candidates, values.limit(0), PARAMS).collect()
    assert {r["response_margin"] for r in bare} == {10.0}  # 40 x .25
    assert {r["response_incentive"] for r in bare} == {9.0, 1.0}


def test_a_negative_priority_cannot_be_allowed() -> None:
    """min_priority below 0 is refused, with every other fault of the section."""
    with pytest.raises(SettingsError, match=r"decisions\.min_priority must be at least 0(.|\n)*decisions\.budget"):
        DecisionParams(min_priority=-1, budget=-3)


def test_a_measured_margin_takes_the_place_of_increment_and_margin(spark: SparkSession) -> None:
    """The margin is the value; costs come off it as always; nothing measured is no reason to write, even for free."""
    measured = {"measured_uplift": 0.05, "measured_basis": "randomised"}
    row = priced(spark, PARAMS, measured_margin=2.0, **measured)
    assert (row["value"], row["uplift_basis"]) == (2.0, "randomised")
    assert row["priority"] == pytest.approx(2.0 - 0.5 - 0.2 - 0.1)
    free = replace(PARAMS, contact_cost={"mail": 0.0}, incentive_share=0.0)
    none = priced(spark, free, measured_margin=0.0, p_unsubscribe=None, **measured)
    assert (none["priority"], none["dropped_by"]) == (0.0, "below_min_priority")
    assert priced(spark, PARAMS, measured_margin=2.0)["value"] == 0.6  # not marked as randomised: not used


def test_a_measured_margin_is_spread_by_response_within_bounds(spark: SparkSession) -> None:
    """Over the mean of those in reach, at least a quarter, at most four times; what was refused is not used."""
    key = "customer_id string, channel string, offer_kind string"
    shares = {"a": 0.01, "b": 0.1, "c": 0.49, "d": 0.9, "e": 0.2}
    scores = spark.createDataFrame([(c, "mail", "A", p) for c, p in shares.items()], f"{key}, p_response double")
    reach = spark.createDataFrame(
        [(c, "mail", "A", None if c == "a" else c != "d") for c in "abcd"], f"{key}, reachable boolean"
    )
    effects = spark.createDataFrame(
        [("mail", "A", 2.0, "randomised"), ("sms", "A", 5.0, "prior")],
        "channel string, offer_kind string, margin_used double, basis string",
    )
    asked = scores.unionByName(spark.createDataFrame([("a", "sms", "A", 0.1), ("f", "mail", "A", None)], scores.schema))
    rows = join_measured_margins(asked, effects, scores, reach, PARAMS).collect()
    found = {(r["customer_id"], r["channel"]): r["measured_margin"] for r in rows}
    # the mean of a, b, c and e is .2; d cannot be reached
    assert found == {
        ("a", "mail"): 0.5, ("b", "mail"): 1.0, ("c", "mail"): 4.9, ("d", "mail"): 8.0, ("e", "mail"): 2.0,
        ("f", "mail"): 2.0, ("a", "sms"): None,
    }  # fmt: skip
