"""What customers of a batch did or said beside buying, before the cut: views and carts, and tags."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommend.runs import Floats, Ints, run_starts, sort_order, sum_runs


@dataclass(frozen=True)
class Seen:
    """Items looked at, one element per customer, item and day, sorted by (customer, item, day): `views` of its page,
    `carts` times put into a cart; `age` is cut - day, at least 1."""

    customer: Ints
    item: Ints
    age: Ints
    views: Floats
    carts: Floats

    def take(self, number: Ints) -> Seen:
        """The rows of customers with a number of 0 or more in `number` (n customers,), renumbered."""
        rows = number[self.customer] >= 0
        mine = (self.item[rows], self.age[rows], self.views[rows], self.carts[rows])
        return Seen(number[self.customer[rows]], *mine)


@dataclass(frozen=True)
class Tagged:
    """Tags, one element per customer, tag and day, sorted by (customer, tag, day): `tag` is a position in the model's
    tags, `confidence` in (0, 1] the surest of the day."""

    customer: Ints
    tag: Ints
    age: Ints
    confidence: Floats

    def take(self, number: Ints) -> Tagged:
        """As `Seen.take`."""
        rows = number[self.customer] >= 0
        return Tagged(number[self.customer[rows]], self.tag[rows], self.age[rows], self.confidence[rows])


def build_seen(cut: int, customer: NDArray, item: NDArray, day: NDArray, views: NDArray, carts: NDArray) -> Seen:
    """`Seen` from rows in any order; rows at or after `cut` or with item -1 are dropped, duplicates summed."""
    keep = (day < cut) & (item >= 0)
    c, i, age = customer[keep].astype(np.int64), item[keep].astype(np.int64), cut - day[keep].astype(np.int64)
    order = sort_order(c, i, -age)
    c, i, age = c[order], i[order], age[order]
    start = run_starts(c, i, age)
    sums = [sum_runs(v[keep].astype(np.float64)[order], start) for v in (views, carts)]
    return Seen(c[start], i[start], age[start], *sums)


def build_tagged(cut: int, customer: NDArray, tag: NDArray, day: NDArray, confidence: NDArray) -> Tagged:
    """`Tagged` from rows in any order; rows at or after `cut` or with tag -1 are dropped, the surest of a day stays."""
    keep = (day < cut) & (tag >= 0)
    c, t, age = customer[keep].astype(np.int64), tag[keep].astype(np.int64), cut - day[keep].astype(np.int64)
    order = sort_order(c, t, -age)
    c, t, age = c[order], t[order], age[order]
    start = run_starts(c, t, age)
    sure = confidence[keep].astype(np.float64)[order]
    best = np.maximum.reduceat(sure, start) if len(start) else np.empty(0)
    return Tagged(c[start], t[start], age[start], best)


def no_views() -> Seen:
    """Nobody looked at anything."""
    none, zero = np.empty(0, dtype=np.int64), np.empty(0)
    return Seen(none, none, none, zero, zero)


def no_tags() -> Tagged:
    """Nobody has a tag."""
    none = np.empty(0, dtype=np.int64)
    return Tagged(none, none, none, np.empty(0))
