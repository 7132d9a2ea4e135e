"""The snapshot as a whole: against a plain loop, against the future, at the edges.

A build takes a second or more, so worlds are built once and asked many things.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from features.as_of import AsOf
from features.customer_features import Rooms
from features.definitions import WINDOWS
from features.families import affinity, basket, category_features, daypart, price, recency, rhythm, value_scores
from tests.features.customer_features_oracle import oracle_rows
from tests.features.purchase_world import (
    ALWAYS,
    AS_OF,
    Row,
    World,
    as_self,
    by_customer,
    change_transactions,
    line,
    local,
    product,
    random_world,
    refund,
    shop,
    snapshot,
)

INSTANT = timedelta(microseconds=1)
ORDER_FAMILIES = (recency, rhythm, affinity, price, basket, daypart)
ORDERS = Rooms(ORDER_FAMILIES, (value_scores,), (category_features,))


def build(spark: SparkSession, world: World, folder: Path, as_of: AsOf = AS_OF, **others: Any) -> dict[str, list[Row]]:
    """The tables of the families that rest on orders; the other families have tests of their own."""
    return snapshot(spark, world, folder, as_of, rooms=ORDERS, **others)


@pytest.fixture(scope="module")
def random_shop(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[World, dict[str, list[Row]]]:
    """A random world and its snapshot."""
    world = random_world(0)
    return world, build(spark, world, tmp_path_factory.mktemp("random"))


@pytest.fixture(scope="module")
def edges(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Row]:
    """The wide rows of customers at the edges: one customer per case, which no other customer changes."""
    cases = [at_window_limits("limits"), one_order("once"), local_days("local"), quantity_zero("nothing"), refunded()]
    lines = [r for case in cases for r in case.transactions]
    lines += [line("early", "o", AS_OF.plus(-10).ts), line("moved", "o", AS_OF.plus(-5).ts, "p1", "3.00")]
    world = replace(
        shop(lines, [product("p0"), product("p1"), product("p1", "BREAD")]),
        # two stitches of one account hold at the cut, and two rows of one product
        customer_map=[
            *as_self(["never", "undated", *[r["account_id"] for r in lines]]),
            {"account_id": "moved", "customer_id": "later", "valid_from": ALWAYS + timedelta(days=1)},
        ],
        # the record of `undated` carries no time, so it cannot be shown to have been there
        customers=({"account_id": "never", "available_ts": ALWAYS}, {"account_id": "undated"}),
        order_status=cases[-1].order_status,
    )
    return by_customer(build(spark, world, tmp_path_factory.mktemp("edges"))["customer_features"])


def at_window_limits(c: str) -> World:
    """An order at the cut, one the instant before, and for each window one at its first instant and one before it."""
    lines = [line(c, "at-cut", AS_OF.ts), line(c, "last", AS_OF.ts - INSTANT)]
    for w in WINDOWS:
        start = AS_OF.plus(-w).ts  # local midnight, also across the change of the clocks
        lines += [line(c, f"{c}-in-{w}", start), line(c, f"{c}-out-{w}", start - INSTANT)]
    return shop(lines)


def one_order(c: str) -> World:
    """One order of 4.00 ten days before the cut."""
    return shop([line(c, f"{c}-o", AS_OF.plus(-10).ts, amount="4.00")])


def local_days(c: str) -> World:
    """22:00 and 01:00 in New York: one UTC day and two local days."""
    day = AS_OF.plus(-3).day
    return shop([line(c, f"{c}-1", local(day, 22)), line(c, f"{c}-2", local(day, 25))])


def quantity_zero(c: str) -> World:
    """A line of quantity 0."""
    return shop([line(c, f"{c}-o", AS_OF.plus(-5).ts, amount="3.00", quantity=0)])


def refunded() -> World:
    """Customers r-<case> with one order of 10.00, 20 days before the cut, and what was paid back of it."""
    ordered, at = AS_OF.plus(-20).ts, AS_OF.plus(-3).ts
    cases: dict[str, list[Row]] = {
        "part": [refund("r-part", "o-part", at, "4.00")],
        "twice": [refund("r-twice", "o-twice", at, "4.00", n) for n in (1, 2)],
        "above": [refund("r-above", "o-above", at, "25.00")],
        "before": [refund("r-before", "o-before", ordered - timedelta(hours=1), "4.00")],
        "unstated": [refund("r-unstated", "o-unstated", at, None)],
        "late": [refund("r-late", "o-late", at, "4.00", available_ts=AS_OF.ts)],
        "at-cut": [refund("r-at-cut", "o-at-cut", AS_OF.ts, "4.00")],
        "placed": [refund("r-placed", "o-placed", at, "4.00", status="placed")],
        "other": [refund("once", "o-other", at, "4.00")],  # booked under another customer's account
        "till": [refund("till", "o-till", at, "1.00"), refund("r-till", "o-till", at, "3.00", 2)],  # nobody's, and hers
    }
    lines = [line(f"r-{c}", f"o-{c}", ordered, amount="10.00") for c in cases]
    return World(lines, [], [], order_status=tuple(r for rows in cases.values() for r in rows))


def with_future(world: World, as_of: AsOf) -> World:
    """The world with every fact at or after the cut changed, and more of them, by event and by availability."""

    def change(row: Row) -> Row:
        if row["event_ts"] < as_of.ts and row["available_ts"] < as_of.ts:
            return row
        return row | {"amount": row["amount"] + 77, "quantity": row["quantity"] + 5, "product_id": "p3"}

    accounts = sorted({r["account_id"] for r in world.transactions})
    at, before = as_of.ts, as_of.ts - timedelta(days=2)
    new = [line(a, f"at-{a}", at, "p2", "50.00") for a in accounts]  # happens exactly at the cut
    new += [line(a, f"late-{a}", before, "p2", "60.00", available_ts=at) for a in accounts]  # known exactly at it
    new += [line("a99", "new", at + timedelta(days=1))]
    orders = {r["order_id"]: r["account_id"] for r in world.transactions}
    back = [refund(a, o, at, "0.10", 8) for o, a in orders.items()]
    back += [refund(a, o, before, "0.10", 9, available_ts=at) for o, a in orders.items()]
    changed = change_transactions(world, change)
    return replace(
        changed,
        transactions=changed.transactions + new,
        products=[*changed.products, product("p2", "CHANGED", "b7", valid_from=at)],
        customer_map=[*changed.customer_map, {"account_id": "a3", "customer_id": "a7", "valid_from": at}],
        customers=(*changed.customers, {"account_id": "a1", "available_ts": at}),
        order_status=(*changed.order_status, *back),
    )


def test_equals_a_plain_loop_over_raw_events(
    spark: SparkSession, tmp_path: Path, random_shop: tuple[World, dict[str, list[Row]]]
) -> None:
    """Every main feature of every family equals what a loop over the raw rows finds, in two worlds."""
    other = random_world(1)
    wrong = _unequal(*random_shop) + _unequal(other, build(spark, other, tmp_path))
    assert not wrong, "\n".join(wrong[:20])


def _unequal(world: World, tables: dict[str, list[Row]]) -> list[str]:
    expected, found = oracle_rows(world, AS_OF), by_customer(tables["customer_features"])
    # a0 never bought, but is on record
    assert set(expected) | {"a0"} <= set(found)
    assert {c for c, r in found.items() if r["has_orders"]} == set(expected)
    return [
        f"{customer}.{name}: {found[customer][name]!r} instead of {value!r}"
        for customer, row in expected.items()
        for name, value in row.items()
        if not _same(found[customer][name], value)
    ]


def _same(found: object, expected: object) -> bool:
    if isinstance(expected, float) and isinstance(found, float):
        return abs(found - expected) <= 1.1e-6  # one rounding step
    return found == expected


def test_the_future_does_not_reach_the_snapshot(
    spark: SparkSession, tmp_path: Path, random_shop: tuple[World, dict[str, list[Row]]]
) -> None:
    """Changing and adding facts at or after the cut, by event or availability, changes nothing in any table."""
    world, tables = random_shop
    assert build(spark, with_future(world, AS_OF), tmp_path) == tables


def test_the_test_of_the_future_can_fail(
    spark: SparkSession,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    random_shop: tuple[World, dict[str, list[Row]]],
) -> None:
    """With a cut that looks at event_ts alone, the same mutation shows: late facts leak."""
    world, tables = random_shop
    monkeypatch.setattr("features.order_lines.known_before", lambda df, as_of: df.where(df["event_ts"] < as_of.ts))
    assert build(spark, with_future(world, AS_OF), tmp_path) != tables


def test_row_order_and_partitions_do_not_matter(
    spark: SparkSession, tmp_path: Path, random_shop: tuple[World, dict[str, list[Row]]]
) -> None:
    """The same rows, reversed and spread over 5 partitions, give the same tables."""
    world, tables = random_shop
    turned = replace(world, transactions=world.transactions[::-1], products=world.products[::-1])
    assert build(spark, turned, tmp_path, partitions=5) == tables


def test_windows_begin_at_the_local_midnight_and_end_before_the_cut(edges: dict[str, Row]) -> None:
    """An order exactly at T - w counts in w, the instant before it does not; the cut itself is never in."""
    row = edges["limits"]
    # 1 for "last", then two per window passed and the one that begins exactly at this one
    assert [row[f"n_orders_{w}"] for w in WINDOWS] == [2, 4, 6, 8, 10]
    assert row["n_orders_l"] == 11
    assert row["recency_days"] == 1


def test_one_order(edges: dict[str, Row]) -> None:
    """A customer with one order has no rhythm: nulls and a flag, never zeros."""
    row = edges["once"]
    assert (row["n_orders_l"], row["recency_days"], row["has_rhythm"], row["ipt_n"]) == (1, 10, False, 0)
    names = ("ipt_mean", "ipt_median", "ipt_std", "ipt_cv", "overdue_ratio", "overdue_z", "days_first_to_second")
    assert [row[n] for n in names] == [None] * len(names)
    assert row["expected_next_date"] is None
    assert row["aov_7"] is None
    assert row["net_amt_7"] == 0


def test_a_customer_on_record_who_never_bought(edges: dict[str, Row]) -> None:
    """Counts and sums are 0, flags false, and everything else null."""
    assert "undated" not in edges
    row = edges["never"]
    values = {
        d.name: (row[d.name], d.default) for module in (*ORDER_FAMILIES, value_scores) for d in module.DEFINITIONS
    }
    assert values["has_orders"] == (False, "false")
    assert {n for n, (v, _) in values.items() if v} == set()
    assert {n for n, (v, _) in values.items() if v is None} == {n for n, (_, d) in values.items() if d == "null"}


def test_local_days_decide(edges: dict[str, Row]) -> None:
    """22:00 and 01:00 in New York are one UTC day and two local days."""
    assert edges["local"]["ipt_mean"] == 1.0


def test_quantity_zero_is_a_line_without_a_unit_price(edges: dict[str, Row]) -> None:
    """A line of quantity 0 counts as a line and for its amount, and says nothing about price bands."""
    row = edges["nothing"]
    assert (row["units_per_order"], row["lines_per_order"], float(row["net_amt_7"])) == (0.0, 1.0, 3.0)
    assert row["price_band_mode"] is None
    assert row["price_pctl_mean"] is None


def test_repeated_keys_do_not_fan_out(edges: dict[str, Row]) -> None:
    """Two rows of one product or two stitches of one account that hold at the cut count each line once."""
    assert "moved" not in edges
    row = edges["later"]  # the later stitch
    assert (row["n_orders_l"], row["lines_per_order"], float(row["net_amt_l"])) == (1, 1.0, 3.0)
    assert row["top_cat_1"] == "BREAD"  # the smaller of two names of one moment


def test_refunds(edges: dict[str, Row]) -> None:
    """Net is paid less refunded as known by the cut, to whomever, counts with its order, and never falls below 0."""
    net = {"part": 6, "twice": 2, "above": 0, "before": 6, "unstated": 10, "late": 10, "at-cut": 10, "placed": 10}
    for case, left in (net | {"other": 6, "till": 6}).items():
        row = edges[f"r-{case}"]
        assert (row["gross_amt_30"], row["net_amt_30"], row["aov_30"]) == (10, left, left), case
        # the refund of three days ago is no event of the last week
        assert (row["gross_amt_7"], row["net_amt_7"]) == (0, 0), case
        assert (row["max_order_amt_30"], row["net_amt_l"]) == (Decimal(10), left), case


def test_shifting_all_dates_by_weeks_changes_only_calendar_features(spark: SparkSession, tmp_path: Path) -> None:
    """25 weeks later, with everything else equal, only what reads the calendar is different."""
    shift = timedelta(weeks=25)
    zone = AsOf(AS_OF.day, "UTC")  # without a change of clocks
    world = random_world(5)

    def moved_events(rows: Iterable[Row]) -> list[Row]:
        return [r | {"event_ts": r["event_ts"] + shift, "available_ts": r["available_ts"] + shift} for r in rows]

    moved = World(
        moved_events(world.transactions),
        [r | {"valid_from": r["valid_from"] + shift} if r.get("valid_from") else r for r in world.products],
        [{k: v + shift if k.startswith("valid") else v for k, v in r.items()} for r in world.customer_map],
        world.customers,
        tuple(moved_events(world.order_status)),
    )
    before = build(spark, world, tmp_path, zone)
    after = build(spark, moved, tmp_path, zone.plus(7 * 25))
    differing = {
        name
        for table in before
        for a, b in zip(before[table], after[table], strict=True)
        for name in a
        if a[name] != b[name]
    }
    assert differing == {"as_of", "expected_next_date", "payday_ratio"}
