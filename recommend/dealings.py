"""All that the recommender learns from, on one axis of customers: purchases, views and carts, tags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from features.buyer_counts import BuyerCounts
from features.interactions import Interactions, from_columns
from recommend.tag_rules import TagRule


@dataclass(frozen=True)
class Dealings:
    """Three logs with the same `customers`, those without a purchase included.

    `views` has the product axis of `purchases`; its `quantity` are page views and its `amount` times put into a cart.
    `tags` has tags for products; its `amount` is the confidence of a tag on that day. `rules` say what tags mean.
    Where the customers are a sample, `counts` are buyers among all of them, by cut, on the product axis.
    """

    purchases: Interactions
    views: Interactions
    tags: Interactions
    rules: Mapping[str, TagRule] = field(default_factory=dict)
    counts: Mapping[int, BuyerCounts] = field(default_factory=dict)

    @property
    def n_customers(self) -> int:
        """Customers in the axis."""
        return self.purchases.n_customers

    def before(self, day: int) -> Dealings:
        """What had happened and was known before the local day `day`; all axes stay."""
        bought, seen, said = (log.before(day) for log in (self.purchases, self.views, self.tags))
        return replace(self, purchases=bought, views=seen, tags=said)

    def of_customers(self, first: int, last: int) -> Dealings:
        """The customers at positions first <= position < last; the other axes stay."""
        bought, seen, said = (log.of_customers(first, last) for log in (self.purchases, self.views, self.tags))
        return replace(self, purchases=bought, views=seen, tags=said)

    def relabel(self, labels: NDArray[np.object_]) -> Dealings:
        """Purchases and views one level up (`Interactions.relabel`); tags stay, counts do not."""
        bought, seen = self.purchases.relabel(labels), self.views.relabel(labels)
        return replace(self, purchases=bought, views=seen, counts={})


def as_dealings(data: Dealings | Interactions) -> Dealings:
    """`data`, or purchases of whose customers nothing else is known."""
    if isinstance(data, Dealings):
        return data
    return Dealings(data, nothing(data.customers, data.products), nothing(data.customers, np.empty(0, dtype=object)))


def nothing(customers: NDArray[np.object_], products: NDArray[np.object_]) -> Interactions:
    """A log with these axes and no row."""
    none = np.empty(0, dtype=np.int32)
    zero = np.empty(0, dtype=np.float32)
    return from_columns(customers, products, none, none, none, zero, zero, none)


def on_one_axis(
    purchases: Interactions,
    views: Interactions | None = None,
    tags: Interactions | None = None,
    customers: Iterable[str] = (),
    products: Iterable[str] = (),
    rules: Mapping[str, TagRule] | None = None,
) -> Dealings:
    """Logs with axes of their own brought to shared ones: all customers of the logs and `customers`, all products
    bought and `products`. Views of other products are dropped. Tags with a rule and those that end one have their
    place on the axis also if nobody had them: what is first told after training must still end or forbid."""
    logs = [log for log in (purchases, views, tags) if log is not None]
    who = _sorted(set(customers).union(*(log.customers for log in logs)))
    what = _sorted(set(products).union(purchases.products))
    bought = purchases.on_axes(who, what)
    known = dict(rules or {})
    told = _sorted({*known, *(other for rule in known.values() for other, _ in rule.closed_by)})
    said = nothing(who, told) if tags is None else tags.on_axes(who, _sorted({*told, *tags.products}))
    if views is None:
        return Dealings(bought, nothing(who, what), said, known)
    seen = views.take_products(np.isin(views.products.astype(str), what.astype(str)))
    return Dealings(bought, seen.on_axes(who, what), said, known)


def _sorted(ids: set[str]) -> NDArray[np.object_]:
    return np.array(sorted(ids), dtype=object)
