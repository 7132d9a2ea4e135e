"""Next best categories: a customer's standing in each category, and the rules of that list.

Categories are scored by the same two stages as products, one level up (`recommend/catalogue.py`, `by_category`): every
category is a candidate of every customer, and the kinds are the states.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommend.histories import Floats, Ints

STATES = ("never", "lapsed", "active")


def category_states(owned: NDArray[np.bool_], recency: Floats, lapsed_days: int) -> Ints:
    """State of each category: never bought in, lapsed (last bought more than `lapsed_days` ago) or active."""
    return np.where(~owned, 0, np.where(recency > lapsed_days, 1, 2)).astype(np.int64)
