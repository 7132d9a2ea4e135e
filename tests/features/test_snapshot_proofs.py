"""What holds for the whole snapshot, whatever the family, in a market with every source."""

import random
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

from features.as_of import AsOf
from features.catalogue import DERIVED, FAMILIES
from features.cube.asset_cube import as_asset_cube, as_cells, as_regions
from features.families.life_events import customer_post_tags
from features.tag_sheet.tag_params import TagParams
from features.tag_sheet.tag_sheet import as_customer_tags
from tests.features.snapshot_world import (
    ALWAYS,
    CONTRACTS,
    Row,
    Tables,
    as_frame,
    change_rows,
    differences,
    make_facts,
    make_tables,
    rows_as_table,
    shifted,
    snapshot,
    sorted_rows,
)

World = tuple[Tables, AsOf]
Snapshot = dict[str, list[Row]]
SHEET_SOURCES = ("customer_map", "post_tags", "social_tags", "consents", "browsing", "customers")
# moments at which a row of a table without event_ts begins to hold
STARTS = {"tier_history": "valid_from", "products": "valid_from", "customer_map": "valid_from"}
# features that are about the calendar itself: weekday, day of the month, month of the year
CALENDAR = (" dow_", " weekend_ratio", " payday_ratio", "['daypart_share'", "customer_daypart_features")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Every source of a small market, and a cut inside it.

    Of tables with one row for all time some rows became known at the cut only.
    """
    tables, as_of = make_tables(tmp_path_factory.mktemp("market"))
    for name in ("customers", "offers"):
        rows = tables[name].to_pylist()
        rows = [r | {"available_ts": as_of.ts} if i % 7 == 0 else r for i, r in enumerate(rows)]
        tables[name] = pa.Table.from_pylist(rows, schema=tables[name].schema)
    return tables, as_of


@pytest.fixture(scope="module")
def published(spark: SparkSession, world: World, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """The snapshot as it was built on its day: nothing from the cut on existed yet."""
    tables, as_of = world
    return snapshot(spark, _as_of_then(tables, as_of), as_of, tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="module")
def later(world: World) -> Tables:
    """The tables long after the cut, with whatever came since, in any order."""
    tables, as_of = world
    found = {name: _with_future(tables, name, as_of) for name in tables}
    found["customer_map"] = _merged_and_taken_back(found["customer_map"], as_of)
    for name in ("products", "customer_map"):
        found[name] = pa.concat_tables([found[name], found[name].slice(0, 50)])
    rng = random.Random(1)
    return {n: t.take(rng.sample(range(t.num_rows), t.num_rows)) for n, t in found.items()}


def _as_of_then(tables: Tables, as_of: AsOf) -> Tables:
    """The tables as they stood on the day of the cut."""
    return {n: change_rows(tables, n, lambda r, n=n: r if _known(n, r, as_of) else None) for n in tables}  # type: ignore[misc]


def _known(name: str, row: Row, as_of: AsOf) -> bool:
    """Whether the row was there before the cut."""
    moments = [row.get(c) for c in ("event_ts", "available_ts", STARTS.get(name, "event_ts"))]
    return all(m is None or m < as_of.ts for m in moments)


def test_every_source_feeds_the_snapshot(published: Snapshot) -> None:
    """The proofs below are about something: no table is empty, and every family says something of somebody."""
    assert [name for name, rows in published.items() if not rows] == []
    wide = published["customer_features"]
    filled = {c for c in wide[0] if any(r[c] not in (None, 0, False) for r in wide)}
    silent = [m for m in (*FAMILIES, *DERIVED) if not filled & {d.name for d in m.DEFINITIONS}]
    assert silent == []
    assert len(filled) > 200


def test_an_old_cut_built_again_later_equals_what_was_published(
    spark: SparkSession, world: World, later: Tables, published: Snapshot, tmp_path: Path
) -> None:
    """Facts at or after the cut by event or by availability, changed at will, in any order and number of files, with
    repeated dimension rows, and with a merge that was taken back before the cut: the snapshot is the same."""
    found = snapshot(spark, later, world[1], tmp_path, partitions=3)
    faults = differences(found, published)
    assert not faults, "\n".join(faults[:30])


def _with_future(tables: Tables, name: str, as_of: AsOf) -> pa.Table:
    """The table with every row from the cut on changed, and more such rows: at the cut, and known only at it."""
    rows = tables[name].to_pylist()
    future = [_changed(name, r) for r in rows if not _known(name, r, as_of)]
    past = [r for r in rows if _known(name, r, as_of)]
    if name == "service_cases":  # closed later is open at the cut
        past = [r | {"closed_ts": None} if r["closed_ts"] and r["closed_ts"] >= as_of.ts else r for r in past]
    if name == "coupons_redeemed":
        future += _late_redemptions(tables, as_of)
    return pa.Table.from_pylist(past + future + _late(name, past, as_of), schema=tables[name].schema)


def _late(name: str, rows: list[Row], as_of: AsOf) -> list[Row]:
    """Of every third row (of few, each) one at the cut, and two a little before and after it, known at the cut only.

    A table with ids gets new ones, but the status of an order stays that of the order, and an order gets a line more.
    """
    contract = CONTRACTS[name]
    start = STARTS.get(name, "event_ts")
    if "available_ts" not in contract.names:
        return []
    if name == "calendar":  # every festival, and a sale, on days on which people bought
        days = [as_of.day - timedelta(days=d) for d in (4, 18, 33, 61, 95)]
        return [r | {"day": day, "available_ts": as_of.ts} for r in rows for day in days]
    if start not in contract.names:
        return []
    if name == "referrals":  # of somebody who was not brought before
        rows = [r | {"referred_account_id": o["account_id"]} for r, o in zip(rows, rows[1:] + rows[:1], strict=True)]
    ids = [k for k in contract.key if k.endswith("_id") and k not in ("account_id", "product_id")]
    found = []
    for r in rows[:: 3 if len(rows) > 50 else 1]:
        early, after = (r[start] + timedelta(seconds=s) for s in (-5, 5))
        made = [("at", r | {start: as_of.ts}), ("early", _changed(name, r | {start: early}, others=False))]
        if after < as_of.ts:
            made.append(("late", _other_words(name, _changed(name, r | {start: after}, others=False))))
        for number, (prefix, row) in enumerate(made, start=1):
            if name == "transactions" and number > 1:
                new: Row = {"line_no": row["line_no"] + 1000 * number}
            elif name == "order_status" or not ids:
                new = {}
            else:
                new = {ids[0]: f"{prefix}-{row[ids[0]]}"}
            found.append(row | new | {"available_ts": as_of.ts})
    return found


def _late_redemptions(tables: Tables, as_of: AsOf) -> list[Row]:
    """Coupons known before the cut, redeemed at once, and this known at the cut only."""
    redeemed = set(tables["coupons_redeemed"]["coupon_id"].to_pylist())
    issued = [r for r in tables["coupons_issued"].to_pylist() if _known("coupons_issued", r, as_of)]
    like = tables["coupons_redeemed"].slice(0, 1).to_pylist()[0]
    return [
        like | {c: r[c] for c in ("coupon_id", "account_id", "event_ts")} | {"available_ts": as_of.ts}
        for r in issued
        if r["coupon_id"] not in redeemed
    ]


def _other_words(name: str, row: Row) -> Row:
    """Every name from a list changed to the next one, and every yes to a no; a status too, though part of a key."""
    contract, new = CONTRACTS[name], dict(row)
    for c in contract.columns:
        if new[c.name] is None or (c.name in contract.key and c.name != "status"):
            continue
        if c.values:
            new[c.name] = c.values[(c.values.index(new[c.name]) + 1) % len(c.values)]
        elif c.kind == "bool":
            new[c.name] = not new[c.name]
        elif c.name in ("acquisition_source", "tier", "category", "tag"):
            new[c.name] = "another"
    return new


def _changed(name: str, row: Row, *, others: bool = True) -> Row:
    """Another value in every number, and (with `others`) another product."""
    new = dict(row)
    for c in CONTRACTS[name].columns:
        if new[c.name] is None or c.name in CONTRACTS[name].key:
            continue
        if c.kind in ("int", "long", "money", "double"):
            new[c.name] = new[c.name] + 3
        elif c.name == "product_id" and others:
            new[c.name] = "another"
    return new


def _merged_and_taken_back(customer_map: pa.Table, as_of: AsOf) -> pa.Table:
    """Five accounts belonged to another customer for a month and came back; five more are merged at the cut."""
    rows = customer_map.to_pylist()
    others = [r["customer_id"] for r in rows]
    merged, taken_back = as_of.ts - timedelta(days=60), as_of.ts - timedelta(days=30)
    changed: list[Row] = []
    for i, r in enumerate(rows):
        spans: list[tuple[datetime, datetime | None, str]]
        if i < 5:
            spans = [(ALWAYS, merged, r["customer_id"]), (merged, taken_back, others[-i - 1])]
            spans.append((taken_back, None, r["customer_id"]))
        elif i < 10:
            spans = [(ALWAYS, as_of.ts, r["customer_id"]), (as_of.ts, None, others[-i - 1])]
        else:
            spans = [(ALWAYS, None, r["customer_id"])]
        changed += [r | {"valid_from": a, "valid_to": b, "customer_id": c} for a, b, c in spans]
    return pa.Table.from_pylist(changed, schema=customer_map.schema)


def test_tag_sheet_and_asset_cube_of_an_old_cut_are_the_same_later(
    spark: SparkSession, world: World, later: Tables, published: Snapshot, tmp_path: Path
) -> None:
    """Over the same snapshot, what posts, networks and customers' own words add does not know what came later."""
    tables, as_of = world
    frames = {n: as_frame(spark, n, rows_as_table(CONTRACTS[n], rows), tmp_path) for n, rows in published.items()}
    then = _sheet_and_cube(spark, frames, _as_of_then(tables, as_of), as_of, tmp_path / "then")
    now = _sheet_and_cube(spark, frames, later, as_of, tmp_path / "now")
    assert {r["tag_kind"] for r in then["customer_tags"]} >= {"life_event", "interest"}
    assert len({r["region"] for r in then["asset_cube"]}) > 1
    faults = differences(now, then)
    assert not faults, "\n".join(faults[:30])


