"""How far a source's scores of a customer lie apart: a score says more beside that, and compares across customers.

The spread is the standard deviation over the items new to her that could be offered when the item side was learned. It
depends on her purchases and that side only, not on who else is in the block, on candidates or on what is closed today:
it means the same in training and in scoring.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommend.histories import Floats, Ints
from recommend.sources.block import DIGITS, Block

LEAST = 1e-6  # below it all is equal to her


def als_spread(b: Block) -> Floats:
    """(n customers,) spread of the inner products of factors, without working them all out."""
    return b.once("als.spread", lambda: _als_spread(b))


def _als_spread(b: Block) -> Floats:
    total, square = b.s.offered_moments
    v = b.vectors.astype(np.float64)
    # a product per customer, whose last bits do not depend on how many there are
    turned = (v[:, None, :] @ square)[:, 0]
    sums, squares = np.einsum("ij,j->i", v, total), np.einsum("ij,ij->i", turned, v)
    customer, item = _own_offered(b)
    mine = np.einsum("ij,ij->i", v[customer], np.asarray(b.s.side.factors)[item].astype(np.float64))
    return _spread(b.h.n, int(b.s.learned.sum()), sums, squares, customer, mine)


def column_spread(b: Block, items: Ints, value: NDArray[np.float32]) -> Floats:
    """(n customers,) spread of `value` (n customers, len(items)), the scores of some items (sorted positions)."""
    offered = b.s.learned[items]
    shown = value if offered.all() else value[:, offered]
    wide = shown.astype(np.float64)
    column = np.full(b.h.n_items, -1, dtype=np.int64)
    column[items[offered]] = np.arange(int(offered.sum()))
    customer, item = b.split(b.own.key)
    inside = column[item] >= 0
    customer, mine = customer[inside], wide[customer[inside], column[item[inside]]]
    return _spread(b.h.n, wide.shape[1], wide.sum(axis=1), np.einsum("ij,ij->i", wide, wide), customer, mine)


def scaled(score: Floats, spread: Floats) -> Floats:
    """Scores in units of the spread; 0 where there is none."""
    return np.asarray(np.round(np.where(spread > LEAST, score / np.maximum(spread, LEAST), 0.0), DIGITS))


def _own_offered(b: Block) -> tuple[Ints, Ints]:
    """Her own items among those offered."""
    customer, item = b.split(b.own.key)
    inside = b.s.learned[item]
    return customer[inside], item[inside]


def _spread(n: int, items: int, sums: Floats, squares: Floats, customer: Ints, mine: Floats) -> Floats:
    """Standard deviation of all scores of a customer but hers, `mine`."""
    count = np.maximum(items - np.bincount(customer, minlength=n), 1)
    mean = (sums - np.bincount(customer, weights=mine, minlength=n)) / count
    square = (squares - np.bincount(customer, weights=mine * mine, minlength=n)) / count
    return np.asarray(np.sqrt(np.maximum(square - mean * mean, 0.0)))
