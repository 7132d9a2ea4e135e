"""Looked at and not bought since."""

import numpy as np

from recommend.sources import viewed
from tests.recommend.sources.signals_world import CUT, block, histories, opened, shelf

SHOP = shelf(["a", "a", "a", "b", "b", "b"])
# customers 7 and 8 keep everything but items 2 and 5 on sale
ON_SALE = [(c, i, CUT - 10) for c in (7, 8) for i in (0, 1, 3, 4)]


def proposed(h: object, customer: int, banned: list[int] | None = None) -> list[int]:
    """Items proposed to a customer alone, in order of position."""
    b = block(h, opened(h, SHOP), [customer], None if banned is None else np.array(banned))  # type: ignore[arg-type]
    return sorted(viewed.propose(b, 3).tolist())


def test_what_was_bought_after_the_look_is_no_longer_wanted() -> None:
    """Bought on the day or later: no wish; bought before the look: hers, so no discovery; else wanted."""
    bought = [*ON_SALE, (0, 0, CUT - 5), (0, 1, CUT - 30), (0, 3, CUT - 20)]
    looks = [(0, 0, CUT - 5, 1, 0), (0, 1, CUT - 20, 2, 0), (0, 3, CUT - 40, 1, 1), (0, 4, CUT - 40, 1, 0)]
    h = histories(SHOP, 9, bought, looks)
    assert proposed(h, 0) == [4]
    b = block(h, opened(h, SHOP), [0])
    found = viewed.scores(b, np.zeros(6, np.int64), np.arange(6))
    assert (found["viewed"] > 0).tolist() == [False, True, False, False, True, False]
    assert (found["viewed_category"] > 0).tolist() == [True] * 6


def test_carts_weigh_more_and_looks_fade() -> None:
    """A cart is worth several looks, a look counts half after two weeks and not at all after `view_days`."""
    looks = [(0, 0, CUT - 1, 1, 0), (0, 1, CUT - 15, 1, 0), (0, 3, CUT - 15, 0, 1), (0, 4, CUT - 91, 9, 9)]
    h = histories(SHOP, 9, ON_SALE, looks)
    found = viewed.scores(block(h, opened(h, SHOP), [0]), np.zeros(6, np.int64), np.arange(6))
    assert found["viewed"].tolist() == [1.0, 0.5, 0.0, 2.0, 0.0, 0.0]
    assert np.array_equal(found["carted"], [np.nan, np.nan, np.nan, 15.0, np.nan, np.nan], equal_nan=True)
    assert found["viewed_category"].tolist() == [1.5] * 3 + [2.0] * 3


def test_items_that_nobody_bought_can_be_wanted_and_what_left_the_shop_cannot() -> None:
    """Item 2 was never sold and enough customers looked at it; item 5 was last sold long ago; banned is banned."""
    bought = [*ON_SALE, (7, 5, CUT - 100), (8, 5, CUT - 101)]
    looks = [(c, i, CUT - 3, 1, 0) for c in (0, 1) for i in (2, 4, 5)]
    h = histories(SHOP, 9, bought, looks)
    assert proposed(h, 0) == [2, 4]
    assert proposed(h, 0, [4]) == [2]


def test_looks_at_or_after_the_cut_change_nothing() -> None:
    """Neither candidates nor scores know of them; without a look there is nothing, and in any block the same."""
    looks = [(0, 0, CUT - 3, 1, 0), (1, 3, CUT - 2, 0, 1)]
    h = histories(SHOP, 9, ON_SALE, looks)
    later = histories(SHOP, 9, ON_SALE, [*looks, (0, 4, CUT, 9, 9), (2, 1, CUT + 3, 9, 9)])
    for who in (0, 1, 2):
        assert proposed(h, who) == proposed(later, who)
    assert proposed(h, 2) == []
    together = viewed.propose(block(h, opened(h, SHOP), [0, 1, 2]), 3)
    assert together.tolist() == [0, 6 + 3]
