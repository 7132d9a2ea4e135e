"""Baskets: a customer's days with a purchase, counted back from her last one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.interactions import Interactions

Counts = NDArray[np.int64]


def baskets_back(history: Interactions) -> tuple[Counts, Counts]:
    """(n_interactions,) how many baskets of the customer came after that of each, and (n_customers,) how many she has.

    The interactions of her last basket have 0.
    """
    keys, place = np.unique(history.customer.astype(np.int64) << 32 | history.day, return_inverse=True)
    baskets = np.bincount(keys >> 32, minlength=history.n_customers).astype(np.int64)
    number = np.arange(len(keys)) - np.searchsorted(keys >> 32, keys >> 32)
    return (baskets[keys >> 32] - 1 - number)[place.ravel()], baskets
