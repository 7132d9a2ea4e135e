"""Looks are counted for rows: since the last purchase, and no longer back than they count."""

import numpy as np

from recommend.evidence.looks import count_looks
from recommend.evidence.rhythms import group_rhythms
from recommend.histories import build_histories
from recommend.signals import build_seen


def test_looks_before_the_purchase_and_old_ones_do_not_count() -> None:
    """Two looks at item 1 and a cart, of which one look is older than her purchase; categories sum their items."""
    day = np.array([90, 95, 97, 96, 10])
    item = np.array([1, 1, 1, 2, 1])
    views, carts = np.array([2.0, 1.0, 0.0, 4.0, 9.0]), np.array([0.0, 0.0, 1.0, 0.0, 0.0])
    seen = build_seen(100, np.zeros(5, dtype=int), item, day, views, carts)
    zero, one = np.zeros(1, dtype=np.int64), np.ones(1, dtype=np.int64)
    never = np.array([np.inf])
    found = count_looks(seen, None, 3, zero, one, never, 60)
    assert (found.times[0], found.last[0], found.carted[0]) == (4.0, 3.0, 3.0)
    since = count_looks(seen, None, 3, zero, one, np.array([6.0]), 60)
    assert (since.times[0], since.last[0]) == (2.0, 3.0)
    codes = np.zeros(3, dtype=np.int64)
    assert count_looks(seen, codes, 1, zero, zero, never, 60).times[0] == 8.0
    nobody = count_looks(seen, None, 3, one, one, never, 60)
    assert (nobody.times[0], nobody.last[0]) == (0.0, np.inf)


def test_group_rhythm_counts_days_not_items() -> None:
    """Two items of a group on one day are one purchase; a group that she never bought has none."""
    day = np.array([50, 50, 80, 99])
    item = np.array([0, 1, 1, 2])
    ones = np.ones(4)
    h = build_histories(np.array(["a"], dtype=object), 3, 100, np.zeros(4, dtype=int), item, day, ones, ones, ones)
    codes, rows = np.array([0, 0, 1]), np.zeros(3, dtype=np.int64)
    found = group_rhythms(h, codes, 3, rows, np.array([0, 1, 2]))
    assert found.times.tolist() == [2, 1, 0]
    assert found.last.tolist() == [20, 1, 0]
    assert found.gap[0] == 30
