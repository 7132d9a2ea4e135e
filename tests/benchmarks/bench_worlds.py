"""Worlds through the whole system: the plain one, and control worlds in which it must claim nothing or refuse.

    python -m tests.benchmarks.bench_worlds --customers 5000 --seeds 1 2 3 --controls none quiet_market

Prints, per world, what the system claims (uplift basis, contacts it sends) and what its decisions bring in truth
against the best simple policy; then means over the seeds of each control with t intervals.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from deltalake import DeltaTable

from scoring.policy_comparison import over_worlds

CONTROLS = (
    "none",
    "quiet_market",
    "no_heterogeneity",
    "silent_posts",
    "confounded_policy",
    "unlogged_policy",
    "drift",
)
CLI = [sys.executable, "-m", "jobs.cli"]


def call(*words: str) -> str:
    """Runs one command; its last lines are shown when it fails."""
    done = subprocess.run([*CLI, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"nextbest {' '.join(words)}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return done.stdout


def one_world(control: str, seed: int, customers: int, days: int, replications: int, folder: Path) -> dict[str, Any]:
    """Simulates, runs and evaluates one world."""
    world, lake, table = folder / "world", folder / "lake", folder / "table.json"
    switch = [] if control == "none" else ["--control", control]
    size = ["--customers", str(customers), "--days", str(days), "--seed", str(seed)]
    common = ["--config", "conf/world_demo.yaml", "--lake", str(lake)]
    started = time.monotonic()
    call("simulate", *size, *switch, "--out", str(world))
    simulated = time.monotonic()
    call("run", "--sources", str(world / "sources"), *common)
    ran = time.monotonic()
    call("evaluate", "world", "--world", str(world), *common, "--replications", str(replications), "--json", str(table))
    found: dict[str, Any] = json.loads(table.read_text("utf-8"))
    found["seconds"] = [round(simulated - started), round(ran - simulated), round(time.monotonic() - ran)]
    found["claims"] = claims(lake)
    return found


def claims(lake: Path) -> dict[str, Any]:
    """What the system itself says: effects of contacts by basis, and what it would send on which."""
    said: dict[str, Any] = {}
    effects = DeltaTable(str(lake / "contact_effects")).to_pyarrow_table().to_pylist()
    said["effects"] = dict(Counter(row["basis"] for row in effects))
    said["refused"] = dict(Counter(row["refused_because"] for row in effects if row["refused_because"]))
    offers = DeltaTable(str(lake / "next_best_offers")).to_pyarrow_table(columns=["action", "uplift_basis"]).to_pylist()
    said["sends"] = dict(Counter(row["uplift_basis"] for row in offers if row["action"] == "send"))
    return said


def main() -> None:
    """Every control with every seed, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=5000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--controls", nargs="+", default=list(CONTROLS), choices=CONTROLS)
    parser.add_argument("--replications", type=int, default=10)
    args = parser.parse_args()
    for control in args.controls:
        tables = []
        for seed in args.seeds:
            with TemporaryDirectory() as folder:
                found = one_world(control, seed, args.customers, args.days, args.replications, Path(folder))
            tables.append(found)
            watch = found["watch"]
            print(f"\n{control}, seed {seed}: simulate, run, evaluate {found['seconds']} s; claims {found['claims']}")
            for line in found["policies"]:
                net = line["net"]
                print(f"  {line['policy']:26} {net['mean']:+10.1f} [{net['low']:+.1f}, {net['high']:+.1f}]"
                      f"  contacts {line['contacts']:,.0f}")  # fmt: skip
            print(f"  {watch['verdict']}; share {watch['share']}", flush=True)
        gain = over_worlds([t["watch"]["system_gain"]["mean"] for t in tables])
        room = over_worlds([t["watch"]["room"]["mean"] for t in tables])
        print(f"{control} over {len(tables)} worlds: system - best simple {gain}; ceiling - best simple {room}")


if __name__ == "__main__":
    main()
