"""Summaries of what happened between customers and one level of the hierarchy: items, or groups of items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommend.histories import Floats, Histories, Ints, run_starts, sum_runs
from recommend.runs import sort_order

HALF_LIVES = (14, 30, 60, 120)


@dataclass(frozen=True)
class Pairs:
    """What happened between customers and one level of the hierarchy: one element per pair, sorted by `key`.

    `key` is customer * n + item; `times` days with a purchase; `counts` (n_pairs, 4) orders, decayed by `HALF_LIVES`;
    `last` and `first` are ages, `units` a sum.
    """

    key: Ints
    times: Floats
    counts: Floats
    last: Floats
    first: Floats
    units: Floats

    def find(self, key: Ints) -> tuple[Ints, NDArray[np.bool_]]:
        """Position of each key (any position where absent) and whether it is there."""
        if not len(self.key):
            return np.zeros(len(key), dtype=np.int64), np.zeros(len(key), dtype=bool)
        at = np.minimum(np.searchsorted(self.key, key), len(self.key) - 1)
        return at, self.key[at] == key


def decayed(age: NDArray, half_life: float) -> Floats:
    """Weight of a purchase of that age: 1 on the last day before the cut, a half `half_life` days earlier."""
    return np.asarray(np.exp2((1.0 - age.astype(np.float64)) / half_life))


def summarise_pairs(customer: Ints, item: Ints, age: Ints, orders: Floats, units: Floats, n_items: int) -> Pairs:
    """Summaries of rows sorted by (customer, item, age falling), one row per day."""
    start = run_starts(customer, item)
    end = np.append(start, len(item))[1:] - 1
    counts = [sum_runs(orders * decayed(age, half), start) for half in HALF_LIVES]
    return Pairs(
        customer[start] * n_items + item[start],
        (end - start + 1).astype(np.float64),
        np.stack(counts, axis=1) if len(start) else np.empty((0, len(HALF_LIVES))),
        age[end].astype(np.float64) if len(start) else np.empty(0),
        age[start].astype(np.float64),
        sum_runs(units, start),
    )


def own_pairs(h: Histories) -> Pairs:
    """Summaries of the customers' own items."""
    return summarise_pairs(h.customer, h.item, h.age, h.orders, h.quantity, h.n_items)


def group_pairs(h: Histories, codes: NDArray, n_groups: int) -> Pairs:
    """Summaries one level up: what happened between the customers and the groups of their items."""
    group = codes[h.item].astype(np.int64)
    order = sort_order(h.customer, group, -h.age)
    c, g, age = h.customer[order], group[order], h.age[order]
    start = run_starts(c, g, age)
    # one order holds several items of a group: the largest count of the day stands for it
    orders = np.maximum.reduceat(h.orders[order], start) if len(start) else h.orders
    return summarise_pairs(c[start], g[start], age[start], orders, sum_runs(h.quantity[order], start), n_groups)
