"""The best selling items of each group (type or category), and candidates from groups that suit a customer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommend.histories import Floats, Ints, is_in
from recommend.runs import rank_in, run_starts

DEPTH = 20  # items of a group that are proposed
GROUPS = 10  # groups per customer that items are taken from


@dataclass(frozen=True)
class Shelves:
    """`items` (n_groups, DEPTH) positions by sales of the last 28 days, -1 after the last; `share` their part of the
    group's sales, where one more sale is supposed of each."""

    items: Ints
    share: Floats


def build_shelves(codes: Ints, n_groups: int, sales: NDArray, can_offer: NDArray[np.bool_]) -> Shelves:
    """Shelves of groups given by `codes` (n_items,); ties go to the smaller position."""
    order = np.lexsort((np.arange(len(codes)), -sales.astype(np.float64), codes))
    order = order[can_offer[order]]
    group = codes[order]
    place = rank_in(group)
    total = np.bincount(group, weights=sales[order] + 1.0, minlength=n_groups)
    items = np.full((n_groups, DEPTH), -1, dtype=np.int64)
    share = np.zeros((n_groups, DEPTH))
    shown = place < DEPTH
    at = (group[shown], place[shown])
    items[at] = order[shown]
    share[at] = (sales[order[shown]] + 1.0) / total[group[shown]]
    return Shelves(items, share)


def best_of_groups(shelves: Shelves, customers: Ints, liked: Floats, closed: Ints, n_items: int, k: int) -> Ints:
    """Keys of the `k` best items per customer by liking times share; `liked` (len(customers), n_groups), 0 is no."""
    if not liked.size or k == 0:
        return np.empty(0, dtype=np.int64)
    top = min(GROUPS, liked.shape[1])
    # all values are different, so that the choice is the same on every machine
    split = np.round(liked, 9) - np.arange(liked.shape[1]) * 1e-13
    group = np.argpartition(-split, top - 1, axis=1)[:, :top]
    value = np.take_along_axis(liked, group, axis=1)[:, :, None] * shelves.share[group]
    item = shelves.items[group]
    key = customers[:, None, None] * n_items + item
    use = (item >= 0) & (value > 0)
    keys, values = key[use], np.round(value[use], 12)
    free = ~is_in(closed, keys)
    keys, values = keys[free], values[free]
    order = np.lexsort((keys, -values, keys // n_items))
    keys = keys[order]
    return keys[rank_in(keys // n_items) < k] if len(run_starts(keys)) else keys
