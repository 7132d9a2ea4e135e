"""Next basket, leave-last-out: for comparison with papers only, since calendar cuts are the evidence.

The protocol of Li et al. 2023 ("A Next Basket Recommendation Reality Check", ACM TOIS): a basket is a customer's day;
customers with 3 to 50 baskets; items bought at least 3 times before the last baskets; the last basket is the truth and
the ideal DCG is not cut at K. Nothing tells the day of the last basket, and others' baskets may be later than hers.

So that recommenders of calendar windows take part unchanged, time is counted in baskets: each customer's last known
basket lies in the week before one common cut, the one before it a week earlier, and so on.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from features.baskets import baskets_back
from features.errors import DataError
from features.hierarchy import Hierarchy
from features.interactions import Interactions
from features.splits import CalendarCut
from recommend.evaluation import Problem, Window, split_truth, take_rows
from recommend.rankers import owned

WEEK = 7
CUT = 20_000  # any day: the clock counts baskets


def pose_next_basket(
    purchases: Interactions, hierarchy: Hierarchy, fewest: int = 3, most: int = 50, min_bought: int = 3
) -> Problem:
    """The last baskets as truth and the others as history, on the clock of baskets.

    Raises `DataError` when no customer has enough baskets.
    """
    back, baskets = baskets_back(purchases)
    chosen = (baskets >= fewest) & (baskets <= most)
    if not chosen.any():
        raise DataError(f"no customer has {fewest} to {most} days with a purchase")
    rows = chosen[purchases.customer]
    past, last = purchases.where(rows & (back > 0)), purchases.where(rows & (back == 0))
    items = past.baskets_per_product() >= min_bought
    if not items.any():
        raise DataError(f"no item was bought {min_bought} times before the last baskets")
    history, truth = (x.take_customers(chosen).take_products(items) for x in (past, last))
    every = owned(last.take_customers(chosen))
    dropped = {
        "customers with fewer or more baskets": float((~chosen).sum()),
        "truth pairs": float(every.nnz),
        "truth pairs of rare items dropped": float((~items)[every.indices].sum()),
    }
    window = Window("product", CUT, on_basket_clock(history), take_rows(hierarchy, items), WEEK)
    cut = CalendarCut(CUT, CUT, CUT + WEEK)
    tasks = split_truth(owned(truth), owned(history))
    return Problem(cut, f"{min_bought}+ times bought", window, tasks, dropped, 0, "last basket", cut_ideal=False)


def on_basket_clock(history: Interactions) -> Interactions:
    """The same purchases, the n-th last basket of each customer n weeks before `CUT`."""
    back, _ = baskets_back(history)
    day = (CUT - WEEK * (back + 1)).astype(np.int32)
    return replace(history, day=day, known=day)
