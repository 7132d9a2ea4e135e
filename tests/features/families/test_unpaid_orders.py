"""Orders placed and not paid."""

from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from pyspark.sql import SparkSession

from features.as_of import AsOf
from features.families.unpaid_orders import features, fitted
from features.family_params import UnpaidOrderParams
from tests.features.families.family_facts import days_ago, facts_of, family_rows, known
from tests.features.purchase_world import Row, line, product

# the clocks of the zone were set back on 5 November, within the windows
AS_OF = AsOf(date(2017, 12, 4), "America/New_York")
HOUR = timedelta(hours=1)
INSTANT = timedelta(microseconds=1)
KINDS = ("placed", "paid", "pay_failed", "closed", "shipped", "received", "refunded")


def change(account: str, order: str, status: str, hours: float, **others: Any) -> Row:
    """One change of an order so many hours before the cut, of an amount of 10."""
    ts = others.get("event_ts", AS_OF.ts - HOUR * hours)
    row = {"order_id": order, "status_no": 1, "account_id": account, "status": status, "event_ts": ts}
    return row | {"available_ts": ts, "amount": Decimal("10.00")} | others


def unpaid(spark: SparkSession, log: list[Row], transactions: tuple[Row, ...] = ()) -> dict[str, Row]:
    """The features by customer."""
    sources = {"order_status": log, "transactions": transactions, "products": [product("p0")]}
    return family_rows(features(facts_of(spark, sources, AS_OF)))


def random_log(seed: int) -> tuple[list[Row], list[Row]]:
    """Orders with changes in any order and number, some unknown by the cut; and a few lines of such orders."""
    rng = Random(seed)
    log: list[Row] = []
    lines = []
    for o in range(250):
        account = f"c{rng.randrange(6)}"
        days = rng.choice([rng.uniform(-1, 40), rng.uniform(0, 380), rng.choice([30, 90, 365])])
        start = AS_OF.ts - timedelta(days=days)
        for n, status in enumerate(rng.choices(KINDS, [9, 3, 2, 4, 0.3, 0.3, 0.6], k=rng.randrange(1, 6))):
            ts = start + HOUR * rng.choice([0, 0.5, 1, 2, rng.uniform(-10, 100), rng.uniform(0, 400)]) * (n > 0)
            row = change(account, f"o{o}", status, 0, event_ts=ts, status_no=n)
            row["amount"] = rng.choice([None, Decimal(rng.randrange(9000)) / 100])
            if rng.random() < 0.05:
                row["available_ts"] = AS_OF.ts + HOUR * rng.randrange(2)
            log.append(row)
        if rng.random() < 0.1:
            lines.append(line(account, f"o{o}", start))
    return log, lines


def expected(log: list[Row], lines: list[Row]) -> tuple[dict[str, Row], dict[str, list[bool]]]:
    """Counts, and late orders by whether they were recovered, by a plain loop over orders."""
    orders: dict[tuple[str, str], list[Row]] = {}
    for r in known(log, AS_OF, 365):
        orders.setdefault((r["account_id"], r["order_id"]), []).append(r)
    bought = {r["order_id"] for r in known(lines, AS_OF, 365)}
    found: dict[str, Row] = {}
    late: dict[str, list[bool]] = {}
    for (c, order), rows in orders.items():
        mine = found.setdefault(c, {"n": 0, "value": Decimal(0), "hours": [], "closed": 0, "failed": 0})
        at = {k: sorted((r for r in rows if r["status"] == k), key=lambda r: r["event_ts"]) for k in KINDS}
        mine["failed"] += sum(days_ago(r, AS_OF) <= 30 for r in at["pay_failed"])
        if not at["placed"]:
            continue
        placed = at["placed"][0]
        age = AS_OF.ts - placed["event_ts"]
        settled = any(at[k] for k in ("paid", "shipped", "received", "refunded")) or order in bought
        closed = bool(at["closed"]) and at["closed"][-1]["event_ts"] >= at["placed"][-1]["event_ts"]
        if not settled and closed:
            mine["closed"] += days_ago(at["closed"][-1], AS_OF) <= 90
        if not settled and not closed and days_ago(placed, AS_OF) <= 30:
            mine["n"] += 1
            mine["value"] += max((r["amount"] for r in at["placed"] if r["amount"] is not None), default=Decimal(0))
            mine["hours"].append(age / HOUR)
        took = at["paid"][0]["event_ts"] - placed["event_ts"] if at["paid"] else None
        if age > timedelta(days=7) and (not settled or (took is not None and took > HOUR)):
            late.setdefault(c, []).append(took is not None and took <= timedelta(days=7))
    return found, late


