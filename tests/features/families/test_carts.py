"""Carts replayed from their log."""

from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from pyspark.sql import SparkSession

from features.as_of import AsOf
from features.families.carts import features, fitted
from features.family_params import CartParams
from tests.features.families.family_facts import days_ago, facts_of, family_rows, known
from tests.features.purchase_world import ALWAYS, Row, line

# the clocks of the zone were set back on 5 November, within the windows
AS_OF = AsOf(date(2017, 12, 4), "America/New_York")
HOUR = timedelta(hours=1)
INSTANT = timedelta(microseconds=1)


def event(n: int, account: str, hours: float, kind: str, item: str = "p", units: int = 1, **others: Any) -> Row:
    """One cart event so many hours before the cut."""
    ts = others.get("event_ts", AS_OF.ts - timedelta(hours=hours))
    row = {"event_id": f"e{n:05}", "account_id": account, "event_ts": ts, "available_ts": ts, "event_kind": kind}
    return row | {"product_id": item, "quantity": units, "unit_price": Decimal("2.50")} | others


def bought(account: str, hours: float, order: str, item: str = "p", units: int = 1, **others: Any) -> Row:
    """One order line so many hours before the cut."""
    return line(account, order, AS_OF.ts - timedelta(hours=hours), item, quantity=units, **others)


def carts(spark: SparkSession, events: list[Row], lines: list[Row] | None = None) -> dict[str, Row]:
    """The features by customer; accounts of one letter and a number are one customer."""
    lines = lines or []
    accounts = sorted({r["account_id"] for r in [*events, *lines]})
    owners = [{"account_id": a, "customer_id": a[:1], "valid_from": ALWAYS} for a in accounts]
    tables = {"cart_events": events, "transactions": lines}
    return family_rows(features(facts_of(spark, tables, AS_OF, customer_map=owners)))


def random_events(seed: int) -> list[Row]:
    """Busy carts of four customers with two accounts each: ties, prices that are missing, zero units, late arrival."""
    rng = Random(seed)
    events: list[Row] = []
    for _ in range(500):
        hours = rng.choice([rng.uniform(-5, 95 * 24), rng.randrange(0, 40) * 24.0, rng.randrange(0, 60) / 2])
        account = f"{rng.choice('cdef')}{rng.randrange(2)}"
        kind = rng.choices(["add", "remove", "order"], [6, 3, 1])[0]
        row = event(rng.randrange(10000), account, hours, kind, f"p{rng.randrange(3)}", rng.randrange(4))
        row |= {"unit_price": rng.choice([None, Decimal(rng.randrange(900)) / 100])}
        row |= {"order_id": rng.choice([None, f"o{rng.randrange(10000)}"]) if kind == "order" else None}
        if rng.random() < 0.05:
            row["available_ts"] = AS_OF.ts + HOUR * rng.randrange(2)
        events.append(row)
    return list({r["event_id"]: r for r in events}.values())


def random_lines(seed: int, events: list[Row]) -> list[Row]:
    """Purchases by these customers: some that the carts logged, by order or nearly at that time, and many not."""
    rng = Random(seed)
    logged = [r for r in events if r["event_kind"] == "order"]
    lines: list[Row] = []
    for n in range(150):
        at = rng.choice(logged if rng.random() < 0.4 else events)
        hours = (AS_OF.ts - at["event_ts"]) / HOUR + rng.choice([0, 0, 24, -24, 24.01, -24.01, rng.uniform(-99, 50)])
        order = at.get("order_id") if rng.random() < 0.7 else None
        item = at["product_id"] if rng.random() < 0.8 else f"p{rng.randrange(4)}"
        row = bought(at["account_id"], hours, order or f"t{n}", item, rng.randrange(4), line_no=n)
        row["available_ts"] = rng.choice([*[row["event_ts"]] * 9, AS_OF.ts, None])
        lines += [row, row | {"line_no": 1000 + n}] if rng.random() < 0.1 else [row]
    return lines


