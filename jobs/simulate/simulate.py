"""From a world to its folder: block by block of persons, in one process or in several."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from jobs.simulate.block_tables import make_block, source_tables, truth_tables
from jobs.simulate.errors import WorldError
from jobs.simulate.market_tables import market_tables
from jobs.simulate.truth import marker, market_truth, world_facts
from jobs.simulate.world import World
from jobs.simulate.world_files import finished_rows, holds, open_folder, publish, write_block

BLOCK = 16_384  # persons at a time: what a process holds at once grows with it
MARKET = 0  # number under which the tables of no person are written

_world: World | None = None  # of a worker process


def simulate(
    world: World,
    out: Path,
    processes: int = 1,
    progress: Callable[[int, int], None] | None = None,
    *,
    block: int = BLOCK,
    overwrite: bool = False,
) -> dict[str, int]:
    """Writes `<out>/sources` and `<out>/truth`; returns rows per table (`sources/transactions`, ...).

    The rows depend on the world alone; `block` (persons at a time) and `processes` only on files and speed. A stopped
    run goes on after its last finished block. `progress` hears blocks done and in all.
    Raises `WorldError` for a folder that may not be written.
    """
    if processes < 1 or block < 1:
        raise WorldError(f"processes and block must be at least 1; found {processes} and {block}")
    about = {**marker(world), "block": block}
    building = open_folder(out, about, overwrite)
    spans = [(i, i * block, min((i + 1) * block, world.n)) for i in range(-(-world.n // block))]
    done = {i: rows for i, _, _ in spans if (rows := finished_rows(building, i)) is not None}
    todo = [span for span in spans if span[0] not in done]
    for number, rows in _written(world, building, todo, processes):
        done[number] = rows
        if progress is not None:
            progress(len(done), len(spans))
    totals: dict[str, int] = {}
    for rows in done.values():
        for name, n in rows.items():
            totals[name] = totals.get(name, 0) + n
    publish(out, about, world_facts(world))
    return dict(sorted(totals.items()))


def is_written(world: World, out: Path, block: int = BLOCK) -> bool:
    """Whether `out` holds just this world, whole."""
    return holds(out, {**marker(world), "block": block})


def _written(
    world: World, building: Path, todo: list[tuple[int, int, int]], processes: int
) -> Iterator[tuple[int, dict[str, int]]]:
    """Blocks as they are finished: number and rows per table."""
    if processes == 1 or len(todo) < 2:
        for span in todo:
            yield span[0], _write(world, building, span)
        return
    # a forked process would inherit the locks of Arrow's threads
    pool = ProcessPoolExecutor(min(processes, len(todo)), get_context("spawn"), _remember, (world,))
    with pool:
        running = {pool.submit(_write_here, building, span): span[0] for span in todo}
        try:
            for finished in as_completed(running):
                yield running[finished], finished.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _remember(world: World) -> None:
    global _world
    _world = world


def _write_here(building: Path, span: tuple[int, int, int]) -> dict[str, int]:
    assert _world is not None
    return _write(_world, building, span)


def _write(world: World, building: Path, span: tuple[int, int, int]) -> dict[str, int]:
    number, start, stop = span
    block = make_block(world, np.arange(start, stop))
    parts = {"sources": source_tables(block), "truth": truth_tables(block)}
    if number == MARKET:
        parts["sources"] |= market_tables(world)
        parts["truth"] |= market_truth(world)
    return write_block(building, number, parts)
