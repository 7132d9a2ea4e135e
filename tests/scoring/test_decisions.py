"""Ids, hashes, windows and withdrawals: what stays still from day to day, and what a tool is told."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from features.as_of import AsOf
from features.output_tables import NEXT_BEST_OFFERS, NEXT_BEST_PRODUCTS
from features.source_tables import CONTACTS
from scoring.decision_params import ArmParams, DecisionParams
from scoring.decisions import ACTED_ON, carried_over, next_best_offers, row_hash, with_withdrawals
from scoring.history import open_decisions
from scoring.offer_contents import join_products, product_popularity
from scoring.sending import with_sending_window
from tests.scoring.decision_world import (
    AS_OF,
    ZONE,
    Row,
    channel,
    contact,
    decide,
    frame,
    inputs,
    local,
    logs,
    offer,
    settled,
)

ALL_NBA = ArmParams(salt="d", nba=1.0, random_eligible=0.0, propensity_only=0.0, global_holdout=0.0)
PARAMS = DecisionParams(incrementality_prior=1.0, arms=ALL_NBA)
SCORES = {("c1", "o1"): 0.2, ("c1", "o2"): 0.1, ("c2", "o2"): 0.3}
OFFERS = [offer("o1"), offer("o2", ends_on=date(2017, 12, 8), theme="gifts")]


def day_after(
    spark: SparkSession,
    earlier: DataFrame | None,
    as_of: AsOf,
    *,
    scores: dict[tuple[str, str], float] = SCORES,
    offers: list[Row] = OFFERS,
    contacts: tuple[Row, ...] = (),
    channels: tuple[Row, ...] = (),
    params: DecisionParams = PARAMS,
    lists: tuple[Row, ...] = (),
) -> DataFrame:
    """One day's `next_best_offers` from the snapshot of an earlier one."""
    log = logs(spark, CONTACTS, contacts)
    earlier = frame(spark, NEXT_BEST_OFFERS, []) if earlier is None else earlier
    open_rows = settled(open_decisions(earlier, log, as_of))
    given = inputs(spark, scores, offers, contacts, channels=channels, open_rows=open_rows)
    decided, _ = decide(given, params, as_of)
    products = frame(spark, NEXT_BEST_PRODUCTS, lists)
    of_offers = spark.createDataFrame(
        [("o1", "p1"), ("o1", "p2"), ("o1", "p3"), ("o2", "p4")], "offer_id string, product_id string"
    )
    popular = spark.createDataFrame([("p2", 9), ("p1", 3)], "product_id string, buyers bigint")
    sends = settled(
        decided.where(F.col("dropped_by").isNull())
        .transform(join_products, products, of_offers, popular, 2)
        .transform(with_sending_window, open_rows, params, as_of)
        .withColumn("member_ref", F.concat(F.lit("m-"), F.col("customer_id")))
        .withColumn("address_account", F.concat(F.lit("a-"), F.col("customer_id")))
    )
    unscored = decided.where(F.col("dropped_by") == "no_response_score")
    rows = with_withdrawals(next_best_offers(sends, params, as_of, "USD"), open_rows, unscored, as_of)
    return settled(NEXT_BEST_OFFERS.conform(rows))


@pytest.fixture(scope="module")
def first(spark: SparkSession) -> DataFrame:
    """The first day's decisions, from which most tests go on: o1 for c1, o2 for c2."""
    return day_after(spark, None, AS_OF)


def by_offer(rows: DataFrame) -> dict[tuple[str, str], Any]:
    """(customer, offer) -> row."""
    return {(r["customer_id"], r["offer_id"]): r for r in rows.collect()}


def test_the_five_ws_of_a_row(spark: SparkSession) -> None:
    """Every column of the contract, for one customer with a list of her own and one without."""
    lists = ({"customer_id": "c1", "product_id": "p3", "rank": 4},)
    rows = by_offer(day_after(spark, None, AS_OF, lists=lists))
    assert set(rows) == {("c1", "o1"), ("c2", "o2")}
    row = rows["c1", "o1"]
    assert row["account"] == "a-c1"
    assert (row["member_ref"], row["product_ids"]) == ("m-c1", ["p3", "p2"])  # hers first, then what most buy
    assert row["reason_for_customer"] == PARAMS.reason_with_products
    assert (row["theme"], rows["c2", "o2"]["theme"]) == ("name of o1", "gifts")
    assert rows["c2", "o2"]["reason_for_customer"] == PARAMS.reason_plain
    assert (row["uplift"], row["uplift_basis"], row["expected_incremental_margin"]) == (None, "prior", 2.0)
    assert (str(row["cost"]), row["priority"], row["logging_propensity"]) == ("0.50", 1.5, 1.0)
    assert (row["action"], row["currency"], row["horizon_days"], row["time_zone"]) == ("send", "USD", 28, ZONE)
    assert "bought lately" in row["reasons_internal"]
    assert moment(row, "send_after") == local(date(2017, 12, 4), 9)
    assert moment(row, "send_before") == local(date(2017, 12, 10), 20)
    # the offer ends before the sending days do
    assert moment(rows["c2", "o2"], "valid_until") == local(date(2017, 12, 8), 20)


