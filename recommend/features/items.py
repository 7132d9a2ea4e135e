"""What all customers do with the item."""

from __future__ import annotations

import numpy as np

from recommend.features.asked import Asked
from recommend.histories import Floats

OF_SIDE = ("pop7", "pop28", "pop56", "new28", "buyers", "again", "gap", "price", "since")
NAMES = (*(f"item_{'item_gap' if n == 'gap' else n}" for n in OF_SIDE), "item_trend", "item_adoption")
STRANGERS = 20.0  # customers without the item, beside those counted, so that few make no rate


def columns(a: Asked) -> Floats:
    """Columns `NAMES`, from the item side."""
    side = a.side
    trend = (np.asarray(side.pop7) * 4.0 + 1.0) / (np.asarray(side.pop28) + 1.0)
    # of those who did not own it four weeks ago, how many took it up
    adoption = np.asarray(side.new28) / (float(side.customers) - np.asarray(side.buyers) + STRANGERS)
    table = np.stack([*(np.asarray(getattr(side, n)) for n in OF_SIDE), trend, adoption], axis=1)
    return np.asarray(table[a.item], dtype=np.float64)
