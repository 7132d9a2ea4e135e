"""Families of browsing and their companions from a year of page events, on the embedded engine.

    python -m tests.benchmarks.bench_browsing [--events 20000000] [--customers 100000] [--copies 1] [--folder DIR]

Made-up events, clustered by time as a log is: visits of 8 events, six favourite categories per customer, a heavy tail
of customers, 2 % of events known days late; `--copies 10` has ten times the customers and events. A cold build reads
raw events; parts are timed one by one, each as the job does it (intermediates are written and read back). Peak memory
is that of the process.

Then the sums that could be kept from day to day (visits, categories and products of each day) are timed alone. What
they take is the most that keeping them could save of a day's build: see `features/browsing_days.py` for what follows.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from features.as_of import AsOf
from features.browsed import category_days, product_views, visits
from features.definitions import FeatureParams
from features.facts import Facts
from features.families import browsing, category_interest, search_terms, style_bands, viewed_products
from jobs.memory import peak_memory_gb
from jobs.runs import Job
from jobs.session import Engine, SessionParams

DAYS = 365
AS_OF = AsOf(date(2027, 1, 1), "Asia/Shanghai")
PRODUCTS, CATEGORIES, TERMS = 20_000, 100, 5_000
SECOND = 1_000_000
DAY = 86_400 * SECOND
KINDS = ("view", "search", "favourite", "unfavourite")
DEVICES = ("pc", "ios", "android", "mini_program")
TABLES = ("browsing", "transactions", "cart_events", "products", "customer_map")


def prepare(folder: Path, events: int, customers: int, copies: int = 1, seed: int = 0) -> None:
    """Writes the source tables, ten days of events per file; events and customers are per copy."""
    rng = np.random.default_rng(seed)
    (folder / "browsing").mkdir(parents=True, exist_ok=True)
    favourites = rng.integers(0, CATEGORIES, (customers, 6))
    activity = np.cumsum(rng.pareto(2.5, customers) + 0.2)
    start = int(AS_OF.plus(-DAYS).ts.timestamp()) * SECOND
    parts: dict[str, list[pa.Table]] = {"transactions": [], "cart_events": []}
    written = 0
    for day in range(0, DAYS, 10):
        days = min(10, DAYS - day)
        table = _events(rng, events * days // DAYS, start + day * DAY, days, favourites, activity, written)
        _write(folder / "browsing" / f"day-{day:03}.parquet", table, copies)
        written += len(table)
        views = table.filter(pc.equal(table["event_kind"], "view"))
        parts["cart_events"].append(_carts(views.slice(0, len(views)).take(_every(rng, len(views), 0.05))))
        parts["transactions"].append(_lines(views.take(_every(rng, len(views), 0.03))))
    for name, tables in parts.items():
        _write(folder / f"{name}.parquet", pa.concat_tables(tables), copies)
    pq.write_table(_products(rng, start), folder / "products.parquet")
    account = _named("a", np.arange(customers))
    known = pa.array(np.zeros(customers, dtype=np.int64), pa.timestamp("us", tz="UTC"))
    people = {"account_id": account, "customer_id": account, "valid_from": known}
    open_end = pa.nulls(customers, pa.timestamp("us", tz="UTC"))
    _write(folder / "customer_map.parquet", pa.table(people | {"valid_to": open_end}), copies)


def _write(path: Path, table: pa.Table, copies: int) -> None:
    """The table so many times over, each time with customers and ids of its own."""
    own = [n for n in table.column_names if n in ("account_id", "customer_id", "event_id", "order_id")]
    with pq.ParquetWriter(path, table.schema) as writer:
        for copy in range(copies):
            renamed = table
            for n in own:
                renamed = renamed.set_column(
                    table.column_names.index(n), n, pc.binary_join_element_wise(f"{copy}-", table[n], "")
                )
            writer.write_table(renamed, row_group_size=1 << 20)


def _events(
    rng: np.random.Generator,
    n: int,
    start: int,
    days: int,
    favourites: np.ndarray,
    activity: np.ndarray,
    first_id: int,
) -> pa.Table:
    visits = n // 8
    visitor = np.searchsorted(activity, rng.random(visits) * activity[-1])
    begin = start + (rng.random(visits) * days * DAY).astype(np.int64)
    length = rng.geometric(1 / 8, visits)
    visit = np.repeat(np.arange(visits), length)
    n = len(visit)
    place = np.arange(n) - np.repeat(np.cumsum(length) - length, length)
    ts = begin[visit] + place * rng.integers(10, 120, n) * SECOND
    customer = visitor[visit]
    choice = rng.integers(0, 2, visits)[visit] * (rng.random(n) < 0.3) + rng.integers(0, 5, visits)[visit]
    in_category = np.minimum((rng.pareto(1.2, n) * 8).astype(np.int64), PRODUCTS // CATEGORIES - 1)
    product = favourites[customer, choice] + CATEGORIES * in_category
    kind = np.searchsorted([0.88, 0.95, 0.99], rng.random(n)).astype(np.int8)
    late = np.where(rng.random(n) < 0.02, rng.integers(1, 5, n), 0)
    order = np.argsort(ts, kind="stable")
    ts, customer, product, kind = ts[order], customer[order], product[order], kind[order]
    search = pa.array(kind == 1)
    none = pa.scalar(None, pa.string())
    return pa.table(
        {
            "event_id": pa.array(np.arange(first_id, first_id + n)).cast(pa.string()),
            "account_id": _named("a", customer),
            "event_ts": pa.array(ts, pa.timestamp("us", tz="UTC")),
            "available_ts": pa.array(ts + 3600 * SECOND + late * DAY, pa.timestamp("us", tz="UTC")),
            "event_kind": _of(kind, KINDS),
            "product_id": pc.if_else(search, none, _named("p", product)),
            "category": pa.nulls(n, pa.string()),
            "query": pc.if_else(search, _named("Term  ", rng.integers(0, TERMS, n)), none),
            "dwell_seconds": pa.array(rng.exponential(30, n).round(1), mask=kind != 0),
            "session_id": pa.nulls(n, pa.string()),
            "device": _of((customer % len(DEVICES)).astype(np.int8), DEVICES),
        }
    )


def _every(rng: np.random.Generator, n: int, share: float) -> pa.Array:
    return pa.array(np.flatnonzero(rng.random(n) < share))


def _carts(views: pa.Table) -> pa.Table:
    same = views.select(["event_id", "account_id", "event_ts", "available_ts", "product_id"])
    return same.append_column("event_kind", pa.array(["add"] * len(views), pa.string()))


def _lines(views: pa.Table) -> pa.Table:
    n = len(views)
    price = pa.array((np.arange(n) % 90 + 10).astype(np.int32)).cast(pa.decimal128(18, 2))
    same = views.select(["account_id", "event_ts", "available_ts", "product_id"])
    columns = {
        "order_id": views["event_id"],
        "line_no": pa.array(np.ones(n, np.int32)),
        "quantity": pa.array(np.ones(n, np.int64)),
        "amount": price,
        "list_amount": price,
        "coupon_amount": pa.nulls(n, pa.decimal128(18, 2)),
        "sales_channel": pa.nulls(n, pa.string()),
        "store_id": pa.nulls(n, pa.string()),
    }
    return pa.table({**dict(zip(same.column_names, same.columns)), **columns})


def _products(rng: np.random.Generator, start: int) -> pa.Table:
    """A tenth of the products have a new price every four weeks."""
    product = np.concatenate([np.arange(PRODUCTS), np.repeat(np.arange(0, PRODUCTS, 10), 12)])
    change = np.concatenate([np.zeros(PRODUCTS, np.int64), np.tile(np.arange(1, 13), PRODUCTS // 10)])
    n = len(product)
    return pa.table(
        {
            "product_id": _named("p", product),
            "valid_from": pa.array(start + change * 28 * DAY, pa.timestamp("us", tz="UTC")),
            "category": _named("c", product % CATEGORIES),
            "brand": _named("b", product % 7),
            "own_brand": pa.array(product % 5 == 0),
            "style": _named("style", product % 12),
            "colour": _named("colour", product % 9),
            "size": _named("s", product % 4),
            "list_price": pa.array(rng.integers(10, 100, n).astype(np.int32)).cast(pa.decimal128(18, 2)),
            "in_stock": pa.array(rng.random(n) < 0.9),
        }
    )


def _named(prefix: str, numbers: np.ndarray) -> pa.Array:
    return pc.binary_join_element_wise(prefix, pa.array(numbers).cast(pa.string()), "")


def _of(codes: np.ndarray, names: tuple[str, ...]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(names)).cast(pa.string())


def facts_at(spark: SparkSession, folder: Path, as_of: AsOf) -> Facts:
    """Facts of the prepared tables, with intermediates written and read back as the job does."""
    job = SimpleNamespace(scratch=folder / "scratch" / as_of.day.isoformat(), spark=spark)

    def keep(name: str, df: DataFrame) -> DataFrame:
        return Job.write_read(job, name, df)  # type: ignore[arg-type]

    tables = {n: spark.read.parquet(str(folder / (n if n == "browsing" else f"{n}.parquet"))) for n in TABLES}
    return Facts(tables, as_of, FeatureParams(), keep)


def cold_build(facts: Facts, folder: Path, measure: Clock) -> None:
    """Every family and companion of browsing, one after the other."""

    def write(name: str, frames: list[DataFrame]) -> None:
        for number, df in enumerate(frames):
            df.write.mode("overwrite").parquet(str(folder / "out" / f"{name}-{number}"))

    measure("accounts", lambda: facts.accounts)
    measure("H browsing, wide row", lambda: write("wide", browsing.features(facts)))
    measure("H viewed products, wide row", lambda: write("viewed", viewed_products.features(facts)))
    measure("customer_category_interest", lambda: write("interest", [category_interest.rows(facts)]))
    measure("customer_style_band_features", lambda: write("styles", [style_bands.rows(facts)]))
    measure("customer_search_terms", lambda: write("terms", [search_terms.rows(facts)]))


@dataclass
class Clock:
    """Seconds of wall and processor time, added up and printed part by part."""

    wall: float = 0.0
    cpu: float = 0.0

    def __call__(self, name: str, part: Callable[[], object]) -> None:
        """Runs a part."""
        wall, cpu = time.perf_counter(), time.process_time()
        part()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        self.wall, self.cpu = self.wall + wall, self.cpu + cpu
        print(f"  {name}: {wall:.1f} s wall, {cpu:.1f} s processor, peak {peak_memory_gb():.2f} GB", flush=True)


def main() -> None:
    """Prints seconds per part, their sums, what kept days could save, and peak memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--copies", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where prepared files are or go; default: a temporary folder")
    parser.add_argument("--prepare-only", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        if not (folder / "customer_map.parquet").exists():
            prepare(folder, options.events, options.customers, options.copies)
        if options.prepare_only:
            return
        with Engine("embedded", SessionParams(), folder) as engine:
            compare(engine.spark, folder)


def compare(spark: SparkSession, folder: Path) -> None:
    """A cold build, and the part of it that kept days could save."""
    cold, kept = Clock(), Clock()
    cold_build(facts_at(spark, folder, AS_OF), folder, cold)
    print(f"cold build: {cold.wall:.1f} s wall, {cold.cpu:.1f} s processor, peak {peak_memory_gb():.2f} GB")
    facts = facts_at(spark, folder, AS_OF)
    for build in (visits, category_days, product_views):
        kept(build.__name__, partial(_write_all, build, facts, folder / "out" / "kept"))
    print(
        f"with these kept from day to day a build takes at least {1 - kept.cpu / cold.cpu:.2f} of a cold one "
        f"(processor; {1 - kept.wall / cold.wall:.2f} of wall time)"
    )


def _write_all(build: Callable[[Facts], DataFrame], facts: Facts, path: Path) -> None:
    build(facts).write.mode("overwrite").parquet(str(path))


if __name__ == "__main__":
    main()
