"""New items: who they are, whom they suit, what stands in for what is not known of them."""

import numpy as np

from features.buyer_counts import BuyerCounts
from recommend.candidates import build_candidates
from recommend.fresh import fill_factors, find_fresh, similar_stand_ins
from recommend.histories import Histories
from recommend.sources import launch, similar
from recommend.sources.context import Context
from recommend.sources.registry import fit_parts
from tests.recommend.sources.signals_world import CUT, PARAMS, block, histories, opened, shelf

# items 0-2 old mascaras and soap; 3 a new mascara, 4 new soap, 5 one to come, 6 an old one that nobody buys
KINDS = ["makeup/mascara", "makeup/mascara", "bath/soap", "makeup/mascara", "bath/soap", "makeup/mascara", "bath/soap"]
LAUNCHED = [0, 0, 0, CUT - 10, CUT - 50, CUT + 1, 0]
SHOP = shelf(KINDS, ["x", "y", "x", "x", "x", "x", "x"], LAUNCHED)
BOUGHT = [(c, c % 2, CUT - 9) for c in range(6)] + [(c, 2, CUT - 12) for c in (6, 7, 8)] + [(6, 4, CUT - 20)]
NEW = {3, 4}


def world(more: list[tuple[int, int, int]] | None = None, looks: list[tuple[int, ...]] | None = None) -> Histories:
    """Six customers buy mascara, three soap."""
    return histories(SHOP, 12, BOUGHT + (more or []), looks or ())


def test_new_is_what_was_launched_before_the_cut() -> None:
    """Not what is launched later, not what is old; what enough customers look at is offered though nobody bought it."""
    fresh = find_fresh(world(), SHOP, PARAMS)
    assert set(np.flatnonzero(fresh.offered)) == NEW
    assert fresh.age.tolist() == [0, 0, 0, 10, 50, 0, 0]
    looks = [(c, item, CUT - 3, 1, 0) for c in (1, 2) for item in (5, 6)]
    assert set(np.flatnonzero(find_fresh(world(looks=looks), SHOP, PARAMS).offered)) == NEW | {6}


def test_new_items_go_to_whoever_likes_their_type() -> None:
    """The new mascara to buyers of mascara, the new soap to those of soap who do not have it; nothing to strangers."""
    h = world()
    b = block(h, opened(h, SHOP), [0, 7, 11])
    assert set(launch.propose(b, 1).tolist()) == {3, 7 + 4}
    score = launch.scores(b, np.repeat([0, 1], 7), np.tile(np.arange(7), 2))["launch"]
    assert score[3] > score[4] > 0  # the soap has her brand
    assert score[7 + 4] > score[7 + 3]
    assert not score[[0, 1, 2, 5, 6]].any()


def test_at_an_earlier_cut_a_later_launch_does_not_exist() -> None:
    """No source proposes it or learns of it, whatever is bought and looked at afterwards."""
    later = world([(c, 5, CUT + 2) for c in range(6)], [(c, 5, CUT + 1, 9, 9) for c in range(6)])
    one, two = opened(world(), SHOP), opened(later, SHOP)
    assert 5 not in set(build_candidates(later, two).item)
    assert not two.side.can_offer[5]
    assert all(np.array_equal(one.side.parts[k], two.side.parts[k]) for k in one.side.parts)


def test_neighbours_stand_in_for_factors_and_item_item_weights() -> None:
    """The new mascara of brand x has the factors of the old one of brand x, and the scores that it has."""
    h = world()
    fresh = find_fresh(h, SHOP, PARAMS)
    factors = np.zeros((7, 2), dtype=np.float32)
    learned = np.array([0, 1, 2])
    factors[learned] = [[1, 2], [3, 4], [5, 6]]
    filled = fill_factors(factors, learned, h, SHOP, fresh)
    assert filled[3].tolist() == [1, 2]
    assert filled[4].tolist() == [5, 6]
    assert not filled[5].any()
    parts = similar_stand_ins(learned, h, SHOP, fresh)
    s = opened(h, SHOP)
    weights = np.array([[0, 0.5, 0.1], [0.5, 0, 0.2], [0.1, 0.2, 0]], dtype=np.float32)
    side = type(s.side)(
        **{k: v for k, v in vars(s.side).items() if k not in ("similar_items", "similar_weights", "parts")},
        similar_items=learned, similar_weights=weights, parts=fit_parts(h, SHOP, PARAMS) | parts,
    )  # fmt: skip
    b = block(h, type(s).of(side, SHOP, PARAMS, s.fold_params), [1])
    found = similar.scores(b, np.zeros(7, np.int64), np.arange(7))["similar"]
    assert found[3] == found[0] > 0
    assert found[4] == found[2] > 0
    assert found[5] == 0


def test_without_dates_the_first_sale_tells_where_the_history_is_long() -> None:
    """A shop that never says when it launched: new is what was first sold lately, once there is a long before."""
    plain = shelf(KINDS)
    bought = [(c, 0, 5) for c in range(3)] + [(c, 1, CUT - 9) for c in range(3)]
    long = launch.fit(histories(plain, 3, bought), plain, PARAMS, Context())
    assert long["launch.items"].tolist() == [1]
    assert launch.fit(histories(plain, 3, bought[3:]), plain, PARAMS, Context()) == {}


def test_what_only_others_than_the_sample_bought_is_not_new() -> None:
    """Where customers are a sample, all of them say when an item was first sold, when last, and by how many."""
    kinds = ["makeup/mascara"] * 3
    shop = shelf(kinds, ["x"] * 3)  # a shop that does not say when it launched what
    days = [(c, 0, CUT - 4 * PARAMS.new_days) for c in range(6)] + [
        (c, item, CUT - 5) for c in range(6) for item in (1, 2)
    ]
    looks = [(c, 2, CUT - 3, 1, 0) for c in range(6)]
    h = histories(shop, 6, days, looks)
    assert launch.fit(h, shop, PARAMS, Context())["launch.items"].tolist() == [1, 2]
    none = np.zeros(3, dtype=np.float32)
    since = np.array([4 * PARAMS.new_days, 4 * PARAMS.new_days, 5], dtype=np.float32)
    idle = np.array([0, 5, PARAMS.max_idle_days + 1], dtype=np.float32)
    counts = BuyerCounts(60, none, none, none, none, np.full(3, 60, dtype=np.float32), since, idle)
    assert launch.fit(h, shop, PARAMS, Context(counts=counts))["launch.items"].tolist() == [2]
    assert find_fresh(h, shop, PARAMS).offered.tolist() == [False, False, True]
    assert not find_fresh(h, shop, PARAMS, counts).offered.any()  # out of sale, as all know