def _sheet_and_cube(
    spark: SparkSession, frames: dict[str, DataFrame], tables: Tables, as_of: AsOf, folder: Path
) -> Snapshot:
    """The tag sheet and the asset cube over a snapshot, with the rest from the tables."""
    facts = make_facts(spark, {n: tables[n] for n in SHEET_SOURCES}, as_of, folder)
    posts = facts.keep("posts", customer_post_tags(facts))
    regions = as_regions(facts.tables["customers"], facts.accounts, as_of)
    return {
        "customer_tags": sorted_rows("customer_tags", as_customer_tags(frames, posts, set(), as_of, TagParams())),
        "asset_cube": sorted_rows("asset_cube", as_asset_cube(as_cells(frames["customer_features"], regions))),
    }


def test_another_date_changes_only_what_is_about_the_calendar(
    spark: SparkSession, world: World, published: Snapshot, tmp_path: Path
) -> None:
    """With everything five days later the snapshot five days later is the same, and its dates are five days later."""
    tables, as_of = world
    known = _as_of_then(tables, as_of)
    moved = {n: change_rows(known, n, lambda r: {k: shifted(v, 5) for k, v in r.items()}) for n in known}
    found = snapshot(spark, moved, as_of.plus(5), tmp_path)
    expected = {n: [{k: shifted(v, 5) for k, v in r.items()} for r in rows] for n, rows in published.items()}
    faults = [f for f in differences(found, expected) if not any(c in f for c in CALENDAR)]
    assert not faults, "\n".join(faults[:30])
