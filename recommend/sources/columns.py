"""The best of a few items, by a matrix of what each customer of a block is worth to them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommend.histories import Ints
from recommend.sources.block import Block


def best_columns(b: Block, items: Ints, value: NDArray, k: int) -> Ints:
    """Keys of the `k` best of `items` (sorted positions) per customer by `value` (n customers, len(items)), rounded by
    the caller; only what is above 0, may be offered and is neither hers nor banned. Ties go to the smaller id."""
    k = min(k, len(items))
    if k == 0 or not b.h.n:
        return np.empty(0, dtype=np.int64)
    column = np.full(b.h.n_items, -1, dtype=np.int64)
    column[items] = np.arange(len(items))
    customer, item = b.split(b.closed)
    inside = column[item] >= 0
    free = np.array(value)
    free[customer[inside], column[item[inside]]] = 0.0
    free[:, ~np.asarray(b.s.side.can_offer)[items]] = 0.0
    edge = np.partition(free, free.shape[1] - k, axis=1)[:, free.shape[1] - k]
    best = (free >= edge[:, None]) & (free > 0)
    # few rows have ties at the edge, where zeros do not count
    for line in np.flatnonzero(np.count_nonzero(best, axis=1) > k):
        tied = np.flatnonzero(free[line] == edge[line])
        best[line, tied[k - np.count_nonzero(free[line] > edge[line]) :]] = False
    row, place = np.divmod(np.flatnonzero(best), len(items))
    return np.asarray(row * b.h.n_items + items[place])
