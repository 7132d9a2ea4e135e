"""Candidates: sources, exclusions, what is still sold."""

from dataclasses import replace

import numpy as np

from recommend.candidates import SOURCES, build_candidates
from recommend.histories import histories_before, take
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


def test_short_lists_are_filled_up_with_what_sells_best() -> None:
    """Sources that give two items: everybody has seven all the same, or all that are sold and not excluded."""
    data = shop()
    few = replace(CANDIDATES, repeat=1, als=0, similar=0, popular=1, launch=0, complement=0, segment_popular=0)
    h, sources = histories_before(data, shelf(data), CUT), sources_at(data, shelf(data), CUT, few)
    banned = 5 * h.n_items + np.arange(20)
    found = build_candidates(h, sources, banned, at_least=7)
    assert np.bincount(found.customer).tolist() == [4 if c == 5 else 7 for c in range(h.n)]
    assert not np.isin(found.customer * h.n_items + found.item, banned).any()
    spare = ~found.source.any(axis=1)
    mine = found.item[found.customer == 3]
    rest = [i for i in sources.sold if i not in mine[~spare[found.customer == 3]]]
    assert sorted(mine[spare[found.customer == 3]]) == sorted(rest[:5])
    alone = build_candidates(take(h, np.array([3])), sources, at_least=7)
    assert alone.item.tolist() == mine.tolist()
    assert len(build_candidates(h, sources).item) < len(found.item)
