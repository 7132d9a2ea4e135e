"""Popularity among customers with the same attributes: lifts, whom it is proposed to, one item."""

from __future__ import annotations

import numpy as np

from recommend.candidates import FoldInParams
from recommend.catalogue import build_catalogue
from recommend.histories import Histories, build_histories, take
from recommend.item_side import fit_item_side
from recommend.list_params import CandidateParams
from recommend.signals import build_tagged
from recommend.sources import segment_popular
from recommend.sources.block import Block
from recommend.sources.context import Context
from recommend.sources.opened import Sources

CUT = 100
TAGS = np.array(["acquired:search", "post:travel", "region:east", "region:west"], dtype=object)
PARAMS = CandidateParams(min_customers=1)
# customers 0 to 39 live in the east and buy item 0, 40 to 79 in the west and buy item 1; all buy item 2 now and then;
# 80 came from the east, 81 from the west, 82 moved there from the east, of 83 nothing is known: none of them bought yet
PEOPLE, ITEMS = 84, 4


def world(n_items: int = ITEMS) -> Histories:
    """The histories at the cut."""
    rows = [(c, min(int(c >= 40), n_items - 1), CUT - 5) for c in range(80)]
    rows += [(c, min(2, n_items - 1), CUT - 9 - c % 3) for c in range(0, 80, 4)]
    rows.append((0, 0, CUT - 20))
    c, i, d = (np.array(v, dtype=np.int64) for v in zip(*rows))
    east, west = [*range(40), 80, 82], [*range(40, 80), 81, 82]
    who = np.array(east + west)
    tag = np.array([2] * len(east) + [3] * len(west))
    day = np.where(who == 82, CUT - 50 + 10 * (tag == 3), CUT - 60)
    one = np.ones(len(c))
    tagged = build_tagged(CUT, who, tag, day, np.ones(len(who)))
    ids = np.array([f"c{n:02d}" for n in range(PEOPLE)], dtype=object)
    return build_histories(ids, n_items, CUT, c, i, d, one, one, one, tagged=tagged)


def opened(h: Histories) -> Sources:
    """Sources with the arrays of this one only."""
    n = h.n_items
    ids = [f"p{i}" for i in range(n)]
    shelf = build_catalogue(ids, ids, ["c"] * n, ["t"] * n, [None] * n)
    parts = segment_popular.fit(h, shelf, PARAMS, Context(TAGS))
    none = np.empty(0, dtype=np.int64)
    factors = np.zeros((n, 4), dtype=np.float32)
    side = fit_item_side(h, factors, none, np.empty((0, 0), dtype=np.float32), PARAMS, parts)
    return Sources.of(side, shelf, PARAMS, FoldInParams())


def proposed(h: Histories, s: Sources, customer: int, k: int) -> list[int]:
    """Items proposed to a customer alone."""
    keys = segment_popular.propose(Block(take(h, np.array([customer])), s, np.empty(0, dtype=np.int64)), k)
    return keys.tolist()


def test_new_customers_get_what_others_like_them_buy() -> None:
    """East buys item 0, west item 1; the latest region counts; what nobody buys is not offered."""
    h = world()
    s = opened(h)
    assert proposed(h, s, 80, 1) == [0]
    assert proposed(h, s, 81, 1) == [1]
    assert proposed(h, s, 82, 1) == [1]
    assert sorted(proposed(h, s, 80, 9)) == [0, 1, 2]


def test_attributes_raise_and_lower_scores() -> None:
    """Half of all customers buy item 0: a larger part in the east, a smaller in the west, half without attributes."""
    h = world()
    b = Block(h, opened(h), np.empty(0, dtype=np.int64))
    found = segment_popular.scores(b, np.array([80, 81, 83]), np.zeros(3, dtype=np.int64))
    east, west, unknown = found["segment_pop28"]
    assert unknown == 500.0
    assert east > 1.2 * unknown
    assert west < 0.8 * unknown
    assert set(found) == set(segment_popular.SCORES)


def test_regular_customers_get_no_proposals_and_the_batch_changes_nothing() -> None:
    """Customers with three purchase days are left to their history; alone and together the keys are the same."""
    h = world()
    s = opened(h)
    keys = segment_popular.propose(Block(h, s, np.empty(0, dtype=np.int64)), 2)
    for c in range(PEOPLE):
        assert np.sort(keys[keys // ITEMS == c] % ITEMS).tolist() == sorted(proposed(h, s, c, 2))
    assert proposed(h, s, 0, 2) == []  # bought on three days


def test_a_catalogue_of_one_and_a_shop_without_attributes() -> None:
    """One item is everybody's; without tags or purchases nothing breaks."""
    h = world(1)
    assert proposed(h, opened(h), 83, 5) == [0]
    h = world()
    ids = [f"p{i}" for i in range(ITEMS)]
    shelf = build_catalogue(ids, ids, ["c"] * ITEMS, ["t"] * ITEMS, [None] * ITEMS)
    parts = segment_popular.fit(h, shelf, PARAMS, Context())
    assert parts["segment_popular.lift"].shape == (0, ITEMS)
    none = np.empty(0, dtype=np.int64)
    zero = np.empty(0)
    empty = build_histories(h.customers, ITEMS, CUT, none, none, none, zero, zero, zero)
    assert segment_popular.fit(empty, shelf, PARAMS, Context(TAGS))["segment_popular.share"].tolist() == [0.0] * ITEMS
