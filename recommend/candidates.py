"""Which items to consider for a customer, and what the collaborative models say of each.

Sources: her own items (repeat), ALS fold-in, item-item weights, popularity. The result for a customer does not depend
on who else is in the batch: each row is solved alone, sums run in float64 and model scores are rounded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommend.fold_in import FoldIn, fold_in
from recommend.histories import Floats, Histories, Ints, is_in, run_starts, take
from recommend.item_side import ItemSide, popularity_order
from recommend.list_params import CandidateParams
from recommend.pair_features import RECENT_DAYS, Scores, decayed, own_pairs
from recommend.topk import ItemBlocks, top_k

SOURCES = ("repeat", "als", "similar", "popular")
BLOCK = 256
DIGITS = 5  # model scores are rounded, so that the last bits of a float sum decide nothing
ALL_DAYS = 1_000_000


@dataclass(frozen=True)
class FoldInParams:
    """How a customer's vector is solved from her history; the values that the item factors were fitted with.

    `alpha`, `regularization`, `half_life_days`, `weight` ("log1p" or "capped" at `cap`) and `bias` as in the ALS.
    """

    alpha: float = 5.0
    regularization: float = 60.0
    half_life_days: float | None = 120.0
    weight: str = "log1p"
    cap: float = 5.0
    bias: bool = True


@dataclass(frozen=True)
class Sources:
    """Everything that candidates come from, opened once per process: item side, fold-in, items that ALS may offer."""

    side: ItemSide
    params: CandidateParams
    fold_params: FoldInParams
    fold: FoldIn
    offered: Ints
    blocks: ItemBlocks
    popular: Ints

    @staticmethod
    def of(side: ItemSide, params: CandidateParams, fold: FoldInParams) -> Sources:
        """Prepares the item side for lookups."""
        offered = np.flatnonzero(side.can_offer).astype(np.int64)
        order = popularity_order(side.pop28)
        return Sources(
            side,
            params,
            fold,
            FoldIn(np.asarray(side.factors), fold.alpha, fold.regularization, fold.bias),
            offered,
            ItemBlocks.of(np.asarray(side.factors[offered]), fold.bias),
            order[np.asarray(side.can_offer)[order]],
        )


@dataclass(frozen=True)
class Candidates:
    """Pairs sorted by (customer, item). `source` (n_pairs, len(SOURCES)) bool says which source gave the pair;
    `owned` whether she bought the item before; `scores` what the models say."""

    customer: Ints
    item: Ints
    source: NDArray[np.bool_]
    owned: NDArray[np.bool_]
    scores: Scores


def taste_matrix(h: Histories, params: FoldInParams) -> csr_matrix:
    """Customers x items weights: orders halved every `half_life_days`, summed, then squeezed by log1p or the cap."""
    start = run_starts(h.customer, h.item)
    weight = h.orders if params.half_life_days is None else h.orders * decayed(h.age, params.half_life_days)
    total = np.add.reduceat(weight, start) if len(start) else weight
    squeezed = np.log1p(total) if params.weight == "log1p" else np.minimum(total, params.cap)
    at = (h.customer[start], h.item[start])
    return csr_matrix((squeezed.astype(np.float32), at), shape=(h.n, h.n_items))


def build_candidates(h: Histories, sources: Sources, exclude: Ints | None = None) -> Candidates:
    """Candidates of every customer of `h`, block by block.

    `exclude` holds sorted keys customer * n_items + item that must not be recommended; the next best take their place.
    """
    banned = np.empty(0, dtype=np.int64) if exclude is None else exclude
    parts = []
    for first in range(0, h.n, BLOCK):
        rows = np.arange(first, min(first + BLOCK, h.n))
        low, high = np.searchsorted(banned, [first * h.n_items, (first + len(rows)) * h.n_items])
        parts.append(_block(take(h, rows), sources, banned[low:high] - first * h.n_items, first))
    return _concatenate(parts)


def _block(h: Histories, s: Sources, banned: Ints, first: int) -> Candidates:
    """The candidates of one block of customers, numbered from `first`."""
    own = own_pairs(h)
    vectors = fold_in(s.fold, taste_matrix(h, s.fold_params))
    closed = np.unique(np.concatenate([own.key, banned]))
    all_time, recent = _similar(h, s.side, ALL_DAYS), _similar(h, s.side, RECENT_DAYS)
    keys = [
        _own_keys(h, s.side, s.params.own),
        _als_keys(vectors, s, closed, h.n_items),
        _similar_keys(all_time, s.side, s.params.similar, closed, h.n_items),
        _popular_keys(h, s.popular, s.params.popular, closed),
    ]
    keys[0] = keys[0][~is_in(banned, keys[0])]
    every = np.unique(np.concatenate(keys))
    source = np.stack([is_in(np.sort(key), every) for key in keys], axis=1)
    customer, item = np.divmod(every, max(h.n_items, 1))
    scores = Scores(
        np.round(np.einsum("ij,ij->i", vectors[customer].astype(np.float64), s.side.factors[item]), DIGITS),
        _pick(all_time, s.side, customer, item),
        _pick(recent, s.side, customer, item),
    )
    return Candidates(customer + first, item, source, is_in(own.key, every), scores)


def _own_keys(h: Histories, side: ItemSide, limit: int) -> Ints:
    """Her own items that are still sold, the `limit` with the largest decayed counts."""
    own = own_pairs(h)
    customer, item = np.divmod(own.key, max(h.n_items, 1))
    sold = np.asarray(side.can_repeat)[item]
    customer, item, count = customer[sold], item[sold], own.counts[sold, -1]
    best = np.lexsort((item, -count, customer))
    customer, item = customer[best], item[best]
    return (customer * h.n_items + item)[rank_in(customer) < limit]


def rank_in(group: Ints) -> Ints:
    """0-based position of each element within its run of equal values."""
    start = run_starts(group)
    return np.arange(len(group)) - np.repeat(start, np.diff(np.append(start, len(group))))


def _als_keys(vectors: NDArray[np.float32], s: Sources, closed: Ints, n_items: int) -> Ints:
    """The best items by ALS that are neither hers nor excluded."""
    column = np.full(n_items, -1, dtype=np.int64)
    column[s.offered] = np.arange(len(s.offered))
    customer, item = np.divmod(closed, max(n_items, 1))
    inside = column[item] >= 0
    at = (customer[inside], column[item[inside]])
    shape = (len(vectors), len(s.offered))
    exclude = csr_matrix((np.ones(int(inside.sum()), dtype=np.float32), at), shape=shape)
    found, _ = top_k(s.blocks, vectors, s.params.als, exclude)
    row, place = np.nonzero(found >= 0)
    return row * n_items + s.offered[found[row, place]]


def _similar_keys(scores: Floats, side: ItemSide, k: int, closed: Ints, n_items: int) -> Ints:
    """The best items with a positive item-item score that are neither hers nor excluded."""
    items = np.asarray(side.similar_items)
    k = min(k, scores.shape[1])
    if k == 0:
        return np.empty(0, dtype=np.int64)
    column = np.full(n_items, -1, dtype=np.int64)
    column[items] = np.arange(len(items))
    customer, item = np.divmod(closed, max(n_items, 1))
    inside = column[item] >= 0
    free = np.round(scores, DIGITS)
    free[customer[inside], column[item[inside]]] = 0.0
    free[:, ~np.asarray(side.can_offer)[items]] = 0.0
    edge = np.partition(free, free.shape[1] - k, axis=1)[:, free.shape[1] - k, None]
    above = free > edge
    # ties at the edge go to the smaller id
    tied = (free == edge) & (np.cumsum(free == edge, axis=1) <= k - above.sum(axis=1, keepdims=True))
    row, place = np.nonzero((above | tied) & (free > 0))
    return row * n_items + items[place]


def _popular_keys(h: Histories, order: Ints, k: int, closed: Ints) -> Ints:
    """The `k` most popular items that are neither hers nor excluded."""
    depth = min(len(order), k + (int(np.bincount(closed // max(h.n_items, 1)).max()) if len(closed) else 0))
    keys = np.arange(h.n)[:, None] * h.n_items + order[None, :depth]
    free = ~is_in(closed, keys.ravel()).reshape(keys.shape)
    return keys[free & (np.cumsum(free, axis=1) <= k)]


def _similar(h: Histories, side: ItemSide, days: int) -> Floats:
    """Scores (customers, similar items): sums of the weights of the items she bought in the last `days`."""
    column = np.full(h.n_items, -1, dtype=np.int64)
    column[side.similar_items] = np.arange(len(side.similar_items))
    known = (column[h.item] >= 0) & (h.age <= days)
    customer, item = h.customer[known], column[h.item[known]]
    start = run_starts(customer, item)
    shape = (h.n, len(side.similar_items))
    # float32 like the weights, which would otherwise be copied; rows are summed one by one, whatever the batch
    seen = csr_matrix((np.ones(len(start), dtype=np.float32), (customer[start], item[start])), shape=shape)
    return np.asarray(seen @ np.asarray(side.similar_weights), dtype=np.float64)


def _pick(scores: Floats, side: ItemSide, customer: Ints, item: Ints) -> Floats:
    """The pair's score, 0 where the item is not among the similar items."""
    items = np.asarray(side.similar_items)
    if not len(items):
        return np.zeros(len(customer))
    at = np.minimum(np.searchsorted(items, item), len(items) - 1)
    return np.where(items[at] == item, np.round(scores[customer, at], DIGITS), 0.0)


def _concatenate(parts: list[Candidates]) -> Candidates:
    """The candidates of all blocks."""
    if not parts:
        none, no = np.empty(0), np.empty(0, dtype=np.int64)
        return Candidates(no, no, np.empty((0, len(SOURCES)), bool), np.empty(0, bool), Scores(none, none, none))
    return Candidates(
        np.concatenate([p.customer for p in parts]),
        np.concatenate([p.item for p in parts]),
        np.concatenate([p.source for p in parts]),
        np.concatenate([p.owned for p in parts]),
        Scores(*(np.concatenate([getattr(p.scores, n) for p in parts]) for n in ("als", "similar", "similar_recent"))),
    )
