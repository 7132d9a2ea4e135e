"""How often a customer bought something, and when last."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recommend.histories import Floats, Histories, Ints, run_starts

SPAN = 1 << 20  # more days than any history holds


@dataclass(frozen=True)
class Rhythm:
    """Purchases of an item or a group, each (n_rows,): days with a purchase, and ages of the first and the last."""

    times: Floats
    first: Floats
    last: Floats

    @cached_property
    def gap(self) -> Floats:
        """Mean days between purchases; nan below two."""
        known = np.where(self.times > 1, self.times - 1, np.nan)
        return np.asarray((self.first - self.last) / known)


def group_rhythms(h: Histories, codes: Ints, n_codes: int, customer: Ints, code: Ints) -> Rhythm:
    """Her purchases of the groups of the rows (`customer`, `code`); `codes` (n_items,) is the group of each item."""
    wanted = np.zeros((h.n, n_codes), dtype=bool)
    wanted[customer, code] = True
    group = codes[h.item]
    rows = wanted[h.customer, group]
    days = np.unique((h.customer[rows] * n_codes + group[rows]) * SPAN + h.age[rows])
    pair, age = days // SPAN, days % SPAN
    start = run_starts(pair)
    if not len(start):
        return Rhythm(*(np.zeros(len(customer)) for _ in range(3)))
    end = np.append(start, len(pair))[1:] - 1
    key = customer * n_codes + code
    at = np.minimum(np.searchsorted(pair[start], key), len(start) - 1)
    there = pair[start][at] == key
    found = (end - start + 1, age[end], age[start])
    return Rhythm(*(np.where(there, values[at], 0).astype(np.float64) for values in found))
