"""Whether the item is on offer: how many of its lines were sold below the shelf price, lately and usually."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommend.features.asked import Asked
from recommend.histories import Floats, Histories

OF_ITEM = ("lately7", "lately28", "usually", "depth14")
NAMES = (*(f"offer_{n}" for n in OF_ITEM), "offer_customer")
CENT = 0.005
LINES = 2.0  # usual lines that stand beside the recent ones


def fit(h: Histories) -> dict[str, NDArray]:
    """Per item: share of lines below the shelf price in the last 7 and 28 days and ever, and the part of the shelf
    price that was saved in the last 14 days."""
    reduced = (h.list_amount - h.amount > CENT).astype(np.float64)

    def total(rows: NDArray[np.bool_], values: Floats | None = None) -> Floats:
        weights = None if values is None else values[rows]
        return np.bincount(h.item[rows], weights=weights, minlength=h.n_items).astype(np.float64)

    every = np.ones(len(h.age), dtype=bool)
    usually = (total(every, reduced) + 1.0) / (total(every) + 10.0)
    shares = [(total(h.age <= d, reduced) + LINES * usually) / (total(h.age <= d) + LINES) for d in (7, 28)]
    recent = h.age <= 14
    depth = total(recent, h.list_amount - h.amount) / np.maximum(total(recent, h.list_amount), 0.01)
    arrays = dict(zip(OF_ITEM, (*shares, usually, depth), strict=True))
    return {f"offer.{name}": values.astype(np.float32) for name, values in arrays.items()}


def columns(a: Asked) -> Floats:
    """Columns `NAMES`; `offer_customer` is the share of her own lines that were on offer."""
    reduced = (a.h.list_amount - a.h.amount > CENT).astype(np.float64)
    lines = np.bincount(a.h.customer, minlength=a.h.n)
    hers = np.bincount(a.h.customer, weights=reduced, minlength=a.h.n) / np.maximum(lines, 1)
    of_item = np.stack([np.asarray(a.side.parts[f"offer.{n}"]) for n in OF_ITEM], axis=1)
    return np.concatenate([of_item[a.item], hers[a.customer][:, None]], axis=1, dtype=np.float64)
