"""A customer's purchases before a cut, as arrays sorted by customer, item and day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.interactions import Interactions
from recommend.catalogue import Catalogue, Codes

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Histories:
    """Purchases before `cut` (days since 1970-01-01, exclusive), one element per customer, item and day.

    `customers` (n,) are ids in the caller's order; `customer` and `item` are positions; arrays are sorted by
    (customer, item, day). `age` is cut - day, at least 1.
    """

    customers: NDArray[np.object_]
    n_items: int
    cut: int
    customer: Ints
    item: Ints
    age: Ints
    orders: Floats
    quantity: Floats
    amount: Floats

    @property
    def n(self) -> int:
        """How many customers there are, also those without a purchase."""
        return len(self.customers)


def build_histories(
    customers: NDArray[np.object_],
    n_items: int,
    cut: int,
    customer: NDArray,
    item: NDArray,
    day: NDArray,
    orders: NDArray,
    quantity: NDArray,
    amount: NDArray,
) -> Histories:
    """Histories from rows in any order: rows at or after `cut` or with item -1 are dropped, duplicates summed.
    Customers need not be sorted.

    This is the only door by which purchases reach candidates and features, so the cut is made here and nowhere else.
    """
    keep = (day < cut) & (item >= 0)
    c, i = customer[keep].astype(np.int64), item[keep].astype(np.int64)
    age = cut - day[keep].astype(np.int64)
    order = np.lexsort((-age, i, c))
    c, i, age = c[order], i[order], age[order]
    start = run_starts(c, i, age)
    # float32 first: what is collected for training and what a worker gets are then the same numbers
    sums = [sum_runs(v[keep].astype(np.float32).astype(np.float64)[order], start) for v in (orders, quantity, amount)]
    return Histories(customers, n_items, cut, c[start], i[start], age[start], *sums)


def histories_before(data: Interactions, catalogue: Catalogue, cut: int) -> Histories:
    """The histories of all customers of `data`; products outside the catalogue are dropped."""
    place = catalogue.positions(data.products)
    return build_histories(
        data.customers,
        len(catalogue),
        cut,
        data.customer,
        place[data.product] if len(data.product) else np.empty(0, np.int64),
        data.day,
        data.orders,
        data.quantity,
        data.amount,
    )


def one_level_up(h: Histories, place: Codes, n_items: int) -> Histories:
    """The histories of the groups that the items belong to; `place` (n_items,) is -1 for items without a group."""
    group = place[h.item].astype(np.int64)
    day = h.cut - h.age
    return build_histories(h.customers, n_items, h.cut, h.customer, group, day, h.orders, h.quantity, h.amount)


def bought_between(data: Interactions, catalogue: Catalogue, start: int, end: int) -> Ints:
    """Sorted keys customer * n_items + item of what was bought on days start <= day < end: labels."""
    place = catalogue.positions(data.products)
    rows = (data.day >= start) & (data.day < end)
    item = place[data.product[rows]]
    key = data.customer[rows].astype(np.int64) * len(catalogue) + item
    return np.unique(key[item >= 0])


def is_in(sorted_keys: Ints, keys: Ints) -> NDArray[np.bool_]:
    """Whether each of `keys` is among `sorted_keys`."""
    if not len(sorted_keys):
        return np.zeros(len(keys), dtype=bool)
    at = np.minimum(np.searchsorted(sorted_keys, keys), len(sorted_keys) - 1)
    return np.asarray(sorted_keys[at] == keys)


def run_starts(*columns: NDArray) -> Ints:
    """Positions where a new combination of the sorted columns begins."""
    n = len(columns[0])
    if n == 0:
        return np.empty(0, dtype=np.int64)
    new = np.ones(n, dtype=bool)
    new[1:] = False
    for column in columns:
        new[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(new).astype(np.int64)


def sum_runs(values: Floats, start: Ints) -> Floats:
    """Sum of each run of `values` that begins at `start`."""
    return np.add.reduceat(values, start) if len(start) else np.empty(0, dtype=np.float64)


def take(histories: Histories, chosen: Ints) -> Histories:
    """The histories of the customers at the sorted positions `chosen`."""
    new = np.full(histories.n, -1, dtype=np.int64)
    new[chosen] = np.arange(len(chosen))
    rows = new[histories.customer] >= 0
    return Histories(
        histories.customers[chosen],
        histories.n_items,
        histories.cut,
        new[histories.customer[rows]],
        histories.item[rows],
        histories.age[rows],
        histories.orders[rows],
        histories.quantity[rows],
        histories.amount[rows],
    )
