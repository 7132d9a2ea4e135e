"""What she looked at, put into a cart or marked, and did not buy since."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recommend.histories import Floats, Ints, is_in
from recommend.pairs import decayed
from recommend.runs import rank_in, run_starts, sum_runs
from recommend.sources.block import DIGITS, Block

NAME = "viewed"
SCORES = ("viewed", "carted", "viewed_category")
HALF_LIFE = 14.0  # days in which a look at a page counts half
CART = 4.0  # looks that putting into the cart is worth


@dataclass(frozen=True)
class Wanted:
    """Looked at and not bought since, one element per sorted `key` customer * n_items + item: `score` decayed looks,
    `carted` days since the last time put into the cart (nan: never). `group` and `looks`: the same of categories."""

    key: Ints
    score: Floats
    carted: Floats
    group: Ints
    looks: Floats


def wanted(b: Block) -> Wanted:
    """What the customers of the block want, worked out once."""
    return b.once(NAME, lambda: _wanted(b))


def _wanted(b: Block) -> Wanted:
    seen, n = b.h.seen, b.h.n_items
    recent = seen.age <= b.s.params.view_days
    customer, item, age = seen.customer[recent], seen.item[recent], seen.age[recent]
    weight = (seen.views[recent] + CART * seen.carts[recent]) * decayed(age, HALF_LIFE)
    group, looks = _by_category(b, customer, item, weight)
    key, carts = customer * n + item, seen.carts[recent] > 0
    at, owned = b.own.find(key)
    if len(b.own.key):
        # bought on the day of the look or later: the wish came true
        still = ~owned | (b.own.last[at] > age)
        key, age, weight, carts = key[still], age[still], weight[still], carts[still]
    start = run_starts(key)
    last = np.where(carts, age, np.inf).astype(np.float64)
    carted = np.minimum.reduceat(last, start) if len(start) else np.empty(0)
    score = np.round(sum_runs(weight, start), DIGITS)
    return Wanted(key[start], score, np.where(np.isinf(carted), np.nan, carted), group, looks)


def _by_category(b: Block, customer: Ints, item: Ints, weight: Floats) -> tuple[Ints, Floats]:
    """Sorted keys customer * n_categories + category, and sums."""
    key = customer * len(b.s.catalogue.names["category"]) + b.s.categories[item]
    order = np.lexsort((item, key))
    start = run_starts(key[order])
    return key[order][start], np.round(sum_runs(weight[order], start), DIGITS)


def propose(b: Block, k: int) -> Ints:
    """Keys of the `k` most wanted items per customer that are neither hers nor banned and may be sold."""
    w = wanted(b)
    customer, item = b.split(w.key)
    side = b.s.side
    # an item that nobody bought yet may be looked at all the same
    sold = np.asarray(side.can_repeat)[item] | np.asarray(side.can_offer)[item]
    free = sold & ~is_in(b.closed, w.key)
    customer, item, score = customer[free], item[free], w.score[free]
    best = np.lexsort((item, -score, customer))
    customer, item = customer[best], item[best]
    return (customer * b.h.n_items + item)[rank_in(customer) < k]


def scores(b: Block, customer: Ints, item: Ints) -> dict[str, Floats]:
    """Decayed looks, days since the last time in the cart, decayed looks at anything of the category."""
    w = wanted(b)
    key = customer * b.h.n_items + item
    group = customer * len(b.s.catalogue.names["category"]) + b.s.categories[item]
    return {
        "viewed": looked_up(w.key, w.score, key, 0.0),
        "carted": looked_up(w.key, w.carted, key, np.nan),
        "viewed_category": looked_up(w.group, w.looks, group, 0.0),
    }


def looked_up(keys: Ints, values: Floats, wanted_keys: Ints, otherwise: float) -> Floats:
    """The value of each wanted key, `otherwise` where it is not among the sorted `keys`."""
    if not len(keys):
        return np.full(len(wanted_keys), otherwise)
    at = np.minimum(np.searchsorted(keys, wanted_keys), len(keys) - 1)
    return np.where(keys[at] == wanted_keys, values[at], otherwise)
