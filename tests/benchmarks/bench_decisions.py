"""Decisions at scale: candidates per second, and the binned budget cut against one sorted running sum.

Run: python tests/benchmarks/bench_decisions.py [customers]
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.run import peak_memory_gb
from jobs.session import Engine, SessionParams
from scoring.allocation import place_funding, with_allocation_drops, with_ranks
from scoring.arms import unit_hash, with_arm
from scoring.decision_params import DecisionParams

OFFERS = 4


def candidates(engine: Engine, customers: int) -> DataFrame:
    """Made-up candidates that passed the rules, with uniform responses."""
    ids = engine.spark.range(customers).select(F.concat(F.lit("c"), F.col("id").cast("string")).alias("customer_id"))
    offers = engine.spark.createDataFrame([(f"o{i}",) for i in range(OFFERS)], "offer_id string")
    zero = F.lit(0).cast("bigint")
    return ids.crossJoin(offers).select(
        "customer_id",
        "offer_id",
        F.lit("direct_mail").alias("channel"),
        F.lit(None).cast("string").alias("dropped_by"),
        F.lit(False).alias("is_issued"),
        F.round(unit_hash("p", "", "customer_id", "offer_id") * 3, 6).alias("priority"),
        F.round(unit_hash("q", "", "customer_id", "offer_id"), 6).alias("p_response"),
        F.round(unit_hash("c", "", "customer_id", "offer_id") + 0.3, 2).cast("decimal(18,2)").alias("cost"),
        *[zero.alias(c) for c in ("contacts_7", "contacts_30", "issued_others")],
    )


def timed(label: str, write: Callable[[], None]) -> float:
    """Seconds that `write` takes; printed."""
    start = time.monotonic()
    write()
    seconds = time.monotonic() - start
    print(f"{label}: {seconds:.1f} s")
    return seconds


def main(customers: int) -> None:
    """Prints seconds, the ratio of the two cuts, and peak memory."""
    params = DecisionParams(budget=customers * 0.3)
    with tempfile.TemporaryDirectory() as folder, Engine("embedded", SessionParams(), Path(folder)) as engine:
        path = {name: f"{folder}/{name}" for name in ("in", "ranked", "binned", "sorted", "decided")}
        read = engine.spark.read.parquet
        candidates(engine, customers).write.parquet(path["in"])
        ranked = with_arm(with_ranks(read(path["in"]), params), params.arms)
        total = timed("arms and ranks", lambda: ranked.write.parquet(path["ranked"]))
        places = read(path["ranked"]).where(F.col("nba_rank") <= F.col("places"))
        whole = Window.partitionBy(F.lit(0)).orderBy(F.desc("priority"), "customer_id")
        running = F.sum("reserve").over(whole.rowsBetween(Window.unboundedPreceding, Window.currentRow))
        plain = places.select("customer_id", (running <= F.lit(params.budget)).alias("is_funded"))
        one = timed("cut by one sorted running sum", lambda: plain.write.parquet(path["sorted"]))
        funding = place_funding(read(path["ranked"]), params)
        binned = timed("cut by bins", lambda: funding.write.parquet(path["binned"]))
        decided = with_allocation_drops(read(path["ranked"]), read(path["binned"]))
        total += binned + timed("drops", lambda: decided.write.parquet(path["decided"]))
        funded = [read(path[n]).where("is_funded").count() for n in ("sorted", "binned")]
    print(f"funded {funded[1]:,} of {customers:,} customers; the same by both: {funded[0] == funded[1]}")
    print(f"{customers * OFFERS / total:,.0f} candidates a second; bins against one sort {binned / one:.2f} x")
    print(f"peak memory {peak_memory_gb():.2f} GB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 250_000)
