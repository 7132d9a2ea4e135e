"""The snapshot as a whole: against a plain loop, against the future, at the edges."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from features.as_of import AsOf
from features.catalogue import CUSTOMER_FEATURES
from features.definitions import WINDOWS
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
    shop,
    snapshot,
)

INSTANT = timedelta(microseconds=1)


def built(spark: SparkSession, world: World, folder: Path, as_of: AsOf = AS_OF) -> dict[str, Row]:
    """The wide rows by customer."""
    return by_customer(snapshot(spark, world, folder, as_of)["customer_features"])


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
    changed = change_transactions(world, change)
    return replace(
        changed,
        transactions=changed.transactions + new,
        products=[*changed.products, product("p2", "CHANGED", "b7", valid_from=at)],
        customer_map=[*changed.customer_map, {"account_id": "a3", "customer_id": "a7", "valid_from": at}],
        customers=(*changed.customers, {"account_id": "a1", "available_ts": at}),
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_equals_a_plain_loop_over_raw_events(spark: SparkSession, tmp_path: Path, seed: int) -> None:
    """Every main feature of every family equals what a loop over the raw rows finds."""
    world = random_world(seed)
    expected = oracle_rows(world, AS_OF)
    found = built(spark, world, tmp_path)
    assert set(found) == set(expected) | {"a0"}  # a0 never bought, but is on record
    wrong = [
        f"{customer}.{name}: {found[customer][name]!r} instead of {value!r}"
        for customer, row in expected.items()
        for name, value in row.items()
        if not _same(found[customer][name], value)
    ]
    assert not wrong, "\n".join(wrong[:20])


def _same(found: object, expected: object) -> bool:
    if isinstance(expected, float) and isinstance(found, float):
        return abs(found - expected) <= 1.1e-6  # one rounding step
    return found == expected


def test_the_future_does_not_reach_the_snapshot(spark: SparkSession, tmp_path: Path) -> None:
    """Changing and adding facts at or after the cut, by event or availability, changes nothing in any table."""
    world = random_world(3)
    assert snapshot(spark, with_future(world, AS_OF), tmp_path) == snapshot(spark, world, tmp_path)


def test_the_test_of_the_future_can_fail(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a cut that looks at event_ts alone, the same mutation shows: late facts leak."""
    monkeypatch.setattr("features.order_lines.known_before", lambda df, as_of: df.where(df["event_ts"] < as_of.ts))
    world = random_world(3)
    assert snapshot(spark, with_future(world, AS_OF), tmp_path) != snapshot(spark, world, tmp_path)


def test_windows_begin_at_the_local_midnight_and_end_before_the_cut(spark: SparkSession, tmp_path: Path) -> None:
    """An order exactly at T - w counts in w, the instant before it does not; the cut itself is never in."""
    lines = [line("c", "at-cut", AS_OF.ts), line("c", "last", AS_OF.ts - INSTANT)]
    for w in WINDOWS:
        start = AS_OF.plus(-w).ts  # local midnight, also across the change of the clocks
        lines += [line("c", f"in-{w}", start), line("c", f"out-{w}", start - INSTANT)]
    row = built(spark, shop(lines), tmp_path)["c"]
    # 1 for "last", then two per window passed and the one that begins exactly at this one
    assert [row[f"n_orders_{w}"] for w in WINDOWS] == [2, 4, 6, 8, 10]
    assert row["n_orders_l"] == 11
    assert row["recency_days"] == 1


def test_one_order(spark: SparkSession, tmp_path: Path) -> None:
    """A customer with one order has no rhythm: nulls and a flag, never zeros."""
    row = built(spark, shop([line("c", "o", AS_OF.plus(-10).ts, amount="4.00")]), tmp_path)["c"]
    assert (row["n_orders_l"], row["recency_days"], row["has_rhythm"], row["ipt_n"]) == (1, 10, False, 0)
    names = ("ipt_mean", "ipt_median", "ipt_std", "ipt_cv", "overdue_ratio", "overdue_z", "days_first_to_second")
    assert [row[n] for n in names] == [None] * len(names)
    assert row["expected_next_date"] is None
    assert row["aov_7"] is None
    assert row["net_amt_7"] == 0


