"""What most customers bought in the last 28 days."""

from __future__ import annotations

import numpy as np

from recommend.histories import Floats, Ints, is_in
from recommend.sources.block import Block

NAME = "popular"
SCORES: tuple[str, ...] = ()


def propose(b: Block, k: int) -> Ints:
    """Keys of the `k` most popular items per customer that are neither hers nor banned."""
    return first_free(b, b.s.popular, k)


def first_free(b: Block, order: Ints, k: int) -> Ints:
    """Keys of the first `k` items of `order` per customer that are neither hers nor banned."""
    customer, _ = b.split(b.closed)
    depth = min(len(order), k + (int(np.bincount(customer).max()) if len(customer) else 0))
    keys = np.arange(b.h.n)[:, None] * b.h.n_items + order[None, :depth]
    free = ~is_in(b.closed, keys.ravel()).reshape(keys.shape)
    return np.asarray(keys[free & (np.cumsum(free, axis=1) <= k)])


def scores(b: Block, customer: Ints, item: Ints) -> dict[str, Floats]:
    """Popularity is a feature of items, not a score of pairs."""
    return {}