def moment(row: Any, name: str) -> datetime:
    """A timestamp of a collected row, which comes without a zone, as UTC."""
    found: datetime = row[name]
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def test_a_decision_that_stands_changes_nothing_a_tool_sees(spark: SparkSession) -> None:
    """On the next day, with other scores: same id, hash, window, propensity and updated_at."""
    arms = ArmParams(salt="d")  # propensities below 1
    one = day_after(spark, None, AS_OF, params=DecisionParams(incrementality_prior=1.0, arms=arms))
    before = by_offer(one)
    later = by_offer(day_after(spark, one, AS_OF.plus(1), scores={k: v * 1.1 for k, v in SCORES.items()}))
    kept = [k for k, r in later.items() if r["action"] == "send"]
    assert kept
    for key in set(kept) & set(before):
        for name in ("decision_id", "row_hash", "send_after", "valid_until", "updated_at", "logging_propensity"):
            assert later[key][name] == before[key][name], name
        assert later[key]["priority"] > before[key]["priority"]
        assert later[key]["as_of"] == date(2017, 12, 5)


def test_an_issued_decision_is_not_swapped_for_a_better_one(spark: SparkSession, first: DataFrame) -> None:
    """A tool may be sending it: with one contact a week, a better offer waits until the first expires."""
    better = {**SCORES, ("c1", "o2"): 0.9}
    rows = by_offer(day_after(spark, first, AS_OF.plus(1), scores=better))
    assert {k: r["action"] for k, r in rows.items()} == {("c1", "o1"): "send", ("c2", "o2"): "send"}


def test_what_no_longer_stands_is_withdrawn_until_it_would_have_expired(spark: SparkSession, first: DataFrame) -> None:
    """The offer is gone: a withdraw row, repeated with the same hash, and nothing after valid_until."""
    gone = [OFFERS[1]]
    second = day_after(spark, first, AS_OF.plus(1), offers=gone)
    taken = by_offer(second)["c1", "o1"]
    original = by_offer(first)["c1", "o1"]
    assert (taken["action"], taken["decision_id"]) == ("withdraw", original["decision_id"])
    assert taken["row_hash"] != original["row_hash"]
    assert moment(taken, "updated_at") == AS_OF.plus(1).ts
    third = day_after(spark, second, AS_OF.plus(2), offers=gone)
    again = by_offer(third)["c1", "o1"]
    assert (again["action"], again["row_hash"], again["updated_at"]) == (
        "withdraw",
        taken["row_hash"],
        taken["updated_at"],
    )
    # send_before of the first was 10 December, 20:00
    after = by_offer(day_after(spark, third, AS_OF.plus(7), offers=gone))
    assert ("c1", "o1") not in after


def test_a_missing_score_takes_nothing_back(spark: SparkSession, first: DataFrame) -> None:
    """One customer's scores did not arrive: her open decision stands with its hash and date; the other is kept."""
    partial = {k: v for k, v in SCORES.items() if k[0] == "c2"} | {("c1", "other"): 0.5}
    rows, before = by_offer(day_after(spark, first, AS_OF.plus(1), scores=partial)), by_offer(first)
    assert set(rows) == set(before)
    for key, row in rows.items():
        assert (row["action"], row["row_hash"], row["updated_at"]) == ("send", *before[key][-2:]), key


def test_what_was_carried_out_is_neither_withdrawn_nor_sent_again(spark: SparkSession, first: DataFrame) -> None:
    """A send on or after the day of the window ends the decision; one before it does not."""
    done = (contact("c1", "o1", local(date(2017, 12, 4))),)
    assert set(by_offer(day_after(spark, first, AS_OF.plus(1), contacts=done))) == {("c2", "o2")}
    earlier = (contact("c1", "o1", local(date(2017, 12, 3), 23)),)
    assert ("c1", "o1") in by_offer(day_after(spark, first, AS_OF.plus(1), contacts=earlier))


def test_another_round_of_the_same_offer_is_another_decision(spark: SparkSession, first: DataFrame) -> None:
    """After the cool-down the offer may come again, under a new id; a moved end of the offer is a new one too."""
    params = DecisionParams(incrementality_prior=1.0, arms=ALL_NBA, cool_down_days=10)
    once = by_offer(first)["c1", "o1"]
    sent = (contact("c1", "o1", local(date(2017, 11, 20))),)
    again = by_offer(day_after(spark, None, AS_OF, params=params, contacts=sent))["c1", "o1"]
    moved = by_offer(day_after(spark, None, AS_OF, offers=[offer("o1", ends_on=date(2017, 12, 30))]))["c1", "o1"]
    assert len({once["decision_id"], again["decision_id"], moved["decision_id"]}) == 3


