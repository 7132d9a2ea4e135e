"""Time and peak memory of living a year, per 100,000 persons: `python -m tests.benchmarks.bench_dynamics [PERSONS]`."""

import resource
import sys
import time

import numpy as np

from jobs.simulate.campaigns import past_sends
from jobs.simulate.demand import Demand
from jobs.simulate.dynamics import live, new_state
from jobs.simulate.params import WorldParams
from jobs.simulate.people import make_people
from jobs.simulate.play import expected_increment, no_plan, outlook, play
from jobs.simulate.world import make_world

DAYS = 365


def main(persons: int) -> None:
    """Print one line per part, scaled to 100,000 persons."""
    world = make_world(1, persons, DAYS, WorldParams())
    scale = 100_000 / persons
    start = time.process_time()
    people = make_people(world, np.arange(persons))
    start = _said("people", start, scale)
    state = new_state(world, people)
    log = live(world, people, state, DAYS, past_sends)
    start = _said(f"{DAYS} days", start, scale)
    demand = Demand(world, people)
    play(world, people, state, no_plan(), 28, 1, demand)
    start = _said("28 days played", start, scale)
    ahead = outlook(world, people, state, DAYS, demand=demand)
    start = _said("outlook", start, scale)
    expected_increment(world, people, state, len(world.offers.kind) - 1, 2, DAYS, ahead=ahead)
    _said("expected increment of one offer and channel", start, scale)
    print(
        f"{len(log.trips.person):,} trips, {len(log.lines.trip):,} lines, {len(log.sends.person):,} sends and holdouts"
    )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB for {persons:,} persons")


def _said(what: str, start: float, scale: float) -> float:
    now = time.process_time()
    print(f"{what}: {(now - start) * scale:.1f} s of processor time per 100,000 persons")
    return now


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 16_384)
