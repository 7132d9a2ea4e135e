"""Items that go with what she bought, by item-item weights (EASE)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommend.histories import Floats, Histories, Ints, run_starts
from recommend.item_side import ItemSide
from recommend.sources.block import DIGITS, Block
from recommend.sources.columns import best_columns
from recommend.sources.spread import column_spread, scaled

NAME = "similar"
SCORES = ("similar", "similar_recent", "similar_scaled", "similar_recent_scaled")
ALL_DAYS = 1_000_000
RECENT_DAYS = 56


def propose(b: Block, k: int) -> Ints:
    """Keys of the `k` best items per customer with a positive score that are neither hers nor banned."""
    items = np.asarray(b.s.side.similar_items)
    if k == 0 or not len(items):
        return np.empty(0, dtype=np.int64)
    return best_columns(b, items, np.round(_sums(b, ALL_DAYS), DIGITS), k)


def scores(b: Block, customer: Ints, item: Ints) -> dict[str, Floats]:
    """Over all she bought, and over what she bought in the last `RECENT_DAYS`; and the same beside how far hers lie
    apart."""
    days = {"similar": ALL_DAYS, "similar_recent": RECENT_DAYS}
    out = {name: _pick(_sums(b, d), b.s.side, customer, item) for name, d in days.items()}
    return out | {f"{name}_scaled": scaled(out[name], _spread(b, d)[customer]) for name, d in days.items()}


def _spread(b: Block, days: int) -> Floats:
    """`column_spread` of the block's sums, worked out once."""
    items = np.asarray(b.s.side.similar_items)
    return b.once(f"{NAME}.spread.{days}", lambda: column_spread(b, items, _sums(b, days)))


def _sums(b: Block, days: int) -> NDArray[np.float32]:
    """`sums` of the block, worked out once."""
    return b.once(f"{NAME}.{days}", lambda: sums(b.h, b.s.side, days))


def sums(h: Histories, side: ItemSide, days: int) -> NDArray[np.float32]:
    """Scores (customers, similar items): sums of the weights of the items she bought in the last `days`."""
    column = np.full(h.n_items, -1, dtype=np.int64)
    column[side.similar_items] = np.arange(len(side.similar_items))
    known = (column[h.item] >= 0) & (h.age <= days)
    customer, item = h.customer[known], column[h.item[known]]
    start = run_starts(customer, item)
    shape = (h.n, len(side.similar_items))
    # float32 like the weights, which would otherwise be copied; rows are summed one by one, whatever the batch
    seen = csr_matrix((np.ones(len(start), dtype=np.float32), (customer[start], item[start])), shape=shape)
    return np.asarray(seen @ np.asarray(side.similar_weights))


def _pick(scores: NDArray[np.float32], side: ItemSide, customer: Ints, item: Ints) -> Floats:
    """The pair's score; the mean of its neighbours where the item is too new for one, 0 where there is nothing."""
    items = np.asarray(side.similar_items)
    if not len(items):
        return np.zeros(len(customer))
    at = np.minimum(np.searchsorted(items, item), len(items) - 1)
    out = np.where(items[at] == item, scores[customer, at].astype(np.float64), 0.0)
    new = side.parts.get("similar.new")
    if new is not None:
        place = np.minimum(np.searchsorted(new, item), len(new) - 1)
        rows = np.flatnonzero(np.asarray(new)[place] == item)
        out[rows] = _of_neighbours(scores, side, customer[rows], place[rows])
    return np.asarray(np.round(out, DIGITS), dtype=np.float64)


def _of_neighbours(scores: NDArray[np.float32], side: ItemSide, customer: Ints, place: Ints) -> Floats:
    """Mean scores of the neighbours of the new items at `place` (`recommend/fresh.py`)."""
    start = np.asarray(side.parts["similar.near_start"])
    low, size = start[place], start[place + 1] - start[place]
    row = np.repeat(np.arange(len(place)), size)
    at = np.repeat(low - np.cumsum(size) + size, size) + np.arange(int(size.sum()))
    near = scores[customer[row], np.asarray(side.parts["similar.near"])[at]].astype(np.float64)
    weight = np.asarray(side.parts["similar.near_weight"])[at]
    return np.bincount(row, weights=near * weight, minlength=len(place)).astype(np.float64)
