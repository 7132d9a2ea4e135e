"""A small simulated market for tests: all source tables, with a few rows in each that break a rule.

What the jobs compute from it is compared between engines, so each table gets rows that take another path: twins,
empty keys, times in the wrong order, amounts that need rounding, and facts that contradict another table.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from features.contract import Contract
from features.source_tables import SOURCES
from jobs.simulate.params import load_world_params
from jobs.simulate.simulate import simulate
from jobs.simulate.world import make_world

CUSTOMERS, DAYS, SEED = 500, 150, 1
# few products and many orders, so that what is bought together can be learned
PARAMS = {"catalogue": {"products": 500}, "people": {"orders_per_year": 20.0}}
# amounts that lie a hair below half a cent as doubles
HALF_CENTS = (1.005, 2.675)
Row = dict[str, Any]


def write_small_world(folder: Path) -> Path:
    """Writes the market and its bad rows into `folder` and returns the folder of the source tables."""
    simulate(make_world(SEED, CUSTOMERS, DAYS, load_world_params(None, PARAMS)), folder)
    sources = folder / "sources"
    tables = {c.name: _money_as_doubles(pq.read_table(sources / c.name)) for c in SOURCES}
    for contract in SOURCES:
        table = tables[contract.name]
        rows = _bad_rows(contract, table) + _contradictions(contract.name, tables)
        for part in (sources / contract.name).iterdir():
            part.unlink()
        bad = pa.Table.from_pylist(rows, schema=table.schema)
        pq.write_table(pa.concat_tables([table, bad]), sources / contract.name / "part-00000.parquet")
    return sources


def _bad_rows(contract: Contract, table: pa.Table) -> list[Row]:
    """What breaks the contract: a repeated row, one without its first key, and one known days before it happened."""
    first = table.slice(0, 1).to_pylist()[0]
    rows = [first, first | {contract.key[0]: None}]
    if {"event_ts", "available_ts"} <= first.keys():
        rows.append(_fresh(contract, first, "early") | {"available_ts": first["event_ts"] - timedelta(days=3)})
    doubles = [c.name for c in contract.columns if c.kind == "double" and c.name in first]
    if doubles:
        rows.append(_fresh(contract, first, "nan") | {doubles[0]: float("nan")})
    amounts = [c.name for c in contract.columns if c.kind == "money" and c.name in first]
    rows += [_fresh(contract, first, f"half-{i}") | {amounts[0]: v} for i, v in enumerate(HALF_CENTS) if amounts]
    return rows


def _fresh(contract: Contract, row: Row, name: str) -> Row:
    """The row under a key of its own, where the key has text that may be any."""
    text = [k for k in contract.key if isinstance(row[k], str) and not contract.column(k).values]
    return row | ({text[0]: name} if text else {})


def _contradictions(name: str, tables: dict[str, pa.Table]) -> list[Row]:
    """Rows that are well formed and cannot be, seen beside other rows or tables."""
    first = {n: t.slice(0, 1).to_pylist()[0] for n, t in tables.items()}
    row, hour = first[name], timedelta(hours=1)
    if name in ("transactions", "reviews", "browsing"):
        return [row | {SOURCE_IDS[name]: "orphan", "product_id": "nowhere"}]
    if name == "order_status":
        return [row | {"status_no": 98, "status": "refunded", "amount": 99_999.0}]
    if name == "responses":
        contact = first["contacts"]
        early = {"event_ts": contact["event_ts"] - hour, "contact_id": contact["contact_id"]}
        return [row | early | {"response_id": "answered-early"}]
    if name == "coupons_redeemed":
        used = set(tables[name]["coupon_id"].to_pylist())
        unused = [c for c in tables["coupons_issued"].slice(0, 40).to_pylist() if c["coupon_id"] not in used]
        moments = (unused[0]["event_ts"] - hour, unused[1]["expires_ts"] + hour)
        return [
            row | {"coupon_id": c["coupon_id"], "event_ts": at, "available_ts": at}
            for c, at in zip(unused, moments, strict=False)
        ]
    if name == "points_ledger":
        return [row | {"entry_id": "too-many", "entry_kind": "burn", "points": -1_000_000}]
    return []


SOURCE_IDS = {"transactions": "order_id", "reviews": "review_id", "browsing": "event_id"}


def _money_as_doubles(table: pa.Table) -> pa.Table:
    """The table with nulls allowed anywhere, and money as doubles, as exports bring it."""
    kinds = {f.name: pa.float64() if pa.types.is_decimal(f.type) else f.type for f in table.schema}
    return table.cast(pa.schema([pa.field(name, kind, nullable=True) for name, kind in kinds.items()]))
