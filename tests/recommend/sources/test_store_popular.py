"""Sales of her own store."""

import numpy as np

from recommend.histories import Histories
from recommend.sources import store_popular
from tests.recommend.sources.signals_world import CUT, block, histories, opened, shelf

SHOP = shelf(["a", "b", "c", "d"])
# forty customers of store 0 buy item 0 and some item 2, forty of store 1 buy item 1 and some item 2; item 3 is old;
# customer 80 shops mostly in store 1, 81 once in each, 82 nowhere
ROWS = [(c, int(c >= 40), CUT - 4, int(c >= 40)) for c in range(80)]
ROWS += [(c, 2, CUT - 8, int(c >= 40)) for c in range(0, 80, 4)] + [(5, 3, CUT - 100, 0), (6, 3, CUT - 90, 0)]
ROWS += [(80, 3, CUT - 40, 1), (80, 3, CUT - 50, 1), (80, 3, CUT - 10, 0), (81, 3, CUT - 30, 1), (81, 3, CUT - 31, 0)]


def world(later: bool = False) -> Histories:
    """The histories at the cut."""
    rows = [*ROWS, *((c, 3, CUT + 1, 1) for c in range(40))] if later else ROWS
    return histories(SHOP, 83, [r[:3] for r in rows], stores=[r[3] for r in rows])


def test_home_is_where_most_days_were() -> None:
    """Most days, ties to the first store, -1 where no store is known."""
    home = store_popular.home_stores(world())
    assert home[[0, 79, 80, 81, 82]].tolist() == [0, 1, 1, 0, -1]


def test_her_store_speaks_first_and_all_stores_where_it_is_silent() -> None:
    """In store 1 item 1 comes first; its share is drawn towards that of all; without a store that of all is told."""
    h = world()
    b = block(h, opened(h, SHOP), [80, 82])
    assert store_popular.propose(b, 1).tolist() == [1]
    found = store_popular.scores(b, np.repeat([0, 1], 3), np.tile(np.arange(3), 2))["store_pop28"]
    everyone = 81  # bought anything in the last 28 days, customer 80 in store 0
    assert found[1] == round(1000 * (40 + 50 * 40 / everyone) / (40 + 50), 5)
    assert found[0] == round(1000 * (50 * 40 / everyone) / (40 + 50), 5)
    assert found[3] == found[4] == round(1000 * 40 / everyone, 5)


def test_one_store_or_none_is_no_signal_and_the_future_changes_nothing() -> None:
    """Without stores nothing is learned; purchases after the cut are not counted."""
    h = histories(SHOP, 2, [(0, 0, CUT - 4), (1, 1, CUT - 4)])
    b = block(h, opened(h, SHOP), [0, 1])
    assert not store_popular.propose(b, 3).size
    assert np.isnan(store_popular.scores(b, np.zeros(2, np.int64), np.arange(2))["store_pop28"]).all()
    one, two = opened(world(), SHOP).side.parts, opened(world(later=True), SHOP).side.parts
    assert all(np.array_equal(one[k], two[k]) for k in one if k.startswith("store"))
