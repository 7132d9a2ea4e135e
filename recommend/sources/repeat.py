"""Her own items that are still sold, those with the largest decayed counts."""

from __future__ import annotations

import numpy as np

from recommend.histories import Floats, Ints, is_in
from recommend.runs import rank_in
from recommend.sources.block import Block

NAME = "repeat"
SCORES: tuple[str, ...] = ()


def propose(b: Block, k: int) -> Ints:
    """Keys of at most `k` own items per customer."""
    customer, item = b.split(b.own.key)
    sold = np.asarray(b.s.side.can_repeat)[item] & ~is_in(b.banned, b.own.key)
    customer, item, count = customer[sold], item[sold], b.own.counts[sold, -1]
    best = np.lexsort((item, -count, customer))
    customer, item = customer[best], item[best]
    return (customer * b.h.n_items + item)[rank_in(customer) < k]


def scores(b: Block, customer: Ints, item: Ints) -> dict[str, Floats]:
    """What she did with her own items are features of pairs, not scores."""
    return {}
