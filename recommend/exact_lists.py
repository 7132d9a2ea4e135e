"""From found items to lists: scored in float64, rounded to 6 decimals, ties by item position."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommend.item_blocks import NOBODY, Banned, ItemBlocks, Positions, Scores, Singles

IN_CACHE = 65536  # float64 factors at once
NO_KEY = np.iinfo(np.int64).max


def settle(items: ItemBlocks, customers: Singles, found: Positions, k: int) -> tuple[Positions, Scores]:
    """Scores the found ranks again in float64, rounds, orders by (score, item position) and cuts at k; both (n, k)."""
    none = found == NOBODY
    at = items.order[found]
    exact = np.empty(found.shape)
    factors, step = np.asarray(items.item_factors), max(1, IN_CACHE // max(1, found.shape[1] * customers.shape[1]))
    for first in range(0, len(found), step):
        rows = slice(first, first + step)
        # summed along the last, contiguous axis only: the same order of additions in every batch
        np.einsum(
            "nwc,nc->nw", factors[at[rows]].astype(np.float64), customers[rows].astype(np.float64), out=exact[rows]
        )
    return _order(np.where(none, -np.inf, np.rint(exact * 1e6)), at, items.n_items, k)


def sort_all(items: ItemBlocks, customers: Singles, banned: Banned | None, k: int) -> tuple[Positions, Scores]:
    """The lists where every item has a place: nothing to search for, only to sort."""
    if banned is not None:
        places = np.zeros((len(customers), items.n_items), dtype=np.float32)
        banned.ban(places, 0, 0, np.arange(len(customers)), len(customers))
    exact = np.einsum("wc,nc->nw", np.asarray(items.item_factors, dtype=np.float64), customers.astype(np.float64))
    exact = np.rint(exact * 1e6)
    if banned is not None:
        exact += places[:, items.rank]
    exact[~customers.any(axis=1)] = -np.inf
    return _order(exact, np.arange(items.n_items, dtype=np.int32), items.n_items, k)


def _order(exact: Scores, at: Positions, n_items: int, k: int) -> tuple[Positions, Scores]:
    """The best k positions and scores (both (n, k)) of scores in millionths at positions `at`, ties by position."""
    bits = n_items.bit_length()
    positions = np.full((len(exact), k), NOBODY, dtype=np.int32)
    scores = np.full(positions.shape, -np.inf)
    limit = 2.0 ** (62 - bits)
    if exact.max(initial=0.0) < limit and exact.min(initial=0.0, where=exact > -np.inf) > -limit:
        # score and position in one integer: several times faster than sorting by two columns
        none = np.isneginf(exact)
        key = (-np.where(none, 0, exact).astype(np.int64) << bits) | at
        key[none] = NO_KEY
        key.sort(axis=1)
        key = key[:, :k]
        end = key == NO_KEY
        positions[:, : key.shape[1]] = np.where(end, NOBODY, key & ((1 << bits) - 1))
        scores[:, : key.shape[1]] = np.where(end, -np.inf, (-(key >> bits)) / 1e6)
        return positions, scores
    at = np.broadcast_to(at, exact.shape)
    best = np.lexsort((at, -exact), axis=1)[:, :k]
    ranked = np.take_along_axis(exact, best, 1)
    scores[:, : best.shape[1]] = ranked / 1e6
    positions[:, : best.shape[1]] = np.where(np.isneginf(ranked), NOBODY, np.take_along_axis(at, best, 1))
    return positions, scores


def rank_scores(scores: NDArray[np.floating], k: int, exclude: csr_matrix | None = None) -> tuple[Positions, Scores]:
    """`top_k` for scores that are already there: (n_customers, n_items), -inf where an item is never recommended.

    Scores are rounded to 6 decimals and ties broken by item position, as in `top_k`.

    >>> rank_scores(np.array([[0.5, 0.9, 0.5]]), 2)[0].tolist()
    [[1, 0]]
    """
    exact = np.round(scores.astype(np.float64), 6)
    if exclude is not None:
        rows = np.repeat(np.arange(exclude.shape[0]), np.diff(exclude.indptr))
        exact[rows, exclude.indices] = -np.inf
    n, size = len(exact), min(k, exact.shape[1])
    positions = np.full((n, k), NOBODY, dtype=np.int32)
    best = np.full((n, k), -np.inf)
    # the K-th value by selection, then all items that reach it, so that ties at the edge are cut by position
    edge = np.partition(exact, exact.shape[1] - size, axis=1)[:, exact.shape[1] - size]
    for row in range(n):
        at = np.flatnonzero((exact[row] >= edge[row]) & (exact[row] > -np.inf))
        at = at[np.argsort(-exact[row, at], kind="stable")][:size]
        positions[row, : len(at)] = at
        best[row, : len(at)] = exact[row, at]
    return positions, best
