"""Features of (customer, item) pairs: one function for training, evaluation and scoring, so that there is no skew.

Everything is computed from `Histories` (purchases before the cut) and an `ItemSide` fitted at the same cut. The result
for a customer depends on her own rows only, never on who else is in the batch. Ages and gaps are in days.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from recommend.catalogue import Catalogue
from recommend.features import customers, groups, items, matches, offers, own_items, rhythm
from recommend.features.asked import Asked
from recommend.histories import Floats, Histories, Ints, take
from recommend.item_side import ItemSide

MODULES = (own_items, items, customers, groups, rhythm, offers, matches)
OWN, GROUP = own_items.NAMES, groups.OF_GROUP
ITEM = tuple(name.removeprefix("item_") for name in items.NAMES)
CUSTOMER = tuple(name.removeprefix("customer_") for name in customers.NAMES)
BLOCK = 1000
FEATURES: tuple[str, ...] = tuple(name for module in MODULES for name in module.NAMES)


def fit_feature_parts(h: Histories, catalogue: Catalogue, horizon: int) -> dict[str, NDArray]:
    """What features learn from the histories of all customers: arrays for `ItemSide.parts`."""
    return {**rhythm.fit(h, catalogue, horizon), **offers.fit(h)}


def pair_features(
    h: Histories, catalogue: Catalogue, side: ItemSide, customer: Ints, item: Ints, scores: Mapping[str, Floats]
) -> NDArray[np.float32]:
    """The matrix (n_pairs, len(FEATURES)), nan where a value is not known.

    `customer` indexes `h.customers` and is sorted. Worked out for `BLOCK` customers at a time: columns in the making
    are wider than the result.
    """
    out = np.empty((len(item), len(FEATURES)), dtype=np.float32)
    for first in range(0, h.n, BLOCK):
        low, high = np.searchsorted(customer, [first, first + BLOCK])
        some = take(h, np.arange(first, min(first + BLOCK, h.n))) if h.n > BLOCK else h
        said = {name: values[low:high] for name, values in scores.items()}
        _fill(out[low:high], Asked(some, catalogue, side, customer[low:high] - first, item[low:high], said))
    return out


def _fill(out: NDArray[np.float32], asked: Asked) -> None:
    """Writes the columns of every module."""
    first = 0
    for module in MODULES:
        last = first + len(module.NAMES)
        out[:, first:last] = module.columns(asked)
        first = last
