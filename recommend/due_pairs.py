"""Purchase days of customers and items of one level, as the repeat purchase model reads them (`recommend/due.py`)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommend.histories import Floats, Histories, Ints, run_starts, sum_runs
from recommend.pairs import decayed
from recommend.runs import sort_order


@dataclass(frozen=True)
class DuePairs:
    """Purchase days of customers and items of one level: one element per pair, sorted by `key` = customer * n + item.

    `times` days with a purchase; `first` and `last` ages in days; `log_gaps` the sum of the logs of the gaps between
    them; `count30` and `count120` days decayed by that half-life; `visits30` and `visits120` the customer's days with
    any purchase, decayed likewise; `last_visit` the age of the latest.
    """

    key: Ints
    times: Floats
    first: Floats
    last: Floats
    log_gaps: Floats
    count30: Floats
    count120: Floats
    visits30: Floats
    visits120: Floats
    last_visit: Floats


@dataclass(frozen=True)
class PurchaseDays:
    """Distinct (customer, item, age), sorted with the age falling, and distinct (customer, age) of `n` customers."""

    n: int
    n_items: int
    customer: Ints
    item: Ints
    age: Ints
    visitor: Ints
    visit: Ints

    def earlier(self, days: int) -> PurchaseDays:
        """As they stood `days` before."""
        rows, visits = self.age > days, self.visit > days
        mine = (self.customer[rows], self.item[rows], self.age[rows] - days)
        return PurchaseDays(self.n, self.n_items, *mine, self.visitor[visits], self.visit[visits] - days)

    def of_customers(self, keep: NDArray[np.bool_]) -> PurchaseDays:
        """The days of customers where `keep` (n,) holds; numbers stay."""
        rows, visits = keep[self.customer], keep[self.visitor]
        mine = (self.customer[rows], self.item[rows], self.age[rows])
        return PurchaseDays(self.n, self.n_items, *mine, self.visitor[visits], self.visit[visits])


def due_pairs(h: Histories, codes: NDArray | None = None, n_groups: int | None = None) -> DuePairs:
    """The pairs of `h` with its items, or with the groups that `codes` (n_items,) in [0, `n_groups`) put them in;
    items with code -1 are left out."""
    return as_pairs(purchase_days(h, codes, n_groups))


def purchase_days(h: Histories, codes: NDArray | None, n_groups: int | None) -> PurchaseDays:
    """Purchase days of `h` at the level of `codes`; visits are days with any purchase."""
    n_items = h.n_items if n_groups is None else n_groups
    item = h.item if codes is None else np.asarray(codes)[h.item].astype(np.int64)
    order = sort_order(h.customer, item, -h.age)
    order = order[item[order] >= 0]
    c, i, age = h.customer[order], item[order], h.age[order]
    start = run_starts(c, i, age)
    by_day = sort_order(h.customer, h.age)
    first = by_day[run_starts(h.customer[by_day], h.age[by_day])]
    return PurchaseDays(h.n, max(n_items, 1), c[start], i[start], age[start], h.customer[first], h.age[first])


def as_pairs(days: PurchaseDays) -> DuePairs:
    """Summaries of the pairs of `days`."""
    age = days.age.astype(np.float64)
    start = run_starts(days.customer, days.item)
    end = np.append(start, len(age))[1:] - 1 if len(start) else start
    gap = np.ones(len(age))
    gap[1:] = age[:-1] - age[1:]
    gap[start] = 1.0  # the first purchase of a pair has no gap; log 1 adds nothing
    who = days.customer[start]

    def visits(half_life: float) -> Floats:
        return np.asarray(np.bincount(days.visitor, weights=decayed(days.visit, half_life), minlength=days.n), float)

    latest = np.full(days.n, np.inf)
    newest = run_starts(days.visitor)  # visits are sorted with the age rising
    latest[days.visitor[newest]] = days.visit[newest]
    return DuePairs(
        who * days.n_items + days.item[start],
        (end - start + 1).astype(np.float64),
        age[start],
        age[end],
        sum_runs(np.log(gap), start),
        sum_runs(decayed(days.age, 30), start),
        sum_runs(decayed(days.age, 120), start),
        visits(30)[who],
        visits(120)[who],
        latest[who],
    )
