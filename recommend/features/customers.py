"""How she shops: how often, how much, how dear, how curious."""

from __future__ import annotations

import numpy as np

from recommend.features.asked import Asked
from recommend.histories import Floats, Ints, run_starts

NAMES = tuple(
    f"customer_{n}"
    for n in (
        "last_seen",
        "days14",
        "days28",
        "days84",
        "own_items",
        "new_items28",
        "new_items84",
        "items28",
        "lines_per_day",
        "mean_price",
        "member_for",
    )
)


def columns(a: Asked) -> Floats:
    """Columns `NAMES`."""
    totals = totals_of(a)
    table = np.stack([totals[n.removeprefix("customer_")] for n in NAMES], axis=1)
    return np.asarray(table[a.customer], dtype=np.float64)


def totals_of(a: Asked) -> dict[str, Floats]:
    """Per name (n customers,)."""
    h, n = a.h, a.h.n
    own_customer = a.own.key // max(h.n_items, 1)
    day_customer, day_age = a.days

    def count(who: Ints, weights: Floats | None = None) -> Floats:
        return np.bincount(who, weights=weights, minlength=n).astype(np.float64)

    last, first = np.full(n, np.nan), np.full(n, np.nan)
    start = run_starts(day_customer)
    if len(start):
        last[day_customer[start]] = day_age[start]
        first[day_customer[start]] = day_age[np.append(start[1:], len(day_age)) - 1]
    return {
        "last_seen": last,
        "days14": count(day_customer[day_age <= 14]),
        "days28": count(day_customer[day_age <= 28]),
        "days84": count(day_customer[day_age <= 84]),
        "own_items": count(own_customer),
        "new_items28": count(own_customer[a.own.first <= 28]),
        "new_items84": count(own_customer[a.own.first <= 84]),
        "items28": count(own_customer[a.own.last <= 28]),
        "lines_per_day": count(h.customer) / np.maximum(count(day_customer), 1),
        "mean_price": mean_price(a),
        "member_for": first,
    }


def mean_price(a: Asked) -> Floats:
    """(n customers,) mean amount per unit."""
    units = np.bincount(a.h.customer, weights=np.maximum(a.h.quantity, 1.0), minlength=a.h.n)
    amount = np.bincount(a.h.customer, weights=a.h.amount, minlength=a.h.n)
    return np.asarray(amount / np.maximum(units, 1.0), dtype=np.float64)