def untold(events: list[Row], lines: list[Row]) -> list[Row]:
    """Purchases of what was put in before, as order events, unless the log tells of them."""
    found: dict[tuple[str, str, str], Row] = {}
    for x in sorted(known(lines, AS_OF, 90), key=lambda x: x["event_ts"]):
        mine = [
            r
            for r in known(events, AS_OF, 90)
            if (r["account_id"][:1], r["product_id"]) == (x["account_id"][:1], x["product_id"])
        ]
        put_in = [r["event_ts"] for r in mine if r["event_kind"] == "add" and r["quantity"]]
        if not put_in or x["event_ts"] < min(put_in):
            continue
        key = (x["account_id"][:1], x["product_id"], x["order_id"])
        row = {"event_id": f"~{x['order_id']}", "event_kind": "order", "quantity": 0, "unit_price": None}
        row = found.setdefault(key, {n: x[n] for n in ("account_id", "product_id", "event_ts", "order_id")} | row)
        row["quantity"] += x["quantity"]
        row["told"] = any(
            r["event_kind"] == "order"
            and (r["order_id"] == x["order_id"] or abs(r["event_ts"] - row["event_ts"]) <= 24 * HOUR)
            for r in mine
        )
    return [r for r in found.values() if not r["told"]]


def left_over(events: list[Row]) -> dict[str, int]:
    """Units per product after a replay."""
    held: dict[str, int] = {}
    for r in events:
        n = r["quantity"] if r["event_kind"] == "add" else -r["quantity"]
        held[r["product_id"]] = max(0, held.get(r["product_id"], 0) + n)
    return held


def expected(events: list[Row], lines: list[Row]) -> tuple[dict[str, Row], dict[str, list[tuple[int, bool]]]]:
    """Open carts, and ended carts as (days ago, left), by a plain loop per customer."""
    opened: dict[str, Row] = {}
    ended: dict[str, list[tuple[int, bool]]] = {}
    log = sorted([*known(events, AS_OF, 90), *untold(events, lines)], key=lambda r: (r["event_ts"], r["event_id"]))
    for c in {r["account_id"][:1] for r in log}:
        mine = [r for r in log if r["account_id"][:1] == c]
        value, n, ages = Decimal(0), 0, []
        for p, units in left_over(mine).items():
            adds = [r for r in mine if r["product_id"] == p and r["event_kind"] == "add" and r["quantity"]]
            if not units or days_ago(adds[-1], AS_OF) > 30:
                continue
            shown = [r["unit_price"] for r in mine if r["product_id"] == p and r["event_kind"] == "add"]
            prices = [x for x in shown if x is not None]
            value += units * prices[-1] if prices else 0
            n += 1
            ages.append((AS_OF.ts - adds[-1]["event_ts"]) / HOUR)
        if n:
            opened[c] = {"open_cart_value": float(value), "open_cart_n": n, "open_cart_age_h": min(ages)}
        runs: list[list[Row]] = []
        for r in mine:
            if not runs or r["event_ts"] - runs[-1][-1]["event_ts"] > 24 * HOUR:
                runs.append([])
            runs[-1].append(r)
        for run in runs:
            filled = any(r["event_kind"] == "add" and r["quantity"] for r in run)
            if filled and AS_OF.ts - run[-1]["event_ts"] > 24 * HOUR:
                bought = any(r["event_kind"] == "order" for r in run)
                is_left = not bought and any(left_over(run).values())
                ended.setdefault(c, []).append((days_ago(run[-1], AS_OF), is_left))
    return opened, ended


@pytest.mark.parametrize("seed", [1, 2])
def test_equals_a_plain_loop(spark: SparkSession, seed: int) -> None:
    """What is in carts and which were left, of busy random logs, follow from walking the log event by event."""
    events = random_events(seed)
    lines = random_lines(seed, events)
    assert len(untold(events, lines)) > 20
    opened, ended = expected(events, lines)
    found = carts(spark, events, lines)
    assert set(found) == set(opened) | set(ended)
    everyone = [is_left for runs in ended.values() for _, is_left in runs]
    rate = sum(everyone) / len(everyone)
    for c, row in found.items():
        for name, value in opened.get(c, {}).items():
            assert float(row[name]) == pytest.approx(value, abs=1.1e-6), (c, name)
        runs = ended[c]
        for w in (7, 30, 90):
            assert row[f"abandon_n_{w}"] == sum(is_left for d, is_left in runs if d <= w)
        assert row["n_carts_90"] == len(runs)
        smoothed = (sum(is_left for _, is_left in runs) + 5 * rate) / (len(runs) + 5)
        assert row["abandon_rate"] == pytest.approx(smoothed, abs=1.1e-6)


def test_more_taken_out_than_put_in(spark: SparkSession) -> None:
    """Removing what was not there, and ordering what never lay in a cart, leave nothing: one put in later stays one."""
    events = [event(1, "c", 9, "add"), event(2, "c", 8, "remove", units=5), event(3, "c", 7, "add")]
    events += [event(4, "d", 9, "order", units=3), event(5, "d", 8, "add", units=2)]
    events += [event(6, "e", 9, "order")]
    found = carts(spark, events)
    assert (found["c"]["open_cart_n"], found["c"]["open_cart_value"]) == (1, Decimal("2.50"))
    assert (found["d"]["open_cart_value"], found["d"]["open_cart_age_h"]) == (Decimal("5.00"), 8.0)
    assert "e" not in found


