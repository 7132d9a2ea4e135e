"""What she did with the item itself."""

from __future__ import annotations

import numpy as np

from recommend.features.asked import Asked
from recommend.histories import Floats
from recommend.pairs import HALF_LIVES

NAMES = ("times", *(f"count_half{d}" for d in HALF_LIVES), "recency", "known_for", "gap", "due", "units", "share60")
ABSENT = (0.0, *(0.0 for _ in HALF_LIVES), np.nan, np.nan, np.nan, np.nan, 0.0, 0.0)
PRIOR_GAP = 28.0  # days between purchases of an item of which nothing is known


def columns(a: Asked) -> Floats:
    """Columns `NAMES`; ages and gaps in days."""
    out = np.tile(np.array(ABSENT), (len(a.key), 1))
    at, there = a.own.find(a.key)
    if not there.any():
        return out
    # only the pairs that there are: most of the candidates are new to her
    at, item, customer = at[there], a.item[there], a.customer[there]
    times, last, first = a.own.times[at], a.own.last[at], a.own.first[at]
    gap = blended_gap(times, first, last, np.asarray(a.side.gap)[item].astype(np.float64))
    own_gap = np.where(times > 1, (first - last) / np.maximum(times - 1, 1), np.nan)
    counts = a.own.counts[at]
    share = counts[:, 2] / np.maximum(a.decayed_total[customer, 2], 1e-9)
    out[there] = np.stack([times, *counts.T, last, first, own_gap, last / gap, a.own.units[at] / times, share], axis=1)
    return out


def blended_gap(times: Floats, first: Floats, last: Floats, item_gap: Floats) -> Floats:
    """Days between purchases: her own mean gap and the item's median, which counts as much as one gap of hers."""
    prior = np.where(np.isnan(item_gap), PRIOR_GAP, item_gap)
    return np.asarray(((first - last) + prior) / times)
