"""A simulated market of 80 persons with every source, and its snapshot as plain tables, for proofs about the whole."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from features.as_of import AsOf
from features.customer_features import build_customer_features
from features.definitions import FeatureParams
from features.facts import Facts
from features.output_tables import CUSTOMER_MAP
from features.source_tables import SOURCES
from features.tags.post_tag_table import POST_TAGS
from jobs.contracts import all_contracts
from jobs.simulate.params import load_world_params
from jobs.simulate.simulate import simulate
from jobs.simulate.world import make_world

ZONE = "Asia/Shanghai"
PERSONS, DAYS, SEED = 80, 200, 5
CONTRACTS = all_contracts()
ALWAYS = datetime(1990, 1, 1, tzinfo=UTC)
TAGS = (("pregnant", "life_event"), ("move", "life_event"), ("running", "interest"), ("own", "own_brand"))
Tables = dict[str, pa.Table]
Row = dict[str, Any]


def make_tables(folder: Path) -> tuple[Tables, AsOf]:
    """Every source, `customer_map` by the truth and `post_tags`, and a cut 50 days before the end."""
    params = load_world_params(None, {"catalogue": {"products": 500}, "people": {"orders_per_year": 20.0}})
    simulate(make_world(SEED, PERSONS, DAYS, params), folder)
    tables = {c.name: as_contract(pq.read_table(folder / "sources" / c.name), c) for c in SOURCES}
    persons = pq.read_table(folder / "truth" / "accounts").select(["account_id", "person"]).to_pylist()
    links = [{"account_id": p["account_id"], "customer_id": f"c{p['person']}", "valid_from": ALWAYS} for p in persons]
    tables["customer_map"] = rows_as_table(CUSTOMER_MAP, links)
    tables["post_tags"] = rows_as_table(POST_TAGS, [_tag(p) for p in tables["social_posts"].to_pylist()])
    last = max(t.date() for t in tables["transactions"]["event_ts"].to_pylist())
    as_of = AsOf(last - timedelta(days=50), ZONE)
    # what the world does not have: sizes, days of promotion so early in it, prices that fall and stock that comes back
    tables["products"] = rows_as_table(CONTRACTS["products"], _products(tables["products"].to_pylist(), as_of))
    sale = [{"day": as_of.day - timedelta(days=d), "event": "sale", "event_kind": "promotion"} for d in (20, 21, 60)]
    tables["calendar"] = pa.concat_tables([tables["calendar"], rows_as_table(CONTRACTS["calendar"], sale)])
    return tables, as_of


def _products(rows: list[Row], as_of: AsOf) -> list[Row]:
    """Products with a size; every other one was dearer and sold out until ten days before the cut."""
    sized = [r | {"size": "SML"[_hash(r["product_id"]) % 3]} for r in rows]
    changed = [r for i, r in enumerate(sized) if i % 2]
    before = [r | {"in_stock": False, "list_price": r["list_price"] * 2} for r in changed]
    after = [r | {"in_stock": True, "valid_from": as_of.ts - timedelta(days=10)} for r in changed]
    return [*[r for i, r in enumerate(sized) if not i % 2], *before, *after]


def _tag(post: Row) -> Row:
    """A tag by the hash of the post: what it says is no matter here."""
    n = _hash(post["post_id"])
    tag, kind = TAGS[n % len(TAGS)]
    about = {"tag": tag, "tag_kind": kind, "confidence": 0.9, "sentiment": (n % 3 - 1) / 1.0, "rule": "r"}
    return {k: post[k] for k in ("post_id", "account_id", "event_ts", "available_ts")} | about


def _hash(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)


def as_contract(table: pa.Table, contract: Any) -> pa.Table:
    """The table with all columns of its contract, as ingest leaves it."""
    columns = {}
    for c in contract.columns:
        if c.name in table.column_names:
            columns[c.name] = table[c.name].cast(c.arrow_type)
        else:
            columns[c.name] = pa.nulls(table.num_rows, c.arrow_type)
    return pa.table(columns)


def rows_as_table(contract: Any, rows: list[Row]) -> pa.Table:
    """Rows with all columns of the contract."""
    return pa.table({c.name: pa.array([r.get(c.name) for r in rows], c.arrow_type) for c in contract.columns})


def change_rows(tables: Tables, name: str, change: Callable[[Row], Row | None]) -> pa.Table:
    """A table with each row changed, or dropped where `change` gives None."""
    changed = [change(dict(r)) for r in tables[name].to_pylist()]
    return pa.Table.from_pylist([r for r in changed if r is not None], schema=tables[name].schema)


def make_facts(
    spark: SparkSession, tables: Mapping[str, pa.Table], as_of: AsOf, folder: Path, partitions: int = 1
) -> Facts:
    """The tables as the families see them, from files in a folder."""

    def keep(name: str, df: DataFrame) -> DataFrame:
        path = folder / name
        df.write.mode("overwrite").parquet(str(path))
        if not path.exists():  # an empty frame
            return spark.createDataFrame([], df.schema)
        return spark.read.schema(df.schema).parquet(str(path))

    frames = {name: as_frame(spark, name, table, folder / "in", partitions) for name, table in tables.items()}
    return Facts(frames, as_of, FeatureParams(), keep)


def as_frame(spark: SparkSession, name: str, table: pa.Table, folder: Path, partitions: int = 1) -> DataFrame:
    """A table written as so many files, and read by its contract."""
    folder.mkdir(parents=True, exist_ok=True)
    size = -(-table.num_rows // partitions) or 1
    files = [str(folder / f"{name}-{i}.parquet") for i in range(partitions)]
    for i, file in enumerate(files):
        pq.write_table(table.slice(i * size, size), file)
    return spark.read.schema(CONTRACTS[name].ddl()).parquet(*files)


def snapshot(
    spark: SparkSession, tables: Mapping[str, pa.Table], as_of: AsOf, folder: Path, partitions: int = 1
) -> dict[str, list[Row]]:
    """The tables of the snapshot: rows sorted by key."""
    built = build_customer_features(make_facts(spark, tables, as_of, folder, partitions))
    return {name: sorted_rows(name, df) for name, df in built.items()}


def sorted_rows(name: str, df: DataFrame) -> list[Row]:
    """The rows of a table, by its key."""
    key = [k for k in CONTRACTS[name].key if k in df.columns]
    return sorted(df.toArrow().to_pylist(), key=lambda r: tuple(str(r[k]) for k in key))


def differences(found: dict[str, list[Row]], expected: dict[str, list[Row]]) -> list[str]:
    """Every cell in which two snapshots differ by more than a rounding step."""
    faults = [f"table {n} is in one only" for n in found.keys() ^ expected.keys()]
    for name in found.keys() & expected.keys():
        a, b = found[name], expected[name]
        key = [k for k in CONTRACTS[name].key if k != "as_of"]
        ka, kb = ({tuple(r[k] for k in key) for r in rows} for rows in (a, b))
        if ka != kb or len(a) != len(b):
            faults.append(f"{name}: keys differ: {sorted(map(str, ka ^ kb))[:3]}, {len(a)} and {len(b)} rows")
            continue
        for x, y in zip(a, b, strict=True):
            faults += [f"{name} {[x[k] for k in key]} {c}: {x[c]!r}, {y[c]!r}" for c in x if not same(x[c], y[c])]
    return faults


def same(a: object, b: object) -> bool:
    """Equal, or two doubles one rounding step apart."""
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) <= 2e-6 * max(1.0, abs(a))
    return a == b


def shifted(value: object, days: int) -> object:
    """A date or moment so many days later; anything else as it is."""
    return value + timedelta(days=days) if isinstance(value, (date, datetime)) else value
