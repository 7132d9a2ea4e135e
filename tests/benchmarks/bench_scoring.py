"""The whole scoring pass against the bare ranker: rows per second, and where the time goes.

    python -m tests.benchmarks.bench_scoring [--customers 100000] [--model FOLDER] [--no-engine]

Trains on the public grocery data before 2017-10-09 (or opens FOLDER, where an earlier run left its model), repeats the
households under new ids, and scores them in one thread: from Arrow batches of histories to published rows with
reasons. A row is a candidate pair. The bare ranker is LightGBM's predict on the same matrices, which both segments are
made to use. Time is CPU time; shares are of the pass without the engine.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from features.as_of import AsOf
from features.batches import map_batches
from features.output_tables import NEXT_BEST_PRODUCTS
from features.splits import epoch_day
from jobs.reason_words import read_words
from models.ranker import Ranker
from models.recommender_params import RankerParams
from scoring import recommendations, second_stage
from scoring.recommendations import Recommender, build_recommender, open_recommender, product_rows
from scoring.recommender_inputs import Levels
from scoring.recommender_params import RecommenderParams
from scoring.second_stage import SecondStage
from scoring.train_second_stage import fit_second_stage
from tests.benchmarks.bench_recommender import load

DAY = date(2017, 10, 9)
BATCH = 8192
PARTS = {
    "read": (recommendations, "batch_histories"),
    "candidates": (second_stage, "build_candidates"),
    "features": (second_stage, "pair_features"),
    "predict": (second_stage, "ranker_scores"),
    "lists": (recommendations, "publish"),
    "reasons": (recommendations, "reasons_of"),
}


def train(folder: Path) -> None:
    """Both levels, learned from little, the ranker in use for both segments."""
    levels = load(epoch_day(DAY), full=False)
    # speed depends on the number of trees, not on what they were learned from
    params = RecommenderParams(
        ranker=RankerParams(windows=1, objectives=("binary",), max_customers=800, judged_customers=200)
    )
    stages = []
    for data, catalogue, (level, stage) in (
        (levels.products, levels.catalogue, params.products(28, 1)),
        (levels.categories, levels.upper, params.category_level(28, 1)),
    ):
        trained = fit_second_stage(data, catalogue, epoch_day(DAY), level, stage, lambda _: None).stage
        stages.append(with_rankers(trained))
    bought = levels.products.purchases
    build_recommender(DAY, 28, stages[0], stages[1], levels.place, bought.stores).save(folder)


def with_rankers(stage: SecondStage) -> SecondStage:
    """The stage with both segments ranked by LightGBM, whatever the gate decided."""
    modes = dict.fromkeys(stage.modes, "ranker")
    shared = next(iter(stage.calibrators.values()))
    kinds = {f"ranker.{kind}": shared for kind in range(5)}
    return replace(stage, modes=modes, calibrators=kinds | stage.calibrators)


def histories(copies: int) -> pa.Table:
    """Rows of `as_histories`, every household `copies` times under new ids."""
    levels: Levels = load(epoch_day(DAY), full=False)
    known = levels.products.before(epoch_day(DAY)).purchases
    start = np.searchsorted(known.customer, np.arange(known.n_customers + 1))
    some = np.flatnonzero(np.diff(start))
    n = len(known.day)
    log = pa.StructArray.from_arrays(
        [
            pa.array(np.zeros(n, dtype=np.int32)),
            pa.array(known.products.tolist(), pa.string()).take(pa.array(known.product)),
            pa.array(known.day),
            *(pa.array(v.astype(np.float64)) for v in (known.orders, known.quantity, known.amount, known.list_amount)),
            pa.nulls(n, pa.string()),
        ],
        ["kind", "id", "day", "orders", "quantity", "amount", "list_amount", "store_id"],
    )
    lists = pa.ListArray.from_arrays(pa.array(start.astype(np.int32)), log).take(pa.array(some))
    names = known.customers[some]
    one = [pa.table({"customer_id": [f"{c}-{i}" for c in names], "log": lists}) for i in range(copies)]
    return pa.concat_tables(one)


def timed(spent: dict[str, float], inside: list[str], name: str, module: Any, attribute: str) -> None:
    """Adds the CPU time of each call of module.attribute to `spent[name]`, that of parts called within it included."""
    inner = getattr(module, attribute)

    def outer(*args: Any, **named: Any) -> Any:
        start = time.process_time()
        inside.append(name)
        try:
            return inner(*args, **named)
        finally:
            inside.pop()
            if not inside:
                spent[name] = spent.get(name, 0.0) + time.process_time() - start

    setattr(module, attribute, outer)


def bare_predict(model: Recommender, batches: list[pa.RecordBatch], as_of: AsOf) -> tuple[float, int]:
    """Seconds per row of LightGBM alone on the matrices of the pass, and how many rows they have."""
    spent, rows = 0.0, 0
    for batch in batches:
        h, _ = recommendations.batch_histories(model.axes, batch, as_of.epoch_day)
        scored = model.products.score(h)
        for segment, ranker in model.products.rankers.items():
            part = np.ascontiguousarray(scored.x[scored.candidates.owned == (segment == "repeat")])
            start = time.process_time()
            predict(ranker, part)
            spent += time.process_time() - start
            rows += len(part)
    return spent / rows, rows


def predict(ranker: Ranker, x: np.ndarray) -> None:
    """Margins of all boosters."""
    for booster in ranker.boosters.values():
        booster.predict(x, raw_score=True, num_threads=1)


def through_engine(folder: Path, table: pa.Table, function: Callable) -> tuple[float, int]:
    """CPU seconds and published rows of the pass through the embedded engine."""
    import pyarrow.parquet as pq
    from pyspark.sql import functions as F

    from jobs.session import Engine, SessionParams

    pq.write_table(table, folder / "histories.parquet", row_group_size=BATCH)
    with Engine("embedded", SessionParams(), folder) as engine:
        rows = map_batches(engine.spark.read.parquet(str(folder / "histories.parquet")), function, NEXT_BEST_PRODUCTS)
        start = time.process_time()
        n = rows.agg(F.count(F.lit(1)).alias("n"), F.sum("p_buy")).collect()[0]["n"]
        return time.process_time() - start, n


def main() -> None:
    """Prints the ratio and the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--no-engine", action="store_true")
    args = parser.parse_args()
    os.environ["SAIL_EXECUTION__DEFAULT_PARALLELISM"] = "1"
    with tempfile.TemporaryDirectory() as scratch, threadpool_limits(1):
        folder = args.model or Path(scratch) / "model"
        if not (folder / "recommender.json").exists():
            train(folder)
        model, as_of = open_recommender(str(folder)), AsOf(DAY + timedelta(days=0))
        table = histories(-(-args.customers // 2469)).slice(0, args.customers).combine_chunks()
        batches = table.to_batches(BATCH)
        sample = [batches[0].slice(0, 512), batches[-1].slice(0, 512)]
        function = product_rows(lambda: str(folder), as_of, read_words("en"))
        list(function(iter(sample)))
        per_row, rows = bare_predict(model, sample, as_of)
        pairs = rows / sum(b.num_rows for b in sample)
        spent: dict[str, float] = {}
        inside: list[str] = []
        before = [(module, name, getattr(module, name)) for module, name in PARTS.values()]
        for name, (module, attribute) in PARTS.items():
            timed(spent, inside, name, module, attribute)
        start = time.process_time()
        published = sum(t.num_rows for t in function(iter(batches)))
        total = time.process_time() - start
        for module, name, inner in before:
            setattr(module, name, inner)
        n = table.num_rows * pairs
        print(f"{table.num_rows:,} customers, {pairs:.0f} candidates each, {published:,} rows published")
        print(f"bare predict {per_row * 1e6:.2f} us a row, {1 / per_row:,.0f} rows a second")
        print(f"the pass {total / n * 1e6:.2f} us a row, {n / total:,.0f} rows a second: {per_row * n / total:.2f} x")
        ranked = total - spent["reasons"]
        print(f"without reasons {ranked / n * 1e6:.2f} us a row: {per_row * n / ranked:.2f} x (goal at least .6)")
        for name, seconds in [*spent.items(), ("rest", total - sum(spent.values()))]:
            print(f"  {name:12} {seconds / total:6.1%} {seconds / table.num_rows * 1e6:9.1f} us a customer")
        if not args.no_engine:
            seconds, found = through_engine(Path(scratch), table, function)
            print(f"engine: {seconds / n * 1e6:.2f} us a row: {per_row * n / seconds:.2f} x, {found:,} rows")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")


if __name__ == "__main__":
    sys.exit(main())
