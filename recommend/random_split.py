"""A random split within each user, for data without a calendar: a sanity check of models, never evidence for lists."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def split_by_user(user: Ints, share: float, seed: int) -> NDArray[np.bool_]:
    """(n,) True for the `share` of each user's rows that is learned from (rounded), drawn at random.

    As `python_stratified_split` of recommenders does it.

    >>> kept = split_by_user(np.array([0, 0, 0, 0, 1, 1, 1, 1]), 0.75, seed=0)
    >>> int(kept[:4].sum()), int(kept[4:].sum())
    (3, 3)
    """
    order = np.lexsort((np.random.default_rng(seed).random(len(user)), user))
    start = np.searchsorted(user[order], user[order])
    size = np.bincount(user)[user[order]]
    kept = np.zeros(len(user), dtype=bool)
    kept[order] = np.arange(len(user)) - start < np.round(size * share)
    return kept
