"""Features of (customer, item) pairs: one function for training, evaluation and scoring, so that there is no skew.

Everything is computed from `Histories` (purchases before the cut) and an `ItemSide` fitted at the same cut. The result
for a customer depends on her own rows only, never on who else is in the batch. Ages and gaps are in days.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from recommend.catalogue import LEVELS, Catalogue
from recommend.histories import Floats, Histories, Ints, run_starts
from recommend.item_side import ItemSide
from recommend.pairs import HALF_LIVES, Pairs, group_pairs, own_pairs
from recommend.sources.registry import SCORES

PRIOR_GAP = 28.0  # days between purchases of an item of which nothing is known

OWN = ("times", *(f"count_half{d}" for d in HALF_LIVES), "recency", "known_for", "gap", "due", "units", "share60")
ITEM = ("pop7", "pop28", "pop56", "new28", "buyers", "again", "item_gap", "price", "since", "trend")
CUSTOMER = ("last_seen", "days28", "days84", "own_items", "new_items28", "lines_per_day", "mean_price", "member_for")
GROUP = ("count30", "count120", "share120", "recency", "days", "due")
MATCH = (*SCORES, "price_ratio")
FEATURES = (
    *OWN,
    *(f"item_{n}" for n in ITEM),
    *(f"customer_{n}" for n in CUSTOMER),
    *(f"{level}_{n}" for level in LEVELS for n in GROUP),
    *MATCH,
)


def pair_features(
    h: Histories, catalogue: Catalogue, side: ItemSide, customer: Ints, item: Ints, scores: Mapping[str, Floats]
) -> NDArray[np.float32]:
    """The matrix (n_pairs, len(FEATURES)), nan where a value is not known. `customer` indexes `h.customers`."""
    own = own_pairs(h)
    totals = _customer_totals(h, own)
    blocks = [
        _own_features(own, side, customer * h.n_items + item, item, totals["count60"][customer]),
        _item_features(side, item),
        np.stack([totals[n][customer] for n in CUSTOMER], axis=1),
    ]
    for level in LEVELS:
        n_groups = len(catalogue.names[level])
        groups = group_pairs(h, catalogue.codes[level], n_groups)
        key = customer * n_groups + catalogue.codes[level][item]
        blocks.append(_group_features(groups, key, totals["count120"][customer]))
    price = np.log((side.price[item] + 0.1) / (totals["mean_price"][customer] + 0.1))
    blocks.append(np.stack([*(scores[name] for name in SCORES), price], axis=1))
    return np.concatenate(blocks, axis=1, dtype=np.float32)


def blended_gap(times: Floats, first: Floats, last: Floats, item_gap: Floats) -> Floats:
    """Days between purchases: her own mean gap and the item's median, which counts as much as one gap of hers."""
    prior = np.where(np.isnan(item_gap), PRIOR_GAP, item_gap)
    return np.asarray(((first - last) + prior) / times)


def _own_features(own: Pairs, side: ItemSide, key: Ints, item: Ints, total60: Floats) -> Floats:
    """Columns `OWN`."""
    at, there = own.find(key)
    out = np.zeros((len(key), len(OWN)))
    if not len(own.key):
        out[:, [5, 6, 7, 8]] = np.nan
        return out
    times, last, first = own.times[at], own.last[at], own.first[at]
    gap = blended_gap(times, first, last, side.gap[item].astype(np.float64))
    own_gap = np.where(times > 1, (first - last) / np.maximum(times - 1, 1), np.nan)
    share = own.counts[at, 2] / np.maximum(total60, 1e-9)
    columns = [times, *own.counts[at].T, last, first, own_gap, last / gap, own.units[at] / times, share]
    absent = [0.0] * 5 + [np.nan] * 4 + [0.0] * 2
    for j, (values, otherwise) in enumerate(zip(columns, absent, strict=True)):
        out[:, j] = np.where(there, values, otherwise)
    return out


def _item_features(side: ItemSide, item: Ints) -> Floats:
    """Columns `ITEM`."""
    trend = (side.pop7 * 4 + 1) / (side.pop28 + 1)
    columns = [side.pop7, side.pop28, side.pop56, side.new28, side.buyers]
    columns += [side.again, side.gap, side.price, side.since, trend]
    return np.stack([np.asarray(c)[item].astype(np.float64) for c in columns], axis=1)


def _group_features(groups: Pairs, key: Ints, total: Floats) -> Floats:
    """Columns `GROUP` of one level."""
    at, there = groups.find(key)
    if not len(groups.key):
        return np.tile([0.0, 0.0, 0.0, np.nan, 0.0, np.nan], (len(key), 1))
    counts, last, times = groups.counts[at], groups.last[at], groups.times[at]
    gap = (groups.first[at] - last + PRIOR_GAP) / times
    columns = [counts[:, 1], counts[:, 3], counts[:, 3] / np.maximum(total, 1e-9), last, times, last / gap]
    absent = [0.0, 0.0, 0.0, np.nan, 0.0, np.nan]
    return np.stack([np.where(there, v, o) for v, o in zip(columns, absent, strict=True)], axis=1)


def _customer_totals(h: Histories, own: Pairs) -> dict[str, Floats]:
    """Columns `CUSTOMER` and two sums, each (n customers,)."""
    n = h.n
    own_customer = own.key // max(h.n_items, 1)
    order = np.lexsort((h.age, h.customer))
    start = run_starts(h.customer[order], h.age[order])
    day_customer, day_age = h.customer[order][start], h.age[order][start]

    def count(who: Ints, weights: Floats | None = None) -> Floats:
        return np.bincount(who, weights=weights, minlength=n).astype(np.float64)

    last, first = np.full(n, np.nan), np.full(n, np.nan)
    np.fmin.at(last, day_customer, day_age)
    np.fmax.at(first, day_customer, day_age)
    units = count(h.customer, np.maximum(h.quantity, 1.0))
    return {
        "last_seen": last,
        "days28": count(day_customer[day_age <= 28]),
        "days84": count(day_customer[day_age <= 84]),
        "own_items": count(own_customer),
        "new_items28": count(own_customer[own.first <= 28]),
        "lines_per_day": count(h.customer) / np.maximum(count(day_customer), 1),
        "mean_price": count(h.customer, h.amount) / np.maximum(units, 1.0),
        "member_for": first,
        "count60": count(own_customer, own.counts[:, 2]),
        "count120": count(own_customer, own.counts[:, 3]),
    }
