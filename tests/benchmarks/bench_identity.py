"""Identities of a million accounts: one cut, and a year of weekly cuts, beside bare SciPy on the same edges.

Usage: python -m tests.benchmarks.bench_identity [ACCOUNTS]. Two people in five have several accounts; one account in
2,000 gave the store's phone number.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from features.as_of import AsOf
from features.evidence import as_evidence
from features.identity import Earlier, cuts_of_run, resolve_identities
from features.identity_edges import as_edges, as_sighting_counts, as_sightings, collect_edges
from features.identity_params import LINKING_KINDS
from jobs.session import Engine, SessionParams
from jobs.settings import load_settings

AS_OF = AsOf(date(2026, 1, 1), "Asia/Shanghai")
PARAMS = load_settings(None, {}).identity


def sightings(n: int) -> pa.Table:
    """`accounts`: every account shows a value of its own kind and one or two that are its person's."""
    rng = np.random.default_rng(5)
    person = np.sort(rng.integers(0, int(n * 0.6), n))
    first = AS_OF.epoch_day - rng.integers(1, 366, n)
    kinds = [("phone", 0.6), ("email", 0.4), ("device", 0.7), ("member_no", 0.3), ("unionid", 0.2)]
    parts = []
    for kind, share in kinds:
        has = np.flatnonzero(rng.random(n) < share)
        # one in ten of the phones and mailboxes is an older or second one
        value = person[has] * 10 + np.where(rng.random(len(has)) < 0.1, rng.integers(1, 10, len(has)), 0)
        if kind == "member_no":
            value = person[has] * 10
        if kind == "device":  # one device in 50 is a neighbour's
            value = np.where(rng.random(len(has)) < 0.02, value + 10, value)
        if kind == "phone":
            value = np.where(rng.random(len(has)) < 0.0005 / share, -1, value)
        for again in range(2):
            seen = np.minimum(first[has] + again * rng.integers(0, 200, len(has)), AS_OF.epoch_day - 1)
            parts.append((has, kind, value, seen))
    day = pa.array(np.concatenate([p[3] for p in parts]).astype(np.int64) * 86_400_000_000)
    stamp = day.cast(pa.timestamp("us", tz="UTC"))
    size = len(day)
    return pa.table(
        {
            "account_id": pa.array([f"a{i:08}" for i in range(n)]).take(
                pa.array(np.concatenate([p[0] for p in parts]))
            ),
            "identifier_kind": pa.array(np.repeat([p[1] for p in parts], [len(p[0]) for p in parts])),
            "identifier": pa.array(np.concatenate([p[2] for p in parts])).cast(pa.string()),
            "event_ts": stamp,
            "available_ts": stamp,
            "identifier_state": pa.nulls(size, pa.string()),
        }
    )


def peak_gb() -> float:
    """Peak memory of the process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def bare(table: pa.Table, seen: pa.Array) -> int:
    """Connected components of the account-value graph with nothing else; the largest, in accounts."""
    e = as_evidence(table, seen)
    started, cpu = time.monotonic(), time.process_time()
    n, v = len(seen), len(e.value_kind)
    graph = coo_matrix((np.ones(len(e.account), np.int8), (e.account, e.value + n)), shape=(n + v, n + v))
    _, label = connected_components(graph, directed=False)
    print(
        f"bare scipy, {len(e.account):,} edges: {time.monotonic() - started:.1f} s "
        f"({time.process_time() - cpu:.1f} s of CPU)"
    )
    return int(np.bincount(label[:n]).max())


def main() -> None:
    """Prints seconds, peak memory and sizes."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    folder = Path(tempfile.mkdtemp())
    pq.write_table(sightings(n), folder / "accounts.parquet")
    results = {}
    with Engine("embedded", SessionParams(), folder) as engine:
        known = as_sightings(engine.spark.read.parquet(str(folder / "accounts.parquet")), AS_OF)
        counts = as_sighting_counts(known).toArrow()
        first = min(counts["first_day"].to_pylist())
        for what, earlier in (("one cut", Earlier(last_day=AS_OF.epoch_day)), ("a year of weekly cuts", Earlier())):
            cuts = cuts_of_run(earlier, first, AS_OF, PARAMS)
            started = time.monotonic()
            edges = as_edges(known, cuts, LINKING_KINDS)
            edges.write.mode("overwrite").parquet(str(folder / "edges"))
            table = collect_edges(engine.spark.read.parquet(str(folder / "edges")), PARAMS.max_edges)
            results[what] = (table, cuts, time.monotonic() - started)
    seen = pa.array([f"a{i:08}" for i in range(n)])
    print(f"{n:,} accounts; engine up to here {peak_gb():.1f} GB")
    print(f"largest component without caps: {bare(results['one cut'][0], seen):,} accounts")
    for what, (table, cuts, seconds) in results.items():
        started, cpu = time.monotonic(), time.process_time()
        found = resolve_identities(table, counts, seen, Earlier(), cuts, AS_OF, PARAMS)
        print(
            f"{what} ({len(cuts.days)}): edges by the engine {seconds:.1f} s ({table.num_rows:,} rows), "
            f"resolved in {time.monotonic() - started:.1f} s ({time.process_time() - cpu:.1f} s of CPU), "
            f"peak {peak_gb():.1f} GB"
        )
    for row in found.audit.to_pylist():
        if row["check"] in ("customers", "largest_customer") or (row["check"] == "hub" and row["n"] > 100):
            print(f"  {row['check']} {row['identifier_kind']}: {row['n']:,}")
    print(f"  events: {found.events.num_rows:,}; rows of the map: {found.customer_map.num_rows:,}")


if __name__ == "__main__":
    main()
