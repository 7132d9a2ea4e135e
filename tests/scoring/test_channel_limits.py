"""Limits of channels: capacity and contacts per customer hold whatever the arms draw, and the usage says so."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from features.output_tables import CONSTRAINT_USAGE
from scoring.allocation import place_funding, with_allocation_drops, with_ranks
from scoring.arms import inclusion_probability, with_arm
from scoring.channel_limits import channel_places, with_channel_capacity, with_channel_places
from scoring.constraints import constraint_usage
from scoring.decision_params import ArmParams, ChannelTerms, DecisionParams
from scoring.funnel import components
from tests.scoring.decision_world import AS_OF, settled

CANDIDATES = (
    "customer_id string, offer_id string, channel string, dropped_by string, is_issued boolean, priority double, "
    "p_response double, cost decimal(18,2), contacts_7 bigint, contacts_30 bigint, issued_others bigint, "
    "channel_contacts_30 bigint, channel_issued_others bigint"
)
LIVELY = settings(
    max_examples=10, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
ARMS = ArmParams("x", 0.2, 0.5, 0.3, 0.0)
TWO = DecisionParams(cap_7_days=9, cap_30_days=9, send_within_days=1, arms=ARMS)


def row(customer, offer, channel, priority, *, dropped=None, issued=False, before=0):
    """One candidate, all else equal."""
    return (customer, offer, channel, dropped, issued, priority, 0.1, Decimal("0.10"), 0, 0, 0, before, 0)


def decided(spark, rows, params):
    """Candidates from limits to arms, and the funding."""
    table = spark.createDataFrame(rows, CANDIDATES)
    limited = with_channel_capacity(with_channel_places(table, params), params)
    ranked = settled(with_ranks(with_arm(limited, params.arms), params))
    funding = place_funding(ranked, params)
    return settled(with_allocation_drops(ranked, funding)), funding


candidate = st.tuples(
    st.sampled_from([f"c{i}" for i in range(9)]),
    st.sampled_from(["o1", "o2", "o3"]),
    st.sampled_from(["sms", "staff", "email"]),
    st.sampled_from([0.0, 0.004, 0.5, 1.0, 123456.0]),
    st.sampled_from([None, None, None, "cool_down"]),
)


@LIVELY
@given(
    rows=st.lists(candidate, max_size=40, unique_by=lambda r: r[:3]),
    sms=st.integers(0, 6),
    staff=st.integers(0, 2),
    monthly=st.integers(1, 2),
    per_customer=st.integers(1, 3),
    salt=st.sampled_from("abc"),
)
def test_no_channel_limit_is_exceeded(
    spark: SparkSession,
    rows: list[tuple[str, str, str, float, str | None]],
    sms: int,
    staff: int,
    monthly: int,
    per_customer: int,
    salt: str,
) -> None:
    """Capacity and contacts per customer and channel hold in any draw; who got nothing had no place anywhere."""
    terms = {
        "sms": ChannelTerms(daily_capacity=sms, monthly_limit=monthly),
        "staff": ChannelTerms(daily_capacity=staff),
    }
    params = replace(TWO, channels=terms, per_customer=per_customer, arms=replace(ARMS, salt=salt))
    table = [row(c, o, ch, p, dropped=drop) for c, o, ch, p, drop in rows]
    found, funding = decided(spark, table, params)
    sent = [r for r in found.collect() if r["dropped_by"] is None]
    by_channel = {ch: sum(r["channel"] == ch for r in sent) for ch in ("sms", "staff")}
    assert by_channel["sms"] <= sms
    assert by_channel["staff"] <= staff
    for c in {r["customer_id"] for r in sent}:
        assert sum(r["customer_id"] == c and r["channel"] == "sms" for r in sent) <= monthly
    usage = {
        r["constraint"]: r for r in CONSTRAINT_USAGE.conform(constraint_usage(found, funding, params, AS_OF)).collect()
    }
    assert (usage["channel_capacity.sms"]["limit"], usage["channel_capacity.sms"]["used"]) == (sms, by_channel["sms"])
    assert usage["channel_capacity.staff"]["used"] == by_channel["staff"]
    assert usage["channel_limit_30_days.sms"]["used"] <= monthly
    assert "channel_capacity.email" not in usage
    with_email = {r[0] for r in rows if r[2] == "email" and r[4] is None}
    assert with_email <= {r["customer_id"] for r in sent}  # a channel without limits is always left


def test_places_go_to_those_who_gain_most_by_the_channel(spark: SparkSession) -> None:
    """Two places: issued first; then who has nothing else; who is as well off by e-mail waits."""
    rows = [
        row("a", "o1", "sms", 5.0), row("a", "o1", "email", 4.9),
        row("b", "o1", "sms", 1.0),
        row("c", "o1", "sms", 0.2, issued=True), row("c", "o1", "email", 9.0),
        row("d", "o1", "sms", 2.0, dropped="cool_down"),
    ]  # fmt: skip
    params = replace(TWO, channels={"sms": ChannelTerms(daily_capacity=2)})
    places = channel_places(spark.createDataFrame(rows, CANDIDATES), params).collect()
    assert {r["customer_id"]: (r["gain"], r["has_place"]) for r in places} == {
        "a": (0.1, False), "b": (1.0, True), "c": (-8.8, True)
    }  # fmt: skip
    found, _ = decided(spark, rows, params)
    fate = {(r["customer_id"], r["channel"]): r["dropped_by"] for r in found.collect()}
    assert fate["a", "sms"] == "channel_capacity"
    assert fate["d", "sms"] == "cool_down"


def test_the_capacity_counts_the_whole_sending_window(spark: SparkSession) -> None:
    """Three a day over seven days are 21 places."""
    rows = [row(f"c{i:02d}", "o1", "sms", 1.0 + i) for i in range(30)]
    params = replace(TWO, send_within_days=7, channels={"sms": ChannelTerms(daily_capacity=3)})
    found, _ = decided(spark, rows, params)
    kept = {r["customer_id"] for r in found.where("dropped_by is null").collect()}
    assert kept == {f"c{i:02d}" for i in range(9, 30)}


def test_who_has_a_place_does_not_depend_on_anybodys_arm(spark: SparkSession) -> None:
    """Under other salts the same candidates are left, and their probabilities add up to one place each."""
    rows = [row(f"c{i}", "o1", ch, float(i % 4) + k) for i in range(12) for k, ch in enumerate(("sms", "email"))]
    params = replace(TWO, channels={"email": ChannelTerms(daily_capacity=4)})
    left = []
    for salt in "abc":
        found, _ = decided(spark, rows, replace(params, arms=replace(ARMS, salt=salt)))
        able = found.where("nba_rank is not null").withColumn("p", inclusion_probability(ARMS)).collect()
        left.append({(r["customer_id"], r["channel"], r["p"]) for r in able})
        total = {c: sum(r["p"] for r in able if r["customer_id"] == c) for c, *_ in rows}
        assert all(abs(p - 1) < 1e-9 for p in total.values())
    assert left[0] == left[1] == left[2]
    assert sum(ch == "email" for _, ch, _ in left[0]) == 4


def test_without_terms_nothing_is_added(spark: SparkSession) -> None:
    """No channel terms: the same frame, no rule about channels, no row of usage."""
    table = spark.createDataFrame([row("a", "o1", "sms", 1.0)], CANDIDATES)
    assert with_channel_capacity(table, TWO) is table
    assert with_channel_places(table, TWO) is table
    names = {c.component for c in components(TWO)}
    assert not {n for n in names if n.startswith("channel") or n.startswith("no_a") or n.startswith("no_c")}
