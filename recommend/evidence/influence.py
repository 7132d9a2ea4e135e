"""What each of a customer's purchases adds to her factor and item-item scores, exactly.

The item-item score is a sum over her items. For the ALS score, leaving one item out of the least squares that her
factors are solved by has a closed form (Sherman and Morrison 1950). On turned factors (`recommend/fold_in.py`) a
customer solves (I + A'A) u = A'w - level, with a row a_j per item she owns; with S = inv(I + A'A) the score t_i'u of
item i falls by (t_i'S a_j) (w_j - a_j'u) / (1 - a_j'S a_j) without item j. (The parts of Hu, Koren and Volinsky 2008,
section 5, sum to the score, but are not what it loses: the inverse depends on the item as well.)
"""

from __future__ import annotations

import numpy as np

from recommend.candidates import Sources
from recommend.histories import Floats, Ints


def similar_parts(sources: Sources, owned: Ints, items: Ints) -> Floats:
    """(n,) what each owned item adds to the item-item score of the item beside it."""
    known = np.asarray(sources.side.similar_items)
    out = np.zeros(len(items))
    if not len(known):
        return out
    column = np.full(len(sources.catalogue), -1, dtype=np.int64)
    column[known] = np.arange(len(known))
    row, to = column[owned], column[items]
    rows = np.flatnonzero((row >= 0) & (to >= 0))
    out[rows] = np.asarray(sources.side.similar_weights)[row[rows], to[rows]]
    new = sources.side.parts.get("similar.new")
    if new is not None:  # items too new for weights of their own have the mean of their neighbours
        for item in np.intersect1d(items, new).tolist():
            rows = np.flatnonzero((items == item) & (row >= 0))
            out[rows] = _of_neighbours(sources, row[rows], int(np.searchsorted(new, item)))
    return out


def _of_neighbours(sources: Sources, row: Ints, place: int) -> Floats:
    """(n owned,) mean weights from the owned items at `row` to the neighbours of a new item (`recommend/fresh.py`)."""
    parts = sources.side.parts
    near = slice(*np.asarray(parts["similar.near_start"])[place : place + 2].tolist())
    columns, share = np.asarray(parts["similar.near"])[near], np.asarray(parts["similar.near_weight"])[near]
    return np.asarray(sources.side.similar_weights[np.ix_(row, columns)].astype(np.float64) @ share)


def als_losses(sources: Sources, owned: Ints, weights: Floats, items: Ints) -> Floats:
    """(n items, n owned): how far the ALS score of each item falls when one owned item is left out of her history.

    `weights` (n owned,) are those of the taste matrix.
    """
    fold = sources.fold
    extra = np.maximum(fold.alpha * weights, 1e-12)
    root = np.sqrt(extra)
    fixed = np.asarray(fold.item_factors)[owned, 1].astype(np.float64) if fold.bias else 0.0
    wanted = (1.0 + extra - extra * fixed) / root
    a = fold.turned[owned].astype(np.float64) * root[:, None]
    left = a.T @ a
    left.reshape(-1)[:: len(left) + 1] += 1.0
    inverse = np.linalg.inv(left)
    reach = a @ inverse
    missed = wanted - reach @ (wanted @ a - fold.level)
    share = missed / (1.0 - np.einsum("ij,ij->i", reach, a))
    return np.asarray((fold.turned[items].astype(np.float64) @ reach.T) * share)
