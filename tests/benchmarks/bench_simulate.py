"""Time of simulating a market beside writing the same rows as Parquet, growth with its size, and peak memory.

    python -m tests.benchmarks.bench_simulate [persons ...]      (default 10000 20000 40000; asked for: 100000)

Each size runs in a process of its own, so that its peak memory is its own. Seconds are those of the processor, user
and system, as other work on the machine does not stretch them; the clock's stand beside them.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq

from jobs.simulate.params import load_world_params
from jobs.simulate.simulate import simulate
from jobs.simulate.world import make_world
from jobs.simulate.world_files import write_table

DAYS = 365


def timed(work: object) -> tuple[object, float, float]:
    """Result, processor seconds and clock seconds of a call."""
    cpu, clock = time.process_time(), time.perf_counter()
    found = work()  # type: ignore[operator]
    return found, time.process_time() - cpu, time.perf_counter() - clock


def measure(persons: int) -> dict[str, float]:
    """One world: simulated, then read back and written again by the same writer."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "world"
        world = make_world(1, persons, DAYS, load_world_params())
        rows, cpu, clock = timed(lambda: simulate(world, out))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        size = sum(p.stat().st_size for p in out.rglob("*.parquet"))
        writing = writing_clock = 0.0
        for path in sorted(out.rglob("*.parquet")):
            # with the dictionaries that the simulation hands over, so that the writer does the same work
            stored = pq.ParquetFile(path).metadata
            coded = [
                stored.schema.column(i).name
                for i in range(stored.num_columns)
                if stored.num_row_groups and "RLE_DICTIONARY" in stored.row_group(0).column(i).encodings
            ]
            table = pq.read_table(path, read_dictionary=coded).combine_chunks()
            again = Path(scratch) / "again.parquet"
            _, c, s = timed(lambda t=table, p=again: write_table(t, p))  # type: ignore[misc]
            writing, writing_clock = writing + c, writing_clock + s
        shutil.rmtree(out)
    assert isinstance(rows, dict)
    return {
        "persons": persons,
        "rows": sum(rows.values()),
        "gb": size / 1e9,
        "cpu": cpu,
        "clock": clock,
        "writing_cpu": writing,
        "writing_clock": writing_clock,
        "peak_gb": peak,
    }


def main() -> None:
    """Prints one line per size."""
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(int(sys.argv[2]))))
        return
    print("persons        rows     GB  simulate cpu (clock)   write cpu (clock)  times  us/row  peak GB")
    for persons in [int(a) for a in sys.argv[1:]] or [10_000, 20_000, 40_000]:
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.bench_simulate", "--one", str(persons)],
            check=True,
            capture_output=True,
            text=True,
        )
        m = json.loads(done.stdout)
        print(
            f"{persons:>7,} {m['rows']:>11,.0f} {m['gb']:>6.2f} {m['cpu']:>9.1f} s ({m['clock']:>6.1f}) "
            f"{m['writing_cpu']:>9.1f} s ({m['writing_clock']:>5.1f}) {m['cpu'] / m['writing_cpu']:>6.1f} "
            f"{m['cpu'] / m['rows'] * 1e6:>7.2f} {m['peak_gb']:>8.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