@pytest.mark.parametrize("seed", [1, 2])
def test_equals_a_plain_loop(spark: SparkSession, seed: int) -> None:
    """Orders that are open, closed, late and recovered, of logs in any order, follow from looking at each order."""
    log, lines = random_log(seed)
    want, late = expected(log, lines)
    found = unpaid(spark, log, tuple(lines))
    everyone = [recovered for orders in late.values() for recovered in orders]
    rate = sum(everyone) / len(everyone)
    for c, counts in want.items():
        row = found[c]
        assert row.get("unpaid_order_n", 0) == counts["n"], c
        assert row.get("unpaid_order_value", 0) == counts["value"], c
        assert row.get("hours_since_unpaid") == pytest.approx(min(counts["hours"], default=None), abs=1.1e-6), c
        assert row.get("closed_unpaid_n", 0) == counts["closed"], c
        assert row.get("pay_failure_n", 0) == counts["failed"], c
        assert row["late_unpaid_n"] == len(late[c])
        smoothed = (sum(late[c]) + 5 * rate) / (len(late[c]) + 5)
        assert row["unpaid_recovery_rate"] == pytest.approx(smoothed, abs=1.1e-6), c


def test_odd_logs(spark: SparkSession) -> None:
    """Whatever says that an order was paid settles it; what was never placed does not count."""
    log = [
        change("refunded", "o1", "refunded", 30),
        change("refunded", "o1", "placed", 20),  # a refund before the payment
        change("refunded", "o1", "paid", 10),
        change("never_placed", "o2", "paid", 10),
        change("late_payer", "o3", "placed", 300),
        change("late_payer", "o3", "closed", 280),
        change("late_payer", "o3", "paid", 250),  # closed, then paid: settled, and recovered
        change("twice", "o4", "placed", 40, amount=Decimal(7)),
        change("twice", "o4", "placed", 30, amount=Decimal(9)),
        change("reopened", "o5", "placed", 60),
        change("reopened", "o5", "closed", 50),
        change("reopened", "o5", "placed", 40),
        change("closed", "o6", "placed", 40),
        change("closed", "o6", "closed", 40, status_no=2),
        change("closed_only", "o7", "closed", 40),
        change("shipped", "o8", "placed", 40),
        change("shipped", "o8", "shipped", 30),
        change("bought", "o9", "placed", 40),  # the log is not told of the payment, but the line is there
        change("open", "o10", "placed", 40),
        change("nameless", "o11", "placed", 40, amount=None),
        change("failed", "o12", "pay_failed", 40),
    ]
    found = unpaid(spark, log, (line("bought", "o9", AS_OF.ts - 40 * HOUR),))
    assert {c for c, row in found.items() if row.get("unpaid_order_n")} == {"twice", "reopened", "open", "nameless"}
    assert {c for c, row in found.items() if row.get("closed_unpaid_n")} == {"closed"}
    assert (found["twice"]["unpaid_order_n"], found["twice"]["unpaid_order_value"]) == (1, 9)
    assert found["twice"]["hours_since_unpaid"] == 40
    assert found["nameless"]["unpaid_order_value"] == 0
    assert found["late_payer"]["late_unpaid_n"] == 1
    assert [c for c, row in found.items() if row.get("late_unpaid_n")] == ["late_payer"]
    assert found["failed"]["pay_failure_n"] == 1


def test_edges(spark: SparkSession) -> None:
    """Windows begin at local midnights, and what happens, or is known, at the cut has not happened."""
    first = AS_OF.plus(-30).ts
    log = [
        change("in", "o1", "placed", 0, event_ts=first),
        change("out", "o2", "placed", 0, event_ts=first - INSTANT),
        change("at_cut", "o3", "placed", 0),
        change("unheard", "o4", "placed", 5, available_ts=AS_OF.ts),
        change("unheard_payment", "o5", "placed", 5),
        change("unheard_payment", "o5", "paid", 4, available_ts=AS_OF.ts),
        change("at_cut_payment", "o6", "placed", 5),
        change("at_cut_payment", "o6", "paid", 0),
        change("young", "o7", "placed", 7 * 24),  # placed 7 days ago: its time for a recovery is not over
        change("in_time", "o8", "placed", 200),
        change("in_time", "o8", "paid", 199),  # exactly an hour
        change("failed_in", "o9", "pay_failed", 0, event_ts=first),
        change("failed_out", "o10", "pay_failed", 0, event_ts=first - INSTANT),
    ]
    found = unpaid(spark, log)
    unpaid_now = {c for c, row in found.items() if row.get("unpaid_order_n")}
    assert unpaid_now == {"in", "unheard_payment", "at_cut_payment", "young"}
    assert {c for c, row in found.items() if row.get("late_unpaid_n")} == {"in", "out"}
    assert {c for c, row in found.items() if row.get("pay_failure_n")} == {"failed_in"}


def test_nothing_was_late(spark: SparkSession) -> None:
    """Without a late order nothing is fitted; settings without meaning are refused."""
    facts = facts_of(spark, {"order_status": [change("c", "o", "placed", 5)]}, AS_OF)
    assert fitted(facts)[0].collect() == []
    assert family_rows(features(facts))["c"]["unpaid_order_n"] == 1
    with pytest.raises(ValueError, match="recovery_days must be longer"):
        UnpaidOrderParams(recovery_days=0.01)
