"""Taking rows in order while limits allow it, for all customers at once.

Rows are sorted by customer and, within, in the order in which they are looked at. A row is taken when in each of its
groups fewer than the limit were taken before it. All rows are decided in a few rounds: one that has fewer than the
limit of rows before it that are taken or open is surely taken, one with as many taken before it surely not; the first
open row of a customer is always one or the other. The result is that of looking at one row after the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommend.runs import Ints, rank_in, run_starts, sort_order

Flags = NDArray[np.bool_]
DEPTH = 4  # rows looked at first, as a multiple of k; the others only where those do not suffice


@dataclass(frozen=True)
class Limit:
    """At most `most` rows of a customer's `group`, both (n rows,), `most` equal within a group; group -1 is free."""

    group: Ints
    most: Ints

    def take(self, rows: Ints) -> Limit:
        """The limits of the chosen rows."""
        return Limit(self.group[rows], self.most[rows])


def fill(c: Ints, taken: Flags, limits: list[Limit], k: int) -> Flags:
    """`taken` (n rows,) and what else the limits allow, in order, up to `k` rows per customer; what is taken already
    counts for the limits. `c` (n rows,) is sorted."""
    out = taken
    for depth in (DEPTH * k, len(c)):
        held = np.bincount(c[out], minlength=int(c.max(initial=-1)) + 1)
        rows = np.flatnonzero((held[c] < k) & (out | (rank_in(c) < depth)))
        if len(rows):
            out = _with(out, rows, _first(c[rows], out[rows], _allowed(c, out, limits, rows), k))
        if depth >= len(c):
            break
    return out


def fill_new(c: Ints, taken: Flags, limits: list[Limit], wanted: int, k: int) -> Flags:
    """As `fill`, until the last of `limits`, which allows one row of each group, has rows of `wanted` groups."""
    group = limits[-1].group
    n = int(c.max(initial=-1)) + 1
    has = taken & (group >= 0)
    have = np.bincount(c[has][rank_within(c[has], group[has]) == 0], minlength=n)
    missing = np.minimum(wanted - have, k - np.bincount(c[taken], minlength=n))
    rows = np.flatnonzero(taken | (group >= 0))
    new = _allowed(c, taken, limits, rows) & ~taken[rows]
    number = _count_before(c[rows], new)
    return _with(taken, rows, taken[rows] | (new & (number < missing[c[rows]])))


def rank_within(customer: Ints, group: Ints) -> Ints:
    """0-based rank of each row among the rows of its customer and group, in the order given."""
    order = sort_order(customer, group)
    out = np.empty(len(customer), dtype=np.int64)
    if len(customer):
        new = np.cumsum(np.r_[True, (np.diff(customer[order]) != 0) | (np.diff(group[order]) != 0)])
        out[order] = rank_in(new)
    return out


def _with(taken: Flags, rows: Ints, chosen: Flags) -> Flags:
    out = taken.copy()
    out[rows] = chosen
    return out


def _first(c: Ints, taken: Flags, allowed: Flags, k: int) -> Flags:
    """`taken`, and of what is `allowed` beside it the first rows up to `k` per customer."""
    held = np.bincount(c[taken], minlength=int(c.max(initial=-1)) + 1)
    return np.asarray(taken | (allowed & (held[c] + _count_before(c, allowed & ~taken) < k)))


def _count_before(c: Ints, flag: Flags) -> Ints:
    """How many flagged rows of the customer stand before each row."""
    total: Ints = np.cumsum(flag) - flag
    start = run_starts(c)
    return np.asarray(total - np.repeat(total[start], np.diff(np.append(start, len(c)))))


def _allowed(c: Ints, taken: Flags, limits: list[Limit], rows: Ints) -> Flags:
    """Which of `rows` the limits allow when they are gone through in order, those `taken` first."""
    order = sort_order(c[rows], (~taken[rows]).astype(np.int64), rows)
    seen, held = c[rows][order], taken[rows][order]
    limited = [_Counts.of(seen, limit.take(rows[order])) for limit in limits]
    yes, free = held.copy(), ~held
    while bool(free.any()):
        blocked, sure = np.zeros(len(free), dtype=bool), np.ones(len(free), dtype=bool)
        for count in limited:
            blocked |= count.before(yes) >= count.most
            sure &= count.before(yes | free) < count.most
        yes |= free & sure & ~blocked
        free &= ~(sure | blocked)
    out = np.empty(len(rows), dtype=bool)
    out[order] = yes
    return out


@dataclass(frozen=True)
class _Counts:
    """Rows sorted by group: `order` positions of rows, `start` of each row's group within them."""

    order: Ints
    start: Ints
    most: Ints

    @staticmethod
    def of(c: Ints, limit: Limit) -> _Counts:
        free = limit.group < 0
        # what is in no group stands alone
        group = np.where(free, int(limit.group.max(initial=-1)) + 1 + np.arange(len(c)), limit.group)
        order = sort_order(c, group)
        start = run_starts(c[order], group[order])
        size = np.diff(np.append(start, len(c)))
        return _Counts(order, np.repeat(start, size), np.where(free, np.maximum(limit.most, 1), limit.most))

    def before(self, flag: Flags) -> Ints:
        """How many flagged rows of the same customer and group stand before each row."""
        total = np.concatenate([[0], np.cumsum(flag[self.order])])
        out = np.empty(len(flag), dtype=np.int64)
        out[self.order] = total[:-1] - total[self.start]
        return out
