"""Next best categories: a customer's standing in each category, and the rules of that list.

Categories are scored by the same two stages as products, one level up (`recommend/catalogue.py`, `by_category`): every
category is a candidate of every customer, and the kinds are the states.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recommend.histories import Floats, Ints
from recommend.item_side import CandidateParams
from recommend.lists import ListParams

STATES = ("never", "lapsed", "active")
EVERY = 1_000_000


@dataclass(frozen=True)
class CategoryParams:
    """The list of next best categories and what the model behind it needs."""

    k: int = 10  # rows per customer
    never_slots: int = 4  # at least so many categories never bought in, where there are any
    bought_slots: int = 3  # at least so many bought in before
    lapsed_days: int = 84  # not bought in for longer: lapsed
    factors: int = 24  # ALS dimensions; there are few categories
    min_customers: int = 20  # customers below which a category is not suggested to whom it is new

    def candidates(self) -> CandidateParams:
        """Every category with enough customers is a candidate of everybody."""
        return CandidateParams(
            own=EVERY, als=0, similar=0, popular=EVERY, min_customers=self.min_customers, max_idle_days=EVERY
        )

    def lists(self, products: ListParams) -> ListParams:
        """The list rules, in the form of those for products."""
        return replace(
            products,
            k=self.k,
            discovery_slots=self.never_slots,
            repeat_slots=self.bought_slots,
            max_per_category=0,
        )


def category_states(owned: NDArray[np.bool_], recency: Floats, lapsed_days: int) -> Ints:
    """State of each category: never bought in, lapsed (last bought more than `lapsed_days` ago) or active."""
    return np.where(~owned, 0, np.where(recency > lapsed_days, 1, 2)).astype(np.int64)