def test_best_weekday_and_hour_move_the_window(spark: SparkSession) -> None:
    """4 December 2017 is a Monday: Thursday is three days on. What does not fit offer or sending hours is ignored."""
    best = (channel("c1", best_weekday=4, best_hour=17), channel("c2", best_weekday=7, best_hour=22))
    rows = by_offer(day_after(spark, None, AS_OF, channels=best))
    assert moment(rows["c1", "o1"], "send_after") == local(date(2017, 12, 7), 17)
    # Sunday lies after the end of the offer
    assert moment(rows["c2", "o2"], "send_after") == local(date(2017, 12, 4), 9)


def test_the_window_keeps_local_hours_over_a_clock_change(spark: SparkSession) -> None:
    """From 8 March 2018, clocks go forward on the 11th: 9:00 is 14:00 UTC before, 20:00 is 0:00 UTC after."""
    spring = AsOf(date(2018, 3, 8), ZONE)
    row = by_offer(day_after(spark, None, spring, offers=[offer("o1", ends_on=date(2018, 4, 1))]))["c1", "o1"]
    assert moment(row, "send_after") == datetime(2018, 3, 8, 14, tzinfo=UTC)
    assert moment(row, "send_before") == datetime(2018, 3, 15, 0, tzinfo=UTC)


def test_the_hash_covers_what_a_tool_acts_on_and_nothing_else(spark: SparkSession, first: DataFrame) -> None:
    """Scores, arm, date and reasons for the team change no hash; everything acted on does."""
    row = first.where("customer_id = 'c1'").collect()[0].asDict()
    others = {"timestamp": datetime(2030, 1, 1), "strings": ["x"], "money": Decimal("7.00"), "date": date(2030, 1, 1)}
    ignored = ("p_response", "priority", "arm", "as_of", "logging_propensity", "reasons_internal")
    changed = []
    for name in (*ACTED_ON, *ignored):
        kind = NEXT_BEST_OFFERS.column(name).kind
        changed.append(row | {name: others.get(kind, 0.7 if kind == "double" else "7")})
    hashed = frame(spark, NEXT_BEST_OFFERS, [row, *changed]).select(row_hash().alias("found")).collect()
    assert hashed[0]["found"] == row["row_hash"]
    moved = {name for name, h in zip((*ACTED_ON, *ignored), hashed[1:], strict=True) if h["found"] != row["row_hash"]}
    assert moved == set(ACTED_ON)


def test_a_failed_input_takes_nothing_back(spark: SparkSession, first: DataFrame) -> None:
    """Carried-over rows are the earlier rows under the new date."""
    next_day = AS_OF.plus(1)
    open_rows = open_decisions(first, logs(spark, CONTACTS, []), next_day)
    kept = by_offer(NEXT_BEST_OFFERS.conform(carried_over(open_rows, next_day)))
    assert {k: (r["action"], r["row_hash"]) for k, r in kept.items()} == {
        k: (r["action"], r["row_hash"]) for k, r in by_offer(first).items()
    }


def test_open_decisions_end_at_valid_until_and_ignore_later_snapshots(spark: SparkSession, first: DataFrame) -> None:
    """Strict at both ends: not open at valid_until itself, and a rerun of a day does not read that day."""
    none = logs(spark, CONTACTS, [])
    assert open_decisions(first, none, AS_OF).count() == 0
    end = AS_OF.plus(1)
    closing = first.withColumn("valid_until", F.lit(end.ts))
    assert open_decisions(closing, none, end).count() == 0
    assert (
        open_decisions(closing.withColumn("valid_until", F.lit(end.ts + timedelta(seconds=1))), none, end).count() == 2
    )


@pytest.mark.parametrize(("reachable", "sent"), [(True, 1), (None, 1), (False, 0)])
def test_unknown_reach_passes_and_known_lack_of_it_does_not(
    spark: SparkSession, reachable: bool | None, sent: int
) -> None:
    """Null means that the sources do not say."""
    given = inputs(spark, {("c1", "o1"): 0.2}, OFFERS[:1], channels=[channel("c1", reachable=reachable)])
    decided, _ = decide(given, PARAMS)
    assert decided.where(F.col("dropped_by").isNull()).count() == sent


def test_popularity_counts_customers_not_lines(spark: SparkSession) -> None:
    """Two lines of one customer count once; old lines, the cut itself and quantity 0 do not."""
    ts = AS_OF.ts
    rows = [
        ("c1", "p1", ts - timedelta(hours=1), 1),
        ("c1", "p1", ts - timedelta(days=2), 1),
        ("c2", "p1", AS_OF.plus(-28).ts, 2),
        ("c3", "p1", AS_OF.plus(-28).ts - timedelta(seconds=1), 2),
        ("c4", "p1", ts, 1),
        ("c5", "p1", ts - timedelta(days=1), 0),
    ]
    lines = spark.createDataFrame(
        [(c, p, t, t, q) for c, p, t, q in rows],
        "customer_id string, product_id string, event_ts timestamp, available_ts timestamp, quantity bigint",
    )
    assert [tuple(r) for r in product_popularity(lines, AS_OF, 28).collect()] == [("p1", 2)]
