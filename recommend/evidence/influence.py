"""What each of a customer's purchases adds to her factor and item-item scores, exactly.

The item-item score is a sum over her items. For the ALS score, leaving one item out of the least squares that her
factors are solved by has a closed form (Sherman and Morrison 1950): with A = Y'CY + regularization, u her factors and
a_j the extra confidence of item j, the score of item i falls by (y_i' inv(A) y_j) (1 + a_j (1 - y_j'u)) /
(1 - a_j y_j' inv(A) y_j). (The parts of Hu, Koren and Volinsky 2008, section 5, sum to the score, but are not what it
loses: inv(A) itself depends on the item.)
"""

from __future__ import annotations

import numpy as np

from recommend.candidates import Sources
from recommend.histories import Floats, Ints


def similar_parts(sources: Sources, owned: Ints, items: Ints) -> Floats:
    """(n items, n owned): what each owned item adds to the item-item score of each item."""
    known = np.asarray(sources.side.similar_items)
    if not len(known):
        return np.zeros((len(items), len(owned)))
    row, column = (np.minimum(np.searchsorted(known, v), len(known) - 1) for v in (owned, items))
    weights = np.asarray(sources.side.similar_weights)[row[None, :], column[:, None]].astype(np.float64)
    weights[known[column] != items] = 0.0
    new = sources.side.parts.get("similar.new")
    if new is not None:  # items too new for weights of their own have the mean of their neighbours
        for place in np.flatnonzero(np.isin(items, new)).tolist():
            weights[place] = _of_neighbours(sources, row, int(np.searchsorted(new, items[place])))
    weights[:, known[row] != owned] = 0.0
    return weights


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
    factors, fold = np.asarray(sources.side.factors), sources.fold
    y = factors[owned].astype(np.float64)
    extra = fold.alpha * weights
    left = fold.gram + (y * extra[:, None]).T @ y
    right = (1.0 + extra) @ y
    free = np.arange(left.shape[0])
    fixed = np.zeros(len(owned))
    if fold.bias:  # column 1 of her factors is 1 whatever she bought
        free, fixed = np.delete(free, 1), y[:, 1]
        right = right - left[:, 1]
    inverse = np.linalg.inv(left[np.ix_(free, free)])
    y = y[:, free]
    reach = y @ inverse
    missed = 1.0 + extra * (1.0 - fixed - reach @ right[free])
    share = missed / (1.0 - extra * np.einsum("ij,ij->i", reach, y))
    return np.asarray((factors[items].astype(np.float64)[:, free] @ reach.T) * share)
