"""A customer's purchases before a cut, as arrays sorted by customer, item and day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.interactions import Interactions
from recommend.catalogue import Catalogue
from recommend.dealings import Dealings, as_dealings
from recommend.runs import Floats as Floats
from recommend.runs import Ints as Ints
from recommend.runs import is_in as is_in
from recommend.runs import run_starts as run_starts
from recommend.runs import sort_order
from recommend.runs import sum_runs as sum_runs
from recommend.signals import Seen, Tagged, build_seen, build_tagged, no_tags, no_views


@dataclass(frozen=True)
class Histories:
    """Purchases before `cut` (days since 1970-01-01, exclusive), one element per customer, item and day.

    `customers` (n,) are ids in the caller's order; `customer` and `item` are positions; arrays are sorted by
    (customer, item, day). `age` is cut - day, at least 1. `store` is a position in the model's stores, -1 unknown;
    `list_amount` what the rows cost at shelf price. `seen` and `tagged` are what is known of the same customers
    beside their purchases.
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
    list_amount: Floats
    store: Ints
    seen: Seen
    tagged: Tagged

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
    *,
    list_amount: NDArray | None = None,
    store: NDArray | None = None,
    seen: Seen | None = None,
    tagged: Tagged | None = None,
) -> Histories:
    """Histories from rows in any order: rows at or after `cut` or with item -1 are dropped, duplicates summed; of
    `orders` the largest counts, as in `features.interactions.from_columns`. Customers need not be sorted. `seen` and
    `tagged` come from `build_seen` and `build_tagged`, at the same cut.

    This is the only door by which purchases reach candidates and features, so the cut is made here and nowhere else.
    """
    keep = (day < cut) & (item >= 0)
    c, i = customer[keep].astype(np.int64), item[keep].astype(np.int64)
    age = cut - day[keep].astype(np.int64)
    order = sort_order(c, i, -age)
    c, i, age = c[order], i[order], age[order]
    start = run_starts(c, i, age)

    def sorted_rows(values: NDArray) -> Floats:
        # float32 first: what is collected for training and what a worker gets are then the same numbers
        return np.asarray(values[keep].astype(np.float32).astype(np.float64)[order])

    def summed(values: NDArray) -> Floats:
        return sum_runs(sorted_rows(values), start)

    where = np.full(len(day), -1) if store is None else store
    return Histories(
        customers,
        n_items,
        cut,
        c[start],
        i[start],
        age[start],
        np.maximum.reduceat(sorted_rows(orders), start) if len(start) else np.empty(0),
        summed(quantity),
        summed(amount),
        summed(amount if list_amount is None else list_amount),
        np.maximum.reduceat(where[keep][order].astype(np.int64), start) if len(start) else np.empty(0, np.int64),
        seen if seen is not None else no_views(),
        tagged if tagged is not None else no_tags(),
    )


def histories_before(data: Dealings | Interactions, catalogue: Catalogue, cut: int) -> Histories:
    """The histories of all customers of `data`: what had happened and was known before `cut`; products outside the
    catalogue are dropped."""
    known = as_dealings(data).before(cut)
    bought, views, tags = known.purchases, known.views, known.tags
    place = _places(catalogue, bought)
    return build_histories(
        bought.customers,
        len(catalogue),
        cut,
        bought.customer,
        place[bought.product],
        bought.day,
        bought.orders,
        bought.quantity,
        bought.amount,
        list_amount=bought.list_amount,
        store=bought.store,
        seen=build_seen(cut, views.customer, place[views.product], views.day, views.quantity, views.amount),
        tagged=build_tagged(cut, tags.customer, tags.product, tags.day, tags.amount),
    )


def _places(catalogue: Catalogue, data: Interactions) -> Ints:
    """Catalogue position of each product of `data`, -1 where it is outside."""
    return catalogue.positions(data.products) if data.n_products else np.empty(0, np.int64)


def one_level_up(h: Histories, place: NDArray[np.integer], n_items: int) -> Histories:
    """The histories of the groups that the items belong to; `place` (n_items,) is -1 for items without a group. The
    same as the histories of `Interactions.relabel`, which training has."""
    above = np.asarray(place)
    return build_histories(
        h.customers,
        n_items,
        h.cut,
        h.customer,
        above[h.item].astype(np.int64),
        h.cut - h.age,
        h.orders,
        h.quantity,
        h.amount,
        list_amount=h.list_amount,
        store=h.store,
        seen=build_seen(h.cut, h.seen.customer, above[h.seen.item], h.cut - h.seen.age, h.seen.views, h.seen.carts),
        tagged=h.tagged,
    )


def bought_between(data: Dealings | Interactions, catalogue: Catalogue, start: int, end: int) -> Ints:
    """Sorted keys customer * n_items + item of what was bought on days start <= day < end: labels."""
    bought = as_dealings(data).purchases.between(start, end)
    item = _places(catalogue, bought)[bought.product]
    key = bought.customer.astype(np.int64) * len(catalogue) + item
    return np.unique(key[item >= 0])


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
        histories.list_amount[rows],
        histories.store[rows],
        histories.seen.take(new),
        histories.tagged.take(new),
    )
