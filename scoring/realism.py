"""Figures that describe a market from outside, the same for a simulated one and for public data.

All functions take plain arrays, one element per purchased item and day unless said otherwise. `customer` and `item`
are integer codes, `day` an integer day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

MIN_ORDER_DAYS = 5  # order days from which the variation of a customer's gaps is counted


@dataclass(frozen=True)
class Purchases:
    """Who bought what on which day, for how much (NaN where amounts are unknown)."""

    customer: Array
    item: Array
    day: Array
    amount: Array


def describe_purchases(p: Purchases) -> dict[str, float]:
    """The market's figures; see each key.

    - customers, order_days_per_customer (mean), items_per_order_day (mean of distinct items)
    - repeat_share: of the distinct customer-item-days in the second half of the period, the share whose item she had
      bought on an earlier day
    - gap_cv: median over customers with 5 or more order days of std / mean of the gaps between them
    - item_gini: Gini coefficient of the items' distinct buyers
    - top20_share: share of all spend that the 20 % of buyers who spend most bring (NaN without amounts)
    """
    customer, item, day = _distinct(p)
    n_days = int(day.max() - day.min()) + 1
    pairs = np.unique(np.stack([customer, day], axis=1), axis=0)
    buyers = np.unique(customer)
    return {
        "customers": float(len(buyers)),
        "days": float(n_days),
        "order_days_per_customer": len(pairs) / len(buyers),
        "items_per_order_day": len(customer) / len(pairs),
        "repeat_share": repeat_share(customer, item, day),
        "gap_cv": gap_variation(pairs),
        "item_gini": gini(np.unique(np.stack([item, customer], axis=1), axis=0)[:, 0]),
        "top20_share": top_share(p.customer, p.amount),
    }


def _distinct(p: Purchases) -> tuple[Array, Array, Array]:
    rows = np.unique(np.stack([p.customer, p.item, p.day], axis=1).astype(np.int64), axis=0)
    return rows[:, 0], rows[:, 1], rows[:, 2]


def repeat_share(customer: Array, item: Array, day: Array) -> float:
    """Share of distinct customer-item-days of the second half whose pair was seen before. Rows sorted by all three.

    >>> repeat_share(np.array([1, 1, 1]), np.array([5, 5, 6]), np.array([0, 9, 10]))
    0.5
    """
    middle = (int(day.min()) + int(day.max()) + 1) // 2
    again = np.zeros(len(day), bool)
    again[1:] = (customer[1:] == customer[:-1]) & (item[1:] == item[:-1])
    late = day >= middle
    return float(again[late].mean()) if late.any() else float("nan")


def gap_variation(order_days: Array) -> float:
    """Median coefficient of variation of gaps. order_days: rows (customer, day), sorted, distinct.

    >>> gap_variation(np.array([[1, 0], [1, 10], [1, 20], [1, 30], [1, 40]]))
    0.0
    """
    gaps = np.diff(order_days[:, 1]).astype(float)
    same = order_days[1:, 0] == order_days[:-1, 0]
    who, n = np.unique(order_days[1:, 0][same], return_counts=True)
    regular = who[n >= MIN_ORDER_DAYS - 1]
    keep = same & np.isin(order_days[1:, 0], regular)
    if not keep.any():
        return float("nan")
    _, code = np.unique(order_days[1:, 0][keep], return_inverse=True)
    count = np.bincount(code)
    mean = np.bincount(code, gaps[keep]) / count
    square = np.bincount(code, gaps[keep] ** 2) / count
    return float(np.median(np.sqrt(np.maximum(square - mean**2, 0)) / mean))


def gini(items: Array) -> float:
    """Gini coefficient of how often each item occurs in `items`.

    >>> gini(np.array([1, 2, 3])), round(gini(np.array([1, 1, 1, 2])), 3)
    (0.0, 0.25)
    """
    _, counts = np.unique(items, return_counts=True)
    counts = np.sort(counts).astype(float)
    n = len(counts)
    return float((2 * np.arange(1, n + 1) - n - 1) @ counts / (n * counts.sum()))


def top_share(customer: Array, amount: Array, share: float = 0.2) -> float:
    """Share of spend that the top `share` of customers bring."""
    if np.isnan(amount).any():
        return float("nan")
    _, code = np.unique(customer, return_inverse=True)
    total = np.sort(np.bincount(code, amount))[::-1]
    return float(total[: max(1, round(share * len(total)))].sum() / total.sum())


def average_effect(treated: Array, outcome: Array, weight: Array | None = None) -> tuple[float, float]:
    """Difference of mean outcome between treated and not, with its standard error. Weights as 1 / propensity."""
    w = np.ones(len(outcome)) if weight is None else weight
    parts = []
    for side in (treated.astype(bool), ~treated.astype(bool)):
        mean = np.average(outcome[side], weights=w[side])
        error = np.sum((w[side] * (outcome[side] - mean)) ** 2) / w[side].sum() ** 2
        parts.append((mean, error))
    return float(parts[0][0] - parts[1][0]), float(np.sqrt(parts[0][1] + parts[1][1]))


def qini(score: Array, treated: Array, outcome: Array, weight: Array | None = None) -> float:
    """Area between the Qini curve and its chord, per person. Larger is better; 0 is random order.

    Qini curve (Radcliffe 2007): after the k highest scores, responses of the treated less those of the others scaled
    to the treated's number. Weights as 1 / propensity make both sides stand for everybody. Ties are broken by
    position, so shuffle rows that were sorted by outcome.
    """
    order = np.argsort(-score, kind="stable")
    w = (np.ones(len(score)) if weight is None else weight)[order]
    t, y = w * treated[order], outcome[order].astype(float)
    c = w - t
    n_t, n_c = np.cumsum(t), np.cumsum(c)
    with np.errstate(divide="ignore", invalid="ignore"):
        curve = np.cumsum(y * t) - np.where(n_c > 0, np.cumsum(y * c) * n_t / n_c, 0.0)
    chord = curve[-1] * n_t / n_t[-1]
    return float(((curve - chord) * t).sum() / n_t[-1] / w.sum())


def qini_range(
    scores: Mapping[str, Array], treated: Array, outcome: Array, weight: Array | None = None
) -> tuple[float, float]:
    """Smallest and largest Qini over simple scores."""
    values = [qini(s, treated, outcome, weight) for s in scores.values()]
    return min(values), max(values)
