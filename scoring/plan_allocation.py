"""Who gets which arm under a budget and capacities, from a matrix of expected net values: one simple allocator.

For comparing policies on equal terms: every policy that ranks by a value goes through this same door. (The daily
decisions have their own, `scoring/allocation.py`, with arms and propensities.)
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

ROUNDS = 60  # bisections of the price of money


def allocate(net: Array, cost: Array, budget: float | None, group: Array, capacity: Array) -> Array:
    """The arm of each person, -1 for none: at most one, only where `net` is positive, within all limits.

    net: (n, k) expected gain of each arm after its own cost; -inf where it may not go out. cost: (n, k) or (k,),
    counted against `budget` (None: no limit). group: (k,) code of the arm's channel; capacity: persons per channel
    (inf for none).

    The budget is met by a price on money (Lagrange, by bisection): each takes the arm with the largest
    net - price x cost. Where a channel overflows, those who gain least over their next arm move on, until none does.
    """
    net = np.where(np.isfinite(net), net, -np.inf)
    costs = np.broadcast_to(cost, net.shape)
    price = 0.0
    chosen = _fit(net, group, capacity)
    if budget is None or _spent(chosen, costs) <= budget:
        return chosen
    low, high = 0.0, 1.0
    while _spent(_fit(_priced(net, costs, high), group, capacity), costs) > budget and high < 1e9:
        low, high = high, high * 4
    for _ in range(ROUNDS):
        price = (low + high) / 2
        if _spent(_fit(_priced(net, costs, price), group, capacity), costs) > budget:
            low = price
        else:
            high = price
        if high - low < 1e-6 * max(1.0, high):
            break
    return _filled(_fit(_priced(net, costs, high), group, capacity), net, costs, budget, group, capacity)


def _filled(chosen: Array, net: Array, costs: Array, budget: float, group: Array, capacity: Array) -> Array:
    """What equal values leave of the budget: further persons by gain per money, each by her best such arm."""
    left = budget - _spent(chosen, costs)
    room = capacity - np.bincount(group[chosen[chosen >= 0]], minlength=len(capacity))
    ratio = np.where(net > 0, net / np.maximum(costs, 1e-12), -np.inf)
    arm = ratio.argmax(axis=1)
    best = np.where(chosen < 0, ratio[np.arange(len(arm)), arm], -np.inf)
    filled = chosen.copy()
    for person in np.argsort(-best, kind="stable"):
        a = arm[person]
        if not best[person] > 0:
            break
        if costs[person, a] <= left and room[group[a]] >= 1:
            filled[person] = a
            left -= costs[person, a]
            room[group[a]] -= 1
    return filled


def _priced(net: Array, costs: Array, price: float) -> Array:
    return np.where(np.isfinite(net), net - price * costs, -np.inf)


def _spent(chosen: Array, costs: Array) -> float:
    who = np.flatnonzero(chosen >= 0)
    return float(costs[who, chosen[who]].sum())


def _fit(net: Array, group: Array, capacity: Array) -> Array:
    """Best positive arm per person; overfull channels keep those who lose most by moving."""
    values = net.copy()
    rows = np.arange(len(values))
    while True:
        chosen = values.argmax(axis=1)
        best = values[rows, chosen]
        channel = np.where(best > 0, group[chosen], -1)
        overfull = [c for c in np.unique(channel[channel >= 0]) if (channel == c).sum() > capacity[c]]
        if not overfull:
            return np.where(best > 0, chosen, -1)
        for c in overfull:
            members = np.flatnonzero(channel == c)
            elsewhere = np.where(group[None, :] == c, -np.inf, values[members])
            regret = best[members] - np.maximum(elsewhere.max(axis=1), 0)
            leaving = members[np.argsort(-regret, kind="stable")[int(capacity[c]) :]]
            values[np.ix_(leaving, np.flatnonzero(group == c))] = -np.inf


def cut_to_budget(order: Array, cost: Array, budget: float | None) -> Array:
    """The first positions of `order` whose costs add up to no more than `budget`.

    >>> cut_to_budget(np.array([2, 0, 1]), np.array([1.0, 1.0, 3.0]), 4.0).tolist()
    [2, 0]
    """
    if budget is None:
        return order
    return order[np.cumsum(cost[order]) <= budget + 1e-9]