def test_a_customer_on_record_who_never_bought(spark: SparkSession, tmp_path: Path) -> None:
    """Counts and sums are 0, flags false, and everything else null."""
    world = replace(
        shop([line("c", "o", AS_OF.plus(-10).ts)]),
        customer_map=as_self(["c", "d", "e"]),
        # e's record carries no time, so it cannot be shown to have been there
        customers=({"account_id": "d", "available_ts": ALWAYS}, {"account_id": "e"}),
    )
    rows = built(spark, world, tmp_path)
    assert set(rows) == {"c", "d"}
    values = {c.name: rows["d"][c.name] for c in CUSTOMER_FEATURES.columns[2:]}
    assert values["has_orders"] is False
    assert {n for n, v in values.items() if v} == set()
    assert {n for n, v in values.items() if v is None} == {c.name for c in CUSTOMER_FEATURES.columns if c.nullable}


def test_shifting_all_dates_by_weeks_changes_only_calendar_features(spark: SparkSession, tmp_path: Path) -> None:
    """25 weeks later, with everything else equal, only what reads the calendar is different."""
    shift = timedelta(weeks=25)
    zone = AsOf(AS_OF.day, "UTC")  # without a change of clocks
    world = random_world(5)
    moved = World(
        [
            r | {"event_ts": r["event_ts"] + shift, "available_ts": r["available_ts"] + shift}
            for r in world.transactions
        ],
        [r | {"valid_from": r["valid_from"] + shift} if r.get("valid_from") else r for r in world.products],
        [{k: v + shift if k.startswith("valid") else v for k, v in r.items()} for r in world.customer_map],
        world.customers,
    )
    before = snapshot(spark, world, tmp_path, zone)
    after = snapshot(spark, moved, tmp_path, zone.plus(7 * 25))
    differing = {
        name
        for table in before
        for a, b in zip(before[table], after[table], strict=True)
        for name in a
        if a[name] != b[name]
    }
    assert differing == {"as_of", "expected_next_date", "payday_ratio"}


def test_row_order_and_partitions_do_not_matter(spark: SparkSession, tmp_path: Path) -> None:
    """The same rows, reversed and spread over 5 partitions, give the same three tables."""
    world = random_world(6)
    turned = replace(world, transactions=world.transactions[::-1], products=world.products[::-1])
    assert snapshot(spark, turned, tmp_path, partitions=5) == snapshot(spark, world, tmp_path)


def test_quantity_zero_is_a_line_without_a_unit_price(spark: SparkSession, tmp_path: Path) -> None:
    """A line of quantity 0 counts as a line and for its amount, and says nothing about price bands."""
    ts = AS_OF.plus(-5).ts
    row = built(spark, shop([line("c", "o", ts, amount="3.00", quantity=0)]), tmp_path)["c"]
    assert (row["units_per_order"], row["lines_per_order"], float(row["net_amt_7"])) == (0.0, 1.0, 3.0)
    assert row["price_band_mode"] is None
    assert row["price_pctl_mean"] is None


def test_repeated_keys_do_not_fan_out(spark: SparkSession, tmp_path: Path) -> None:
    """Two rows of one product or two stitches of one account that hold at the cut count each line once."""
    world = shop([line("c", "o", AS_OF.plus(-5).ts, amount="3.00")], [product("p0"), product("p0", "BREAD")])
    twice = [{"account_id": "c", "customer_id": "d", "valid_from": ALWAYS + timedelta(days=1)}]
    rows = built(spark, replace(world, customer_map=world.customer_map + twice), tmp_path)
    assert set(rows) == {"d"}  # the later stitch
    assert (rows["d"]["n_orders_l"], float(rows["d"]["net_amt_l"])) == (1, 3.0)


def test_local_days_decide(spark: SparkSession, tmp_path: Path) -> None:
    """22:00 and 01:00 in New York are one UTC day and two local days."""
    day = AS_OF.plus(-3).day
    lines = [line("c", "o1", local(day, 22)), line("c", "o2", local(day, 25))]
    assert built(spark, shop(lines), tmp_path)["c"]["ipt_mean"] == 1.0