def test_events_of_one_moment_follow_their_ids(spark: SparkSession) -> None:
    """Add before remove leaves nothing, remove before add leaves one, whatever the order of the rows."""
    events = [event(2, "c", 5, "remove"), event(1, "c", 5, "add"), event(4, "d", 5, "add"), event(3, "d", 5, "remove")]
    found = carts(spark, events)
    assert set(found) == {"d"}


def test_a_cart_filled_before_signing_in_is_ordered_after(spark: SparkSession) -> None:
    """Accounts of one customer share a cart."""
    events = [event(1, "c0", 30, "add"), event(2, "c1", 29, "order"), event(3, "d0", 30, "add")]
    found = carts(spark, events)
    assert found["c"]["abandon_n_7"] == 0
    assert "open_cart_n" not in found["c"]
    assert found["d"]["abandon_n_7"] == 1


def test_what_was_bought_is_no_longer_in_the_cart(spark: SparkSession) -> None:
    """Purchases of what was put in before close its line where the log has no order; other purchases change nothing."""
    events = [event(n, c, 30, "add", units=2) for n, c in enumerate("abcdefghi")]
    lines = [
        bought("a", 29, "oa", units=2),
        bought("b", 30, "ob", units=2),  # the very moment
        bought("c", 29, "oc", units=1),  # one of two
        bought("d", 31, "od", units=2),  # before it was put in
        bought("e", 29, "oe", "q", units=2),  # something else
        bought("f", 2, "of", units=2),  # too late for that cart, which was left
        bought("g", 29, "og", units=2, available_ts=AS_OF.ts),  # not known yet
    ]
    # what the carts logged counts once: under the order's number however late, without one within a day
    events += [event(20, "h", 29, "order", order_id="oh"), event(21, "i", 29, "order")]
    lines += [bought("h", 3, "oh"), bought("i", 5, "oi")]
    # a purchase in a store that no cart saw
    lines += [bought("j", 5, "oj")]
    found = carts(spark, events, lines)
    value = {c: (r.get("open_cart_value"), r.get("abandon_n_7")) for c, r in found.items()}
    one, two = Decimal("2.50"), Decimal("5.00")
    assert value == {
        "a": (None, 0),
        "b": (None, 0),
        "c": (one, 0),
        "d": (two, 1),
        "e": (two, 1),
        "f": (None, 1),
        "g": (two, 1),
        "h": (one, 0),
        "i": (one, 0),
    }


def test_edges(spark: SparkSession) -> None:
    """Idle for exactly 24 hours is not left yet; windows begin at local midnights and end before the cut."""
    events = [event(1, "a", 24, "add"), event(2, "b", 24 + 1 / 3600, "add")]
    for n, (c, days, early) in enumerate([("c", 7, False), ("d", 7, True), ("e", 90, False), ("f", 90, True)]):
        events.append(event(10 + n, c, 0, "add", event_ts=AS_OF.plus(-days).ts - INSTANT * early))
    events += [event(20, "g", 0, "add"), event(21, "h", 1, "add", available_ts=AS_OF.ts)]
    # 30 days since it was put in, and an instant more
    events += [event(22, "i", 0, "add", event_ts=AS_OF.plus(-30).ts)]
    events += [event(23, "j", 0, "add", event_ts=AS_OF.plus(-30).ts - INSTANT)]
    found = carts(spark, events)
    assert "abandon_n_90" not in found["a"]
    assert found["b"]["abandon_n_7"] == 1
    assert [found[c]["abandon_n_7"] for c in "cde"] == [1, 0, 0]
    assert [found[c]["abandon_n_90"] for c in "cde"] == [1, 1, 1]
    assert not {"f", "g", "h"} & set(found)
    assert found["i"]["open_cart_n"] == 1
    assert "open_cart_n" not in found["j"]


def test_nobody_has_a_cart(spark: SparkSession) -> None:
    """Nothing is fitted on an empty log, and settings without meaning are refused."""
    facts = facts_of(spark, {"cart_events": []}, AS_OF)
    assert family_rows(features(facts)) == {}
    assert fitted(facts)[0].collect() == []
    with pytest.raises(ValueError, match="open_days"):
        CartParams(open_days=91)
