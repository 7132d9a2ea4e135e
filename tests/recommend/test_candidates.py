"""Candidates: sources, exclusions, what is still sold."""

from dataclasses import replace

import numpy as np

from recommend.candidates import SOURCES, build_candidates
from recommend.histories import histories_before
from tests.purchases import purchases
from tests.recommend.shop import CANDIDATES, CUT, shelf, shop, sources_at


def test_own_items_come_from_repeat_and_only_from_there() -> None:
    """An item is owned when and only when the repeat source gave it; sources that need no other log give something."""
    data = shop()
    found = build_candidates(histories_before(data, shelf(data), CUT), sources_at(data, shelf(data), CUT))
    assert np.array_equal(found.owned, found.source[:, 0])
    assert not (found.source[:, 0] & found.source[:, 1:].any(axis=1)).any()
    gave = {name for name, some in zip(SOURCES, found.source.any(axis=0), strict=True) if some}
    assert {"repeat", "als", "similar", "popular"} <= gave
    assert not gave & {"viewed", "event", "store_popular"}
    assert (np.diff(found.customer * 1000 + found.item) > 0).all()


def test_excluded_items_leave_and_the_next_best_take_their_place() -> None:
    """What is excluded for a customer is gone for her only, owned or not, and popular items move up."""
    data = shop()
    h, sources = histories_before(data, shelf(data), CUT), sources_at(data, shelf(data), CUT)
    before = build_candidates(h, sources)
    mine = before.customer == 3
    banned = 3 * h.n_items + np.sort(before.item[mine][::2])
    after = build_candidates(h, sources, banned)
    assert not np.isin(after.item[after.customer == 3], banned - 3 * h.n_items).any()
    assert np.array_equal(after.item[after.customer == 4], before.item[before.customer == 4])
    popular = after.source[(after.customer == 3), SOURCES.index("popular")].sum()
    free = h.n_items - len(np.unique(np.append(h.item[h.customer == 3], banned - 3 * h.n_items)))
    assert popular == min(CANDIDATES.popular, free)


def test_items_that_nobody_buys_any_more_are_not_offered() -> None:
    """Last bought 90 days ago by anybody: no candidate, not even of whoever owned it."""
    data = purchases([("a", "old", 9, 1), ("a", "new", 98, 1), ("b", "new", 99, 1)])
    params = replace(CANDIDATES, max_idle_days=84)
    found = build_candidates(histories_before(data, shelf(data), 100), sources_at(data, shelf(data), 100, params))
    assert data.products[found.item].tolist() == ["new", "new"]
