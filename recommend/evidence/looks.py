"""What a customer looked at, counted for the rows that it speaks for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recommend.histories import Floats, Ints
from recommend.signals import Seen

SPAN = 1 << 20  # more days than any log holds


@dataclass(frozen=True)
class Looks:
    """Looks of a row, each (n_rows,): how many times its page was seen or it was put into a cart, the age of the
    latest, and the age of the latest time it was put into a cart (inf: never)."""

    times: Floats
    last: Floats
    carted: Floats


def count_looks(
    seen: Seen, codes: Ints | None, n_codes: int, customer: Ints, code: Ints, newer_than: Floats, days: int
) -> Looks:
    """Looks of `customer` at items of `code` (`codes` of each item, None: items themselves) in the last `days`, younger
    than `newer_than`."""
    what = seen.item if codes is None else codes[seen.item]
    key = seen.customer * n_codes + what
    wanted = customer * n_codes + code
    bound = np.minimum(newer_than, days + 1.0).astype(np.int64)
    times, last = _since(key, seen.age, seen.views + seen.carts, wanted, bound)
    carts = seen.carts > 0
    _, carted = _since(key[carts], seen.age[carts], seen.carts[carts], wanted, bound)
    return Looks(times, last, carted)


def _since(key: Ints, age: Ints, count: Floats, wanted: Ints, bound: Ints) -> tuple[Floats, Floats]:
    """Sum of `count` over the rows of each wanted key younger than its bound, and the least age, inf without any."""
    if not len(key):
        return np.zeros(len(wanted)), np.full(len(wanted), np.inf)
    order = np.lexsort((-age, key))
    sort = key[order] * SPAN + (SPAN - age[order])
    total = np.concatenate([[0.0], np.cumsum(count[order])])
    low = np.searchsorted(sort, wanted * SPAN + (SPAN - bound), side="right")
    high = np.searchsorted(sort, (wanted + 1) * SPAN, side="left")
    there = high > low
    return total[high] - total[low], np.where(there, age[order][np.maximum(high - 1, 0)], np.inf)
