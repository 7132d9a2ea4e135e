"""What holds for the whole snapshot, whatever the family, in a market with every source."""

import random
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from features.as_of import AsOf
from features.catalogue import DERIVED, FAMILIES
from tests.features.snapshot_world import (
    ALWAYS,
    CONTRACTS,
    Row,
    Tables,
    change_rows,
    differences,
    make_tables,
    shifted,
    snapshot,
)

World = tuple[Tables, AsOf]
Snapshot = dict[str, list[Row]]
# moments at which a row of a table without event_ts begins to hold
STARTS = {"tier_history": "valid_from", "products": "valid_from", "customer_map": "valid_from"}
# features that are about the calendar itself: weekday, day of the month, month of the year
CALENDAR = (" dow_", " weekend_ratio", " payday_ratio", "['daypart_share'", "customer_daypart_features")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Every source of a small market, and a cut inside it."""
    return make_tables(tmp_path_factory.mktemp("market"))


@pytest.fixture(scope="module")
def published(spark: SparkSession, world: World, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """The snapshot as it was built on its day: nothing from the cut on existed yet."""
    tables, as_of = world
    return snapshot(spark, _as_of_then(tables, as_of), as_of, tmp_path_factory.mktemp("published"))


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
    spark: SparkSession, world: World, published: Snapshot, tmp_path: Path
) -> None:
    """Facts at or after the cut by event or by availability, changed at will, in any order and number of files, with
    repeated dimension rows, and with a merge that was taken back before the cut: the snapshot is the same."""
    tables, as_of = world
    later = {name: _with_future(tables, name, as_of) for name in tables}
    later["customer_map"] = _merged_and_taken_back(later["customer_map"], as_of)
    for name in ("products", "customer_map"):
        later[name] = pa.concat_tables([later[name], later[name].slice(0, 50)])
    rng = random.Random(1)
    mixed = {n: t.take(rng.sample(range(t.num_rows), t.num_rows)) for n, t in later.items()}
    faults = differences(snapshot(spark, mixed, as_of, tmp_path, partitions=3), published)
    assert not faults, "\n".join(faults[:30])


def _with_future(tables: Tables, name: str, as_of: AsOf) -> pa.Table:
    """The table with every row from the cut on changed, and more such rows: at the cut, and known only at it."""
    contract, rows = CONTRACTS[name], tables[name].to_pylist()
    future = [_changed(name, r, as_of) for r in rows if not _known(name, r, as_of)]
    past = [r for r in rows if _known(name, r, as_of)]
    if name == "service_cases":  # closed later is open at the cut
        past = [r | {"closed_ts": None} if r["closed_ts"] and r["closed_ts"] >= as_of.ts else r for r in past]
    texts = [k for k in contract.key if contract.column(k).kind == "string" and k.endswith("_id") and k != "account_id"]
    if texts and "event_ts" in contract.names:
        some = past[::7]
        future += [r | {texts[0]: f"at-{r[texts[0]]}", "event_ts": as_of.ts, "available_ts": as_of.ts} for r in some]
        future += [r | {texts[0]: f"late-{r[texts[0]]}", "available_ts": as_of.ts} for r in some]
    return pa.Table.from_pylist(past + future, schema=tables[name].schema)


def _changed(name: str, row: Row, as_of: AsOf) -> Row:
    """Another value in every number, and another product."""
    new = dict(row)
    for c in CONTRACTS[name].columns:
        if new[c.name] is None or c.name in CONTRACTS[name].key:
            continue
        if c.kind in ("int", "long", "money"):
            new[c.name] = new[c.name] + 3
        elif c.name == "product_id":
            new[c.name] = "another"
    return new


def _merged_and_taken_back(customer_map: pa.Table, as_of: AsOf) -> pa.Table:
    """Five accounts belonged to another customer for a month and came back; five more are merged at the cut."""
    rows = customer_map.to_pylist()
    others = [r["customer_id"] for r in rows]
    merged, taken_back = as_of.ts - timedelta(days=60), as_of.ts - timedelta(days=30)
    changed: list[Row] = []
    for i, r in enumerate(rows):
        if i < 5:
            spans = [(ALWAYS, merged, r["customer_id"]), (merged, taken_back, others[-i - 1])]
            spans.append((taken_back, None, r["customer_id"]))
        elif i < 10:
            spans = [(ALWAYS, as_of.ts, r["customer_id"]), (as_of.ts, None, others[-i - 1])]
        else:
            spans = [(ALWAYS, None, r["customer_id"])]
        changed += [r | {"valid_from": a, "valid_to": b, "customer_id": c} for a, b, c in spans]
    return pa.Table.from_pylist(changed, schema=customer_map.schema)


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
