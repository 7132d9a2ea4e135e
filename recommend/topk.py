"""Exact top-K without a cross join: blocks of items in order of falling norm, exclusions applied before the cut at K.

A customer is finished as soon as |customer| x (largest norm left) cannot reach her K-th score (Cauchy-Schwarz), so
most of a large catalogue is never multiplied; once a block has given her K candidates, later blocks only look for
scores above the K-th. What float32 finds is scored again in float64, rounded to 6 decimals, and ties are broken by item
position (item ids are sorted), so a list is the same for any way of batching the customers.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommend.exact_lists import rank_scores as rank_scores
from recommend.exact_lists import settle, sort_all
from recommend.item_blocks import NOBODY, Banned, Rows, Scores, Singles
from recommend.item_blocks import ItemBlocks as ItemBlocks
from recommend.item_blocks import Positions as Positions

Keys = NDArray[np.int64]

SLACK = 12  # candidates kept beyond K, for scores that only float64 tells apart
ROUNDING = 1e-6
AT_ONCE = 512  # customers: their scores of the largest block stay in the processor's cache
NOTHING = np.iinfo(np.int64).min  # key in a pool's unused places
LOWEST = np.finfo(np.float32).min


def top_k(items: ItemBlocks, customers: Singles, k: int, exclude: csr_matrix | None = None) -> tuple[Positions, Scores]:
    """Item positions and scores, both (n_customers, k), best first; unused places hold -1 and -inf.

    `customers` is (n_customers, columns). A stored element of `exclude` (n_customers, n_items) keeps that item out of
    that customer's list; indices may come in any order. A customer whose factors are all zero has no opinion and gets
    an empty list. Memory beside the result: for 512 customers, 4,096 scores each and their exclusions once more.
    """
    n, size = len(customers), min(k + SLACK, items.n_items)
    positions = np.full((n, k), NOBODY, dtype=np.int32)
    scores = np.full((n, k), -np.inf)
    if size < 1 or k < 1:
        return positions, scores
    edges = items.edges(size)
    for first in range(0, n, AT_ONCE):
        rows = slice(first, min(first + AT_ONCE, n))
        some = np.asarray(customers[rows], dtype=np.float32)
        banned = Banned.of(items, exclude, rows, edges)
        if size == items.n_items:
            positions[rows], scores[rows] = sort_all(items, some, banned, k)
            continue
        lengths = _lengths(items, some)
        margin = _margin(items, lengths)
        pool = _pool(items, some, lengths, k, edges, banned)
        found, crowded = _sure(pool, margin, k, items.n_items)
        at, exact = settle(items, some, found, k)
        for row in crowded:
            free = np.delete(items.rank, [] if exclude is None else _columns(exclude, first + row))
            at[row], exact[row] = settle(items, some[row : row + 1], free[None, :], k)
        positions[rows], scores[rows] = at, exact
    return positions, scores


def _lengths(items: ItemBlocks, customers: Singles) -> Scores:
    """(n,) norms of what multiplies `items.factors`."""
    vectors = customers[:, 1:] if items.bias else customers
    return np.sqrt(np.square(vectors, dtype=np.float64).sum(axis=1))


def _margin(items: ItemBlocks, lengths: Scores) -> Scores:
    """(n,) how far two float32 scores may stand from their rounded float64 values together, at worst.

    A dot product of c terms is off by at most c x 2^-24 x |customer| x |item|; a shifted bias and a rounded bound add
    one unit each.
    """
    terms = items.factors.shape[1] + 2
    return 2 * ROUNDING + 2 * terms * 2.0**-24 * lengths * items.norms[0]


def _pool(items: ItemBlocks, customers: Singles, lengths: Scores, k: int, edges: Rows, banned: Banned | None) -> Keys:
    """(n, size) keys of the best k + SLACK ranks per customer by float32 score, best last."""
    vectors, margin = customers[:, 1:] if items.bias else customers, _margin(items, lengths)
    pool = np.full((len(customers), min(k + SLACK, items.n_items)), NOTHING, dtype=np.int64)
    active = np.flatnonzero(customers.any(axis=1))
    for number, (start, stop) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)):
        least = _values(pool[active, -min(k, pool.shape[1])]) - margin[active]
        reach = lengths[active] * items.norms[start] >= least
        active, least = active[reach], least[reach].astype(np.float32)
        if not len(active):
            break
        scores = vectors[active] @ items.factors[start:stop].T
        if banned is not None:
            banned.ban(scores, number, start, active, len(pool))
        # who still has no bound after the first block has few items left: all of them are taken
        least = np.maximum(least, LOWEST) if number else least
        for rows, columns, best in _hits(scores, least, pool.shape[1]):
            keys = np.where(columns < 0, NOTHING, _keys(best, columns + start))
            pool[active[rows]] = np.sort(np.hstack([pool[active[rows]], keys]), axis=1)[:, -pool.shape[1] :]
    return pool


def _keys(scores: Singles, ranks: NDArray[np.integer]) -> Keys:
    """Score and rank in one integer that sorts by score."""
    bits = (scores + np.float32(0.0)).view(np.int32)  # -0.0 becomes 0.0
    return ((bits ^ ((bits >> 31) & 0x7FFFFFFF)).astype(np.int64) << 32) | ranks


def _values(keys: Keys) -> Singles:
    """The scores of `_keys`, -inf for NOTHING."""
    bits = (keys >> 32).astype(np.int32)
    return np.where(keys == NOTHING, np.float32(-np.inf), (bits ^ ((bits >> 31) & 0x7FFFFFFF)).view(np.float32))


def _hits(scores: Singles, least: Singles, size: int) -> Iterator[tuple[Rows, Positions, Singles]]:
    """Rows of `scores` with their columns and values that reach `least` (one per row), padded with -1.

    A row without a bound (-inf) gives its best `size`, as does one in which far more reach the bound.
    """
    width = scores.shape[1]
    fresh = np.flatnonzero(np.isneginf(least))
    if len(fresh) and width > size:
        part = scores if len(fresh) == len(scores) else scores[fresh]
        least[fresh] = np.partition(part, width - size, axis=1)[:, width - size]
    least = np.maximum(least, LOWEST)
    hit = np.flatnonzero(scores >= least[:, None])
    row = hit // width
    count = np.bincount(row, minlength=len(scores))
    many = np.flatnonzero(count > 4 * size)
    if len(many):
        columns = np.argpartition(scores[many], width - size, axis=1)[:, width - size :].astype(np.int32)
        yield many, columns, np.take_along_axis(scores[many], columns, 1)
        keep = (count <= 4 * size)[row]
        hit, row, count = hit[keep], row[keep], np.where(count > 4 * size, 0, count)
    rows = np.flatnonzero(count)
    if len(rows):
        place = np.arange(len(row)) - np.repeat((np.cumsum(count) - count)[rows], count[rows])
        line = np.repeat(np.arange(len(rows)), count[rows])
        columns = np.full((len(rows), count.max()), NOBODY, dtype=np.int32)
        values = np.zeros(columns.shape, dtype=np.float32)
        columns[line, place] = hit - row * width
        values[line, place] = scores.reshape(-1)[hit]
        yield rows, columns, values


def _sure(pool: Keys, margin: Scores, k: int, n_items: int) -> tuple[Positions, Rows]:
    """Ranks that may be in a list, -1 elsewhere, and the rows with more near ties than the pool has places for."""
    values, size = _values(pool), pool.shape[1]
    near = (values >= (values[:, -min(k, size)] - margin)[:, None]) & (pool != NOTHING)
    crowded = near[:, 0] & (size < n_items)
    near[crowded] = False
    width = int(near.sum(axis=1).max(initial=0))
    ranks = (pool[:, size - width :] & 0xFFFFFFFF).astype(np.int32)
    return np.where(near[:, size - width :], ranks, NOBODY), np.flatnonzero(crowded)


def _columns(exclude: csr_matrix, row: int) -> Positions:
    """The stored columns of one row."""
    return np.asarray(exclude.indices[exclude.indptr[row] : exclude.indptr[row + 1]])
