"""The life-cycle state machine, replayed from customers' order days, for many customers at once.

After each order a customer expects the next one within the own gap. The stage between orders follows from how long
the silence is, and from flags that orders set and clear:

- a silence of `at_risk` own gaps makes a customer at_risk, one of `lapsed` own gaps lapsed;
- a customer who has been at risk stays under watch until an order comes in less than `calm` own gaps; under watch, a
  silence of `calm` gaps is enough to be at_risk again. So entering takes more than staying;
- the order that ends a lapse makes the customer won_back, until such an order comes that is at
  least the `settle_orders`-th after it;
- loyal is entered at `loyal_orders` order days within `loyal_days` and kept down to `loyal_keep_orders` of them; a
  lapse ends it.

The own gap after an order is the median of the last gaps up to then, drawn towards the population's usual gap. No
order counts before its day, so the stage at an earlier day is the same whether or not later orders are known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.family_params import LifecycleParams

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

STAGES = ("follower", "prospect", "new", "repeat", "loyal", "at_risk", "lapsed", "won_back")
FOLLOWER, PROSPECT, NEW, REPEAT, LOYAL, AT_RISK, LAPSED, WON_BACK = range(len(STAGES))
NEVER = -1  # no stage, and no day
WIDE = 1 << 32  # more than there are days


@dataclass(frozen=True)
class Stages:
    """The stage of each customer at the cut: codes of `STAGES`, the days they began, and the codes before them.

    `NEVER` stands for none: no stage yet, or nothing before it. Days are counted as those that came in.
    """

    stage: Ints
    since: Ints
    previous: Ints


@dataclass(frozen=True)
class _Orders:
    """Order days in order of customer and day, and what holds right after each."""

    customer: Ints
    day: Ints
    first: Flags  # the customer's first
    gap: Ints  # days since the order before it, 0 on the first
    own: Floats  # own gap in days, known after it


def replay_stages(
    customer: Ints, day: Ints, cut: int, usual_gap: float, params: LifecycleParams, gaps: int, n_customers: int
) -> Stages:
    """The stages at the start of day `cut` of customers 0 to n - 1, from one row per customer and order day.

    Args:
        customer, day: in any order; a day given twice counts once; days are whole and before `cut`.
        usual_gap: the population's usual days between orders.
        gaps: how many of the last gaps make the own gap.
    """
    if not day.size:
        return Stages(*(np.full(n_customers, NEVER, np.int64) for _ in range(3)))
    orders = _sorted_orders(customer, day, usual_gap, params, gaps)
    return _last_two(*_segments(orders, cut, params), n_customers)


def _sorted_orders(customer: Ints, day: Ints, usual_gap: float, params: LifecycleParams, gaps: int) -> _Orders:
    # one number per customer and day, so that one sort does, and what is given twice is next to each other
    wide = np.sort(customer * WIDE + (day + WIDE // 2))
    wide = wide[np.concatenate([[True], np.diff(wide) != 0])]
    customer, day = wide // WIDE, wide % WIDE - WIDE // 2
    first = np.concatenate([[True], np.diff(customer) != 0])
    gap = np.where(first, 0, np.diff(day, prepend=day[:1]))
    median, known = running_medians(gap, first, gaps)
    own = (known * median + params.usual_gap_weight * usual_gap) / (known + params.usual_gap_weight)
    return _Orders(customer, day, first, gap, own)


def running_medians(gap: Ints, first: Flags, gaps: int) -> tuple[Floats, Ints]:
    """The median of the last `gaps` gaps up to each order, 0 where there is none, and how many they are."""
    position = np.arange(gap.size)
    start = np.maximum.accumulate(np.where(first, position, 0))
    known = np.minimum(position - start, gaps)
    padded = np.concatenate([np.zeros(gaps - 1, np.int32), gap.astype(np.int32)])
    last = np.lib.stride_tricks.sliding_window_view(padded, gaps)[:, ::-1]
    window = np.where(np.arange(gaps) < known[:, None], last, np.iinfo(np.int32).max)
    window.sort(axis=1)
    low, high = np.maximum(known - 1, 0) // 2, known // 2
    middle = (window[position, low] / 2.0) + (window[position, np.minimum(high, gaps - 1)] / 2.0)
    return np.where(known > 0, middle, 0.0), known


def _limits(own: Floats, params: LifecycleParams) -> tuple[Ints, Ints, Ints]:
    """Whole days of silence after which a customer is at risk, calm no more, and lapsed; rising in that order."""
    lapsed = np.minimum(np.maximum(params.lapsed * own, params.min_lapsed_days), params.max_lapsed_days)
    at_risk = np.minimum(np.maximum(params.at_risk * own, params.min_at_risk_days), lapsed)
    calm = at_risk * (params.calm / params.at_risk)
    # rounded before it is raised to whole days, so that 28.000000000000004 is 28
    risk_days, calm_days, lapsed_days = (np.ceil(np.round(v, 6)).astype(np.int64) for v in (at_risk, calm, lapsed))
    return risk_days, calm_days, lapsed_days


def _last_true(flag: Flags, position: Ints, start: Ints) -> Ints:
    """Position of the last true flag of the same customer up to each order, -1 without one."""
    last = np.maximum.accumulate(np.where(flag, position, NEVER))
    return np.where(last >= start, last, NEVER)


def _segments(orders: _Orders, cut: int, params: LifecycleParams) -> tuple[Ints, Ints, Ints]:
    """(customer, start day, stage) of every stretch that was reached, in order of customer and time."""
    customer, day, first, gap = orders.customer, orders.day, orders.first, orders.gap
    position = np.arange(day.size)
    start = np.maximum.accumulate(np.where(first, position, 0))
    risk_days, calm_days, lapsed_days = _limits(orders.own, params)
    before = np.maximum(position - 1, 0)
    calm = ~first & (gap < calm_days[before])
    lapse = ~first & (gap >= lapsed_days[before])
    last_calm, last_lapse = _last_true(calm, position, start), _last_true(lapse, position, start)

    # under watch: a silence that made her at risk since the last calm order
    risk = ~first & (gap >= risk_days[before])
    watched = _last_true(risk, position, start) > last_calm
    unsettled = (last_lapse >= 0) & (last_calm < last_lapse + params.settle_orders)
    stage = np.where(first, NEW, np.where(_loyal(orders, start, lapse, params), LOYAL, REPEAT))
    stage = np.where(unsettled, WON_BACK, stage)

    until = np.where(np.append(first[1:], True), cut, np.append(day[1:], cut))
    risk_from = day + np.where(watched, calm_days, risk_days)
    lapsed_from = day + lapsed_days
    starts = np.stack([day, risk_from, lapsed_from], axis=1)
    stages = np.stack([stage, np.full_like(stage, AT_RISK), np.full_like(stage, LAPSED)], axis=1)
    reached = np.stack(
        [np.ones(day.size, bool), (risk_from <= until) & (risk_from < lapsed_from), lapsed_from <= until], axis=1
    )
    owners = np.repeat(customer, 3).reshape(-1, 3)
    return owners[reached], starts[reached], stages[reached]


def _loyal(orders: _Orders, start: Ints, lapse: Flags, params: LifecycleParams) -> Flags:
    """Whether the customer is loyal right after each order, were there no lapse to settle."""
    position = np.arange(orders.day.size)
    wide = orders.customer * WIDE + orders.day  # so that one search counts the order days of each window
    within = position - np.searchsorted(wide, wide - params.loyal_days, side="right") + 1
    entered = (within >= params.loyal_orders) & ~lapse
    left = (within < params.loyal_keep_orders) | lapse
    return _last_true(entered, position, start) > _last_true(left, position, start)


def _last_two(customer: Ints, start: Ints, stage: Ints, n: int) -> Stages:
    """The last stage of each customer, when it began, and the one before it."""
    found, since, previous = (np.full(n, NEVER, np.int64) for _ in range(3))
    new = np.concatenate([[True], (np.diff(customer) != 0) | (np.diff(stage) != 0)])
    customer, start, stage = customer[new], start[new], stage[new]
    last = np.append(np.diff(customer) != 0, True)
    second = np.concatenate([[False], (customer[1:] == customer[:-1]) & last[1:]])
    found[customer[last]], since[customer[last]] = stage[last], start[last]
    previous[customer[second]] = stage[np.flatnonzero(second) - 1]
    return Stages(found, since, previous)
