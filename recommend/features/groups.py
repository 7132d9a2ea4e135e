"""What she did with the groups of the item: its category, type and brand."""

from __future__ import annotations

import numpy as np

from recommend.catalogue import LEVELS
from recommend.features.asked import Asked
from recommend.features.own_items import PRIOR_GAP
from recommend.histories import Floats

OF_GROUP = ("count30", "count120", "share120", "recency", "days", "due")
NAMES = tuple(f"{level}_{n}" for level in LEVELS for n in OF_GROUP)
ABSENT = (0.0, 0.0, 0.0, np.nan, 0.0, np.nan)


def columns(a: Asked) -> Floats:
    """Columns `NAMES`; recency in days."""
    out = np.tile(np.array(ABSENT), (len(a.key), len(LEVELS)))
    total = a.decayed_total[:, 3]
    for j, level in enumerate(LEVELS):
        groups = a.groups[level]
        at, there = groups.find(a.group_key(level))
        at = at[there]
        counts, last, times = groups.counts[at], groups.last[at], groups.times[at]
        gap = (groups.first[at] - last + PRIOR_GAP) / times
        share = counts[:, 3] / np.maximum(total[a.customer[there]], 1e-9)
        first = j * len(OF_GROUP)
        values = [counts[:, 1], counts[:, 3], share, last, times, last / gap]
        out[there, first : first + len(OF_GROUP)] = np.stack(values, axis=1)
    return out
