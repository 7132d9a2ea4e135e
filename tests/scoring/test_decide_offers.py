"""The whole decision against a plain-Python oracle, and its funnel, log and trace."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from features.output_tables import CONSTRAINT_USAGE, DECISION_FUNNEL, DECISION_LOG, DECISION_TRACE
from scoring.arms import inclusion_probability
from scoring.constraints import constraint_usage
from scoring.decision_params import ArmParams, ChannelTerms, DecisionParams
from scoring.decisions import decision_log
from scoring.funnel import components, decision_funnel, trace
from tests.scoring.decision_oracle import decide_slowly
from tests.scoring.decision_world import AS_OF, channel, contact, decide, inputs, offer, response

ARMS = ArmParams(salt="w", nba=0.5, random_eligible=0.2, propensity_only=0.2, global_holdout=0.1)
PLAIN = ArmParams(salt="w", nba=0.9, random_eligible=0, propensity_only=0, global_holdout=0.1)
BASE = DecisionParams(incrementality_prior=0.5, cool_down_days=60, cap_7_days=2, cap_30_days=2, arms=ARMS)
CASES = {
    "one each": BASE,
    "two each, budget": replace(BASE, per_customer=2, budget=9.5),
    "three each, no exploring, budget": replace(BASE, per_customer=3, budget=12.34, arms=PLAIN),
    "no money": replace(BASE, budget=0.0),
}
OFFERS = [
    offer("o1"),
    offer("o2", ends_on=date(2017, 12, 6)),  # three days left: enough
    offer("o3", ends_on=date(2017, 12, 5)),  # two days left: too soon
    offer("o4", ends_on=date(2017, 12, 3)),  # ended yesterday
    offer("o5", starts_on=date(2017, 12, 5)),  # starts tomorrow
    offer("o6", starts_on=date(2017, 12, 4)),  # starts today
    offer("o7", ends_on=date(2017, 11, 19)),  # ended too long ago to be a candidate
    offer("o8", available_ts=AS_OF.ts + timedelta(seconds=1)),  # known only after the cut
    offer("o9"),
]


def world(seed: int = 5, n: int = 60) -> dict[str, Any]:
    """Random scores, sends and responses of n customers with nine offers."""
    rng = np.random.default_rng(seed)
    people = [f"c{i:02d}" for i in range(n)]
    names = [o["offer_id"] for o in OFFERS]
    # few values, so that ties happen
    scores = {(c, o): float(rng.choice([0.02, 0.1, 0.2, 0.3])) for c in people for o in names if rng.random() < 0.9}

    def moment() -> datetime:
        return AS_OF.ts - timedelta(days=int(rng.choice([0, 1, 7, 8, 29, 30, 31, 60, 61])))

    contacts = [contact(str(rng.choice(people)), str(rng.choice(names)), moment()) for _ in range(n * 3 // 2)]
    kinds = ["redeem", "redeem", "click", "complaint", "unsubscribe"]
    responses = [
        response(str(rng.choice(people)), str(rng.choice(names)), str(rng.choice(kinds)), moment())
        for _ in range(n // 3)
    ]
    return {"scores": scores, "offers": OFFERS, "contacts": contacts, "responses": responses, "customers": people}


@pytest.mark.parametrize("case", CASES)
def test_every_candidate_ends_as_the_oracle_says(spark: SparkSession, case: str) -> None:
    """dropped_by, priority, cost, arm and propensity of every candidate equal those of the slow version."""
    params, given = CASES[case], world()
    expected = decide_slowly(params=params, as_of=AS_OF, margin=10.0, incentive=1.0, **given)
    decided, _ = decide(inputs(spark, **given), params)
    rows = decided.withColumn("propensity", inclusion_probability(params.arms)).collect()
    found = {(r["customer_id"], r["offer_id"]): r for r in rows}
    assert len(rows) == len(found) == len(expected)
    for key, want in expected.items():
        got = found[key]
        assert (got["dropped_by"], got["arm"], got["cost"]) == (want["dropped_by"], want["arm"], want["cost"]), key
        assert got["priority"] == (None if want["priority"] is None else pytest.approx(want["priority"], abs=1e-6))
        if "propensity" in want:
            assert got["propensity"] == pytest.approx(want["propensity"], abs=1e-9), key
    if case == "one each":  # every rule this world can break is broken by somebody
        unseen = {c.component for c in components(params)} - {w["dropped_by"] for w in expected.values()}
        assert unseen == {"unreachable", "budget"}


@pytest.mark.parametrize("case", CASES)
def test_the_funnel_reconciles(spark: SparkSession, case: str) -> None:
    """In - dropped = in of the next rule, the last leaves the rows sent, and customers add up too."""
    params = CASES[case]
    decided, funding = decide(inputs(spark, **world()), params)
    rows = DECISION_FUNNEL.conform(decision_funnel(decided, params, AS_OF)).collect()
    drops = decided.select("customer_id", "dropped_by").collect()
    counts = Counter(r["dropped_by"] for r in drops)
    order = {c.component: i for i, c in enumerate(components(params))}
    by_name = {r["component"]: r for r in rows}
    assert set(by_name) == set(order)
    entering = len(drops)
    for name in order:
        row = by_name[name]
        assert (row["candidates_in"], row["candidates_dropped"]) == (entering, counts[name]), name
        entering -= row["candidates_dropped"]
    assert entering == counts[None]
    customers_sent = {r["customer_id"] for r in drops if r["dropped_by"] is None}
    customers = {r["customer_id"] for r in drops}
    assert sum(r["customers_dropped"] for r in rows) == len(customers) - len(customers_sent)

    used = {
        r["constraint"]: r
        for r in CONSTRAINT_USAGE.conform(constraint_usage(decided, funding, params, AS_OF)).collect()
    }
    sent = [r for r in decided.collect() if r["dropped_by"] is None]
    assert used["budget"]["used"] == pytest.approx(sum(float(r["cost"]) for r in sent))
    if params.budget is not None:
        assert used["budget"]["used"] <= used["budget_reserved"]["used"] <= params.budget
        assert used["budget"]["shadow_price"] > 0
    else:
        assert used["budget"]["shadow_price"] is None
    for name in ("per_customer", "cap_7_days", "cap_30_days"):
        assert used[name]["used"] <= used[name]["limit"]


@pytest.mark.parametrize("case", ["one each", "two each, budget"])
def test_the_log_holds_every_customer_and_its_ids_are_unique(spark: SparkSession, case: str) -> None:
    """Sends and held-out rows carry the candidate, others one row with the rule that stopped the furthest one."""
    params, given = CASES[case], world()
    decided, _ = decide(inputs(spark, **given), params)
    spare = decided.selectExpr("*")
    log = DECISION_LOG.conform(decision_log(spare, params, AS_OF, "USD")).collect()
    assert len({r["decision_id"] for r in log}) == len(log)
    assert {r["customer_id"] for r in log} == set(given["customers"])
    fate = {(r["customer_id"], r["offer_id"]): r["dropped_by"] for r in decided.collect()}
    sent = {k for k, v in fate.items() if v is None}
    held = {k for k, v in fate.items() if v == "held_out"}
    assert {(r["customer_id"], r["offer_id"]) for r in log if r["action"] == "send"} == sent
    assert {(r["customer_id"], r["offer_id"]) for r in log if r["action"] == "held_out"} == held
    alone = [r for r in log if r["action"] == "no_contact"]
    assert {r["customer_id"] for r in alone} == set(given["customers"]) - {c for c, _ in sent | held}
    order = [c.component for c in components(params)]
    for r in alone:
        hers = [order.index(v) for (c, _), v in fate.items() if c == r["customer_id"] and v is not None]
        assert (r["dropped_by"], r["offer_id"], r["logging_propensity"]) == (order[max(hers)], None, 1.0)
    assert {r["logging_propensity"] for r in log if r["action"] == "held_out"} == {0.1}
    assert all(0 < r["logging_propensity"] <= 1 for r in log)


def test_the_trace_names_stage_and_rule(spark: SparkSession) -> None:
    """One row per candidate, with the rule in words."""
    decided, _ = decide(inputs(spark, **world()), BASE)
    as_of = decided.selectExpr("*")
    rows = trace(as_of, BASE).selectExpr("DATE'2017-12-04' as as_of", "*")
    found = {(r["customer_id"], r["offer_id"]): r for r in DECISION_TRACE.conform(rows).collect()}
    assert found["c00", "o4"]["stage"] == "eligibility"
    assert found["c00", "o4"]["why"] == "the offer ended within the last 14 days"
    assert all((r["stage"] == "sent") == (r["dropped_by"] is None) for r in found.values())


def test_the_order_of_rows_and_partitions_changes_nothing(spark: SparkSession) -> None:
    """Ranks, the budget's cut and the drops are the same from one partition or seven, in any order."""
    params, given = CASES["two each, budget"], world()
    whole = inputs(spark, **given)
    shuffled = {**given, "scores": dict(reversed(given["scores"].items())), "offers": OFFERS[::-1]}
    other = inputs(spark, **shuffled)
    dealt = replace(other, customers=other.customers.repartition(7), offer_scores=other.offer_scores.repartition(5))
    columns = ["customer_id", "offer_id", "dropped_by", "priority", "funded"]
    first, second = (sorted(decide(x, params)[0].select(columns).collect(), key=str) for x in (whole, dealt))
    assert first == second


