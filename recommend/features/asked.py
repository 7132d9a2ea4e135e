"""The pairs that features are asked for, and what several features need of their customers, computed once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recommend.catalogue import LEVELS, Catalogue
from recommend.histories import Floats, Histories, Ints, run_starts
from recommend.item_side import ItemSide
from recommend.pairs import Pairs, group_pairs, own_pairs
from recommend.runs import sort_order


@dataclass(frozen=True)
class Asked:
    """Pairs (`customer`, `item`), each (n_pairs,), of customers of `h`, and what the sources say of them."""

    h: Histories
    catalogue: Catalogue
    side: ItemSide
    customer: Ints
    item: Ints
    scores: Mapping[str, Floats]

    @cached_property
    def own(self) -> Pairs:
        """Summaries of the customers' own items."""
        return own_pairs(self.h)

    @cached_property
    def key(self) -> Ints:
        """(n_pairs,) customer * n_items + item."""
        return self.customer * self.h.n_items + self.item

    def codes(self, level: str) -> Ints:
        """(n_items,) group of each item at a level of the hierarchy."""
        return np.asarray(self.catalogue.codes[level]).astype(np.int64)

    def group_key(self, level: str) -> Ints:
        """(n_pairs,) customer * n_groups + group of the item."""
        return self.customer * len(self.catalogue.names[level]) + self.codes(level)[self.item]

    @cached_property
    def groups(self) -> dict[str, Pairs]:
        """Summaries one level up, per level of the hierarchy."""
        return {n: group_pairs(self.h, self.catalogue.codes[n], len(self.catalogue.names[n])) for n in LEVELS}

    @cached_property
    def days(self) -> tuple[Ints, Ints]:
        """Distinct (customer, age) of any purchase."""
        order = sort_order(self.h.customer, self.h.age)
        start = run_starts(self.h.customer[order], self.h.age[order])
        return self.h.customer[order][start], self.h.age[order][start]

    @cached_property
    def decayed_total(self) -> Floats:
        """(n customers, half-lives) decayed orders of all items."""
        customer = self.own.key // max(self.h.n_items, 1)
        sums = [np.bincount(customer, weights=count, minlength=self.h.n) for count in self.own.counts.T]
        return np.stack(sums, axis=1).astype(np.float64)
