"""From tags to items: lifts, and what is forbidden."""

import numpy as np

from recommend.candidates import build_candidates
from recommend.histories import Histories
from recommend.sources import event
from recommend.sources.context import Context
from recommend.tag_rules import TagRule
from scoring.audience_scores import spared
from tests.recommend.sources.signals_world import CUT, block, histories, opened, shelf

SHOP = shelf(["diapers", "diapers", "snacks", "snacks", "slimming", "tea", "tea"])
TAGS = np.array(["loss:baby", "post:baby", "post:rare", "post:tea", "region:east"], dtype=object)
RULES = {
    "post:baby": TagRule(60.0, 300, True, (), ("slimming",), True, (("loss:baby", 0),)),
    "post:rare": TagRule(60.0, 300, True, ("tea",)),
}
CONTEXT = Context(TAGS, RULES)
PEOPLE = 120


def world(tags: list[tuple[int, int, int]] | None = None, later: bool = False) -> Histories:
    """Everybody buys snacks; customers 0 to 39 tell of a baby, and most of them buy diapers soon after."""
    bought = [(c, 2 + c % 2, day) for c in range(PEOPLE) for day in (20, 90, CUT - 20)]
    bought += [(c, c % 2, CUT - 60 + c) for c in range(30)] + [(c, c % 2, CUT - 60 + c % 50) for c in (50, 60, 70)]
    bought += [(c, 4, CUT - 9) for c in range(100, 110)] + [(c, 5 + c % 2, CUT - 9) for c in range(90, 100)]
    said = [(c, 1, CUT - 65 + c % 3) for c in range(40)] + [(c, 4, 10) for c in range(0, PEOPLE, 2)]
    said += tags or []
    if later:
        bought, said = [*bought, (80, 0, CUT + 2)], [*said, (80, 1, CUT), (81, 3, CUT + 5)]
    return histories(SHOP, PEOPLE, bought, (), said)


def proposed(h: Histories, customer: int, k: int = 2) -> list[int]:
    """Items proposed to a customer alone."""
    return sorted(event.propose(block(h, opened(h, SHOP, CONTEXT), [customer]), k).tolist())


def test_a_tag_leads_to_what_those_who_had_it_took_up() -> None:
    """Customer 35 told of a baby and bought no diapers yet; 85 said nothing; attributes lead nowhere."""
    h = world()
    assert proposed(h, 35) == [0, 1]
    assert proposed(h, 85) == proposed(h, 86) == []
    b = block(h, opened(h, SHOP, CONTEXT), [35, 85])
    found = event.scores(b, np.repeat([0, 1], 7), np.tile(np.arange(7), 2))["event"]
    assert found[:2].min() > 0.3
    assert found[0] > found[2:7].max()
    assert not found[7:].any()


def test_without_support_the_lexicon_speaks() -> None:
    """Nobody had the tag before; it is thought to lead to tea."""
    h = world([(85, 2, CUT - 2)])
    assert set(proposed(h, 85, 1)) <= {5, 6}
    assert len(proposed(h, 85, 9)) == 2


def test_a_loss_ends_candidates_and_scores() -> None:
    """After it nothing is proposed, and nothing forbidden either."""
    h = world([(35, 0, CUT - 3)])
    b = block(h, opened(h, SHOP, CONTEXT), [35])
    assert proposed(h, 35) == []
    assert not event.forbidden_keys(b).size
    assert not event.scores(b, np.zeros(7, np.int64), np.arange(7))["event"].any()


def test_what_is_forbidden_is_proposed_by_no_source() -> None:
    """Slimming (item 4) goes from the list of who told of a baby, and from nobody else's."""
    h = world()
    found = build_candidates(h, opened(h, SHOP, CONTEXT))
    of = {c: set(found.item[found.customer == c]) for c in (35, 85, 105)}
    assert 4 not in of[35]
    assert 4 in of[85]
    assert 4 in of[105]


def test_an_audience_spares_whom_a_life_event_forbids_the_item() -> None:
    """Those who told of a baby, for slimming and for it beside others; nobody for diapers."""
    h = world()
    sources = opened(h, SHOP, CONTEXT)
    assert np.flatnonzero(spared(sources, h, np.array([4]))).tolist() == list(range(40))
    assert spared(sources, h, np.array([0, 4])).sum() == 40
    assert not spared(sources, h, np.array([0, 1])).any()
    assert not spared(sources, histories(SHOP, 2, [(0, 2, CUT - 9)]), np.array([4])).any()


def test_tags_and_purchases_at_or_after_the_cut_change_nothing() -> None:
    """What is learned and what is proposed are the same, alone and in company."""
    h, other = world(), world(later=True)
    one, two = opened(h, SHOP, CONTEXT), opened(other, SHOP, CONTEXT)
    assert all(np.array_equal(one.side.parts[k], two.side.parts[k]) for k in one.side.parts)
    assert proposed(other, 80) == proposed(other, 81) == []
    alone = [35 * 0 + k for k in event.propose(block(h, one, [35]), 2)]
    company = event.propose(block(h, one, [20, 35, 85]), 2)
    assert sorted(k - 7 for k in company if 7 <= k < 14) == sorted(alone)


def test_one_level_up_tags_lead_to_categories() -> None:
    """Where items are categories themselves, lifts and what is forbidden go by the item."""
    up = shelf(["diapers", "slimming", "snacks"])
    names = np.array(["diapers", "slimming", "snacks"], dtype=object)
    upper = type(up)(names, names, up.codes, up.names)
    assert event.groups_of(upper)[0] == "product_type"
    assert event.groups_of(up)[0] == "category"
    h = histories(upper, 3, [(0, 2, CUT - 9), (1, 2, CUT - 9)], (), [(0, 1, CUT - 5)])
    b = block(h, opened(h, upper, CONTEXT), [0, 1])
    assert event.forbidden_keys(b).tolist() == [1]


def test_without_tags_there_is_nothing_and_no_cost() -> None:
    """No arrays are learned, no candidates proposed, scores are zero."""
    h = histories(SHOP, 2, [(0, 2, CUT - 9), (1, 2, CUT - 9)])
    b = block(h, opened(h, SHOP), [0, 1])
    assert not [k for k in b.s.side.parts if k.startswith("event")]
    assert not event.propose(b, 5).size
    assert not event.scores(b, np.zeros(2, np.int64), np.arange(2))["event"].any()