def test_more_customers_or_offers_move_nobodys_arm(spark: SparkSession) -> None:
    """Arms of the old customers stay when the world grows."""
    small, large = world(n=10), world(n=30)
    arms = []
    for given in (small, large):
        decided, _ = decide(inputs(spark, **given), BASE)
        arms.append({r["customer_id"]: r["arm"] for r in decided.select("customer_id", "arm").distinct().collect()})
    assert {c: arms[1][c] for c in arms[0]} == arms[0]


def test_no_customers_give_an_empty_world_with_a_funnel_of_zeros(spark: SparkSession) -> None:
    """Nothing fails; the funnel still names every rule."""
    decided, funding = decide(inputs(spark, {}, OFFERS), BASE)
    rows = decision_funnel(decided, BASE, AS_OF).collect()
    assert {r["candidates_in"] for r in rows} == {0}
    assert len(rows) == len(components(BASE))
    assert constraint_usage(decided, funding, BASE, AS_OF).count() == 5
    assert datetime(2017, 12, 4, 5, tzinfo=UTC) == AS_OF.ts


def test_refusals_and_limits_hold_in_their_own_channel(spark: SparkSession) -> None:
    """An unsubscribe, a limit, a missing consent close one channel; an unsubscribe that names none closes all."""
    people = [f"c{i}" for i in range(6)]
    ago = AS_OF.ts - timedelta(days=20)
    sms = {"channel": "sms"}
    scores = [channel(c, channel=ch) for c in people for ch in ("sms", "direct_mail")]
    reach = spark.createDataFrame(
        [
            (c, ch, not closed, "no_consent" if closed else None)
            for c in people
            for ch in ("sms", "direct_mail")
            for closed in [(c, ch) == ("c5", "sms")]
        ],
        "customer_id string, channel string, reachable boolean, unreachable_because string",
    )
    given = inputs(
        spark,
        {(c, "o1"): 0.3 for c in people},
        [offer("o1", channel=None)],
        contacts=[contact("c1", "old", ago, "sms"), contact("c2", "old", ago)],
        responses=[
            response("c3", "old", "unsubscribe", ago) | sms,
            response("c4", "old", "unsubscribe", ago),
        ],
        channels=scores,
    )
    both = given.offer_scores.unionByName(given.offer_scores.selectExpr("*").replace("direct_mail", "sms", "channel"))
    params = replace(BASE, channels={"sms": ChannelTerms(monthly_limit=1)}, arms=PLAIN)
    decided, _ = decide(replace(given, offer_scores=both, reach=reach), params)
    fate = {(r["customer_id"], r["channel"]): r["dropped_by"] for r in decided.collect()}
    closed = {"unsubscribed", "no_consent", "channel_limit_30_days"}
    assert {k: v for k, v in fate.items() if v in closed} == {
        ("c1", "sms"): "channel_limit_30_days",
        ("c3", "sms"): "unsubscribed",
        ("c4", "sms"): "unsubscribed",
        ("c4", "direct_mail"): "unsubscribed",
        ("c5", "sms"): "no_consent",
    }
