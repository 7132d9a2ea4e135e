"""Exact top-K without a cross join: blocks of items in order of falling norm, exclusions applied before the cut at K.

A customer is finished as soon as |customer| x (largest norm left) cannot reach her K-th score (Cauchy-Schwarz), so
most of a large catalogue is never multiplied; once a block has given her K candidates, later blocks only look for
scores above the K-th. What float32 finds is scored again in float64, rounded to 6 decimals, and ties are broken by item
position (item ids are sorted), so a list is the same for any way of batching the customers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

Positions = NDArray[np.int32]
Scores = NDArray[np.float64]

NOBODY = -1  # position in a list's unused places
SLACK = 12  # candidates kept beyond K, for scores that only float64 tells apart
ROUNDING = 1e-6
FIRST_BLOCK = 512  # small: it only has to give everyone a K-th score to beat
LARGEST_BLOCK = 4096


@dataclass(frozen=True)
class ItemBlocks:
    """Item factors prepared for `top_k`: `order[r]` is the item position of row r of `factors`; `norms` fall with r.

    `item_factors` are the factors as learned, in item order (they may be memory-mapped).
    """

    item_factors: NDArray[np.float32]
    factors: NDArray[np.float32]
    order: NDArray[np.int32]
    norms: NDArray[np.float64]
    bias: bool

    @classmethod
    def of(cls, item_factors: NDArray[np.float32], bias: bool = False) -> ItemBlocks:
        """Blocks of (n_items, columns) factors.

        With `bias` (column 0 is 1 for all items, column 1 is the item's bias), column 0 is left out and the smallest
        bias becomes 0: it shifts all scores of a customer alike, and rare items, whose bias is low, get a small norm.
        """
        factors = np.array(item_factors, dtype=np.float32)
        if bias:
            factors = np.ascontiguousarray(factors[:, 1:])
            factors[:, 0] -= factors[:, 0].min(initial=0.0)
        norms = np.sqrt(np.square(factors, dtype=np.float64).sum(axis=1))
        order = np.argsort(-norms, kind="stable").astype(np.int32)
        return cls(item_factors, np.ascontiguousarray(factors[order]), order, norms[order], bias)

    @property
    def n_items(self) -> int:
        """Items in the catalogue."""
        return len(self.order)


def top_k(
    items: ItemBlocks, customers: NDArray[np.float32], k: int, exclude: csr_matrix | None = None
) -> tuple[Positions, Scores]:
    """Item positions and scores, both (n_customers, k), best first; unused places hold -1 and -inf.

    `customers` is (n_customers, columns). A stored element of `exclude` (n_customers, n_items) keeps that item out of
    that customer's list. A customer whose factors are all zero has no opinion and gets an empty list.
    Memory is n_customers x 4,096 floats: pass customers in batches of a thousand or so.
    """
    n = len(customers)
    positions = np.full((n, k), NOBODY, dtype=np.int32)
    scores = np.full((n, k), -np.inf)
    customers = np.asarray(customers, dtype=np.float32)
    active = np.flatnonzero(customers.any(axis=1))
    if not len(active) or not items.n_items or k < 1:
        return positions, scores
    vectors = np.ascontiguousarray(customers[:, 1:] if items.bias else customers)
    lengths = np.sqrt(np.square(vectors, dtype=np.float64).sum(axis=1))
    found, found_scores = _pool(items, vectors, lengths, active, k, _ranked(items, exclude))
    plain, crowded = _split_crowded(items, lengths, active, found_scores, k)
    positions[plain], scores[plain] = _settle(items, customers[plain], found[plain], k)
    for row in crowded:
        every = np.setdiff1d(np.arange(items.n_items), _excluded(items, exclude, row)).astype(np.int32)
        positions[row], scores[row] = _settle(items, customers[row : row + 1], every[None, :], k)
    return positions, scores


def _margin(items: ItemBlocks, lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) how far two float32 scores may stand from their rounded float64 values together, at worst.

    A dot product of c terms is off by at most c x 2^-24 x |customer| x |item|.
    """
    columns = items.factors.shape[1]
    return 2 * ROUNDING + 2 * columns * 2.0**-24 * lengths * items.norms[0]


def _pool(
    items: ItemBlocks,
    vectors: NDArray[np.float32],
    lengths: NDArray[np.float64],
    active: NDArray[np.int64],
    k: int,
    exclude: csr_matrix | None,
) -> tuple[Positions, NDArray[np.float32]]:
    """The best k + SLACK rows of `items` per customer by float32 score, best first, -1 where there are none."""
    size = min(k + SLACK, items.n_items)
    found = np.full((len(vectors), size), NOBODY, dtype=np.int32)
    scores = np.full((len(vectors), size), -np.inf, dtype=np.float32)
    margin = _margin(items, lengths)
    start, width = 0, max(FIRST_BLOCK, 2 * size)
    while start < items.n_items:
        least = scores[:, min(k, size) - 1] - margin
        active = active[lengths[active] * items.norms[start] >= least[active]]
        if not len(active):
            break
        stop = min(start + width, items.n_items)
        block = vectors[active] @ items.factors[start:stop].T
        if exclude is not None:
            part = exclude[active][:, start:stop]
            block[np.repeat(np.arange(len(active)), np.diff(part.indptr)), part.indices] = -np.inf
        rows, values = _hits(block, least[active].astype(np.float32), size)
        rows = np.hstack([found[active], np.where(rows < 0, NOBODY, rows + np.int32(start))])
        values = np.hstack([scores[active], values])
        best = np.argsort(-values, axis=1, kind="stable")[:, :size]
        found[active] = np.take_along_axis(rows, best, 1)
        scores[active] = np.take_along_axis(values, best, 1)
        start, width = stop, min(2 * width, LARGEST_BLOCK)
    return found, scores


def _hits(block: NDArray[np.float32], least: NDArray[np.float32], size: int) -> tuple[Positions, NDArray[np.float32]]:
    """Columns and values of `block` that reach `least` (one per row), at most about `size` a row, padded with -1."""
    if np.isneginf(least).any():
        width = min(size, block.shape[1])
        columns = np.argpartition(-block, width - 1, axis=1)[:, :width].astype(np.int32)
        values = np.take_along_axis(block, columns, 1)
        return np.where(np.isneginf(values), np.int32(NOBODY), columns), values
    row, column = np.nonzero(block >= least[:, None])
    count = np.bincount(row, minlength=len(block))
    place = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    columns = np.full((len(block), count.max(initial=0)), NOBODY, dtype=np.int32)
    values = np.full(columns.shape, -np.inf, dtype=np.float32)
    columns[row, place] = column
    values[row, place] = block[row, column]
    return columns, values


def _split_crowded(
    items: ItemBlocks, lengths: NDArray[np.float64], active: NDArray[np.int64], scores: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The customers whose pool surely holds the list, and those with more near ties than the pool has places for."""
    size = scores.shape[1]
    if size == items.n_items:
        return active, active[:0]
    kth, last = scores[active, k - 1], scores[active, size - 1]
    crowded = (last > -np.inf) & (last >= kth - _margin(items, lengths)[active])
    return active[~crowded], active[crowded]


def _settle(items: ItemBlocks, customers: NDArray[np.float32], found: Positions, k: int) -> tuple[Positions, Scores]:
    """Scores the found rows again in float64, rounds, orders by (score, item position) and cuts at k."""
    # summed along the last, contiguous axis only: the same order of additions in every batch
    products = items.item_factors[items.order[found]].astype(np.float64) * customers[:, None, :]
    exact = np.where(found == NOBODY, -np.inf, np.round(products.sum(axis=2), 6))
    at = np.where(found == NOBODY, NOBODY, items.order[found])
    best = np.lexsort((at, -exact), axis=1)[:, :k]
    positions = np.full((len(found), k), NOBODY, dtype=np.int32)
    scores = np.full((len(found), k), -np.inf)
    positions[:, : best.shape[1]] = np.take_along_axis(at, best, 1)
    scores[:, : best.shape[1]] = np.take_along_axis(exact, best, 1)
    return positions, scores


def _ranked(items: ItemBlocks, exclude: csr_matrix | None) -> csr_matrix | None:
    """The exclusions with columns in the order of `items`."""
    if exclude is None or not exclude.nnz:
        return None
    rank = np.empty_like(items.order)
    rank[items.order] = np.arange(items.n_items, dtype=np.int32)
    data = np.ones(exclude.nnz, dtype=np.bool_)
    ranked = csr_matrix((data, rank[exclude.indices], exclude.indptr), shape=exclude.shape)
    ranked.sort_indices()
    return ranked


def _excluded(items: ItemBlocks, exclude: csr_matrix | None, row: int) -> NDArray[np.int64]:
    """Rows of `items` that `exclude` keeps from the customer `row`."""
    if exclude is None:
        return np.empty(0, dtype=np.int64)
    banned = exclude.indices[exclude.indptr[row] : exclude.indptr[row + 1]]
    return np.flatnonzero(np.isin(items.order, banned))


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
