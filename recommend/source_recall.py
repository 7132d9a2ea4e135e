"""What the sources of candidates find of what customers then bought: recall per source and together, by state."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommend.categories import STATES, category_states
from recommend.histories import Floats, Histories, Ints, take
from recommend.runs import is_in
from recommend.sources.block import Block
from recommend.sources.opened import Sources
from recommend.sources.registry import MODULES

DEPTH = 100
BLOCK = 256
TOGETHER = "together"
Row = dict[str, object]


def source_recall(h: Histories, sources: Sources, truth: Ints, lapsed_days: int = 84, depth: int = DEPTH) -> list[Row]:
    """Rows of `source`, `state`, `recall`, `customers` (with truth of that state) and `candidates` per customer.

    Recall is the mean over customers of the share of `truth` (sorted keys customer * n_items + item) among the first
    `depth` of a source by its own order; `together` is all sources with the numbers of `sources.params`. States are
    of the item itself: never bought, lapsed (last bought more than `lapsed_days` ago), active; `all` has every state.
    """
    names = (*(module.NAME for module in MODULES), TOGETHER)
    found, size = np.zeros((len(names), len(STATES), h.n)), np.zeros((len(STATES), h.n))
    proposed = np.zeros(len(names))
    for first in range(0, h.n, BLOCK):
        rows = np.arange(first, min(first + BLOCK, h.n))
        b = Block(take(h, rows), sources, np.empty(0, dtype=np.int64))
        low, high = np.searchsorted(truth, [first * h.n_items, (first + len(rows)) * h.n_items])
        wanted = truth[low:high] - first * h.n_items
        state = _states(b, wanted, lapsed_days)
        size[:, rows] = _count(wanted, state, b)
        every = []
        for number, module in enumerate(MODULES):
            keys = np.unique(module.propose(b, depth))
            every.append(module.propose(b, getattr(sources.params, module.NAME)))
            found[number][:, rows] = _count(wanted, state, b, is_in(keys, wanted))
            proposed[number] += len(keys)
        keys = np.unique(np.concatenate(every))
        found[-1][:, rows] = _count(wanted, state, b, is_in(keys, wanted))
        proposed[-1] += len(keys)
    table: list[Row] = []
    for number, name in enumerate(names):
        for place, chosen in (("all", slice(None)), *((s, slice(i, i + 1)) for i, s in enumerate(STATES))):
            recall, customers = _mean_share(found[number][chosen].sum(axis=0), size[chosen].sum(axis=0))
            row: Row = {"source": name, "state": place, "recall": recall, "customers": customers}
            table.append(row | {"candidates": round(float(proposed[number]) / max(h.n, 1), 1)})
    return table


def _states(b: Block, keys: Ints, lapsed_days: int) -> Ints:
    """Position in `STATES` of each pair."""
    at, there = b.own.find(keys)
    last = b.own.last[at] if len(b.own.key) else np.zeros(len(keys))
    return category_states(there, last, lapsed_days)


def _count(keys: Ints, state: Ints, b: Block, chosen: NDArray[np.bool_] | None = None) -> Floats:
    """(states, customers) how many of the `chosen` keys there are."""
    kept = np.ones(len(keys), dtype=bool) if chosen is None else chosen
    customer, _ = b.split(keys[kept])
    return np.bincount(state[kept] * b.h.n + customer, minlength=len(STATES) * b.h.n).reshape(-1, b.h.n).astype(float)


def _mean_share(found: Floats, size: Floats) -> tuple[float | None, int]:
    """Mean over the customers with anything to find, and how many they are."""
    known = size > 0
    if not known.any():
        return None, 0
    return round(float((found[known] / size[known]).mean()), 4), int(known.sum())
