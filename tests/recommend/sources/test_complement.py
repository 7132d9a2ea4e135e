"""Complements: what is taken up after something else."""

from dataclasses import replace

import numpy as np
import pytest

from recommend.histories import Histories
from recommend.sources import complement
from tests.recommend.sources.signals_world import CUT, block, histories, opened, shelf

# phones 0-1, cases 2-3, bread 4-5, tea 6-7
SHOP = shelf(["phone"] * 2 + ["case"] * 2 + ["bread"] * 2 + ["tea"] * 2)
PEOPLE = 90


def world(later: bool = False) -> Histories:
    """Who buys a phone buys a case two weeks later; bread is bought by everybody, tea by anybody at any time."""
    bought = [(c, 4 + c % 2, day) for c in range(PEOPLE) for day in (10, 60, 110, 160, CUT - 3)]
    for c in range(40):
        day = 70 + 3 * c
        bought += [(c, c % 2, day), (c, 2 + c % 2, day + 14)] if day + 14 < CUT else [(c, c % 2, day)]
    bought += [(c, 6 + c % 2, 70 + (c * 7) % 120) for c in range(40, 80, 2)]
    bought += [(85, 0, CUT - 4)]
    if later:
        bought += [(c, 6, CUT + c % 9) for c in range(PEOPLE)]
    return histories(SHOP, PEOPLE, bought)


def lift(h: Histories, after: str, what: str) -> float:
    """The learned lift of one type after another."""
    parts, names = opened(h, SHOP).side.parts, list(SHOP.names["product_type"])
    place = {names[t]: i for i, t in enumerate(parts["complement.types"])}
    return float(parts["complement.lift"][place[after], place[what]])


def test_lifts_have_a_direction() -> None:
    """A case comes after a phone; a phone does not come after a case, nor tea after a phone."""
    h = world()
    assert lift(h, "phone", "case") > 2.0
    assert lift(h, "case", "phone") < 1.2
    assert lift(h, "phone", "tea") < 1.2


def test_a_new_phone_leads_to_a_case_she_never_had() -> None:
    """Customer 85 bought a phone days ago: cases are proposed, and nothing of a type she has."""
    h = world()
    b = block(h, opened(h, SHOP), [85, 88])
    found = complement.propose(b, 2).tolist()
    assert set(found) & {2, 3}
    assert not set(found) & {0, 1, 4, 5}
    score = complement.scores(b, np.zeros(8, np.int64), np.arange(8))["complement"]
    assert score[2] == score[3] > 0.1
    assert score[2] == score.max()


def test_the_future_and_company_change_nothing() -> None:
    """Purchases after the cut teach nothing; a customer alone gets what she gets among others."""
    one, two = opened(world(), SHOP).side.parts, opened(world(later=True), SHOP).side.parts
    assert all(np.array_equal(one[k], two[k]) for k in one)
    h = world()
    together = complement.propose(block(h, opened(h, SHOP), [3, 85, 88]), 2)
    alone = complement.propose(block(h, opened(h, SHOP), [85]), 2)
    assert sorted(k - 8 for k in together if 8 <= k < 16) == sorted(alone)


def test_short_histories_have_no_complements() -> None:
    """Nothing is learned, proposed or scored from a few days."""
    h = histories(SHOP, 2, [(0, 0, CUT - 9), (1, 2, CUT - 9)])
    b = block(h, opened(h, SHOP), [0, 1])
    assert not complement.propose(b, 5).size
    assert not complement.scores(b, np.zeros(2, np.int64), np.arange(2))["complement"].any()


def test_of_many_customers_a_sample_by_hash_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the order of the customers, not those who come first; all of them where there are no more than that."""
    h = world()
    every = opened(h, SHOP).side.parts
    monkeypatch.setattr(complement, "MOST_CUSTOMERS", PEOPLE)
    assert all(np.array_equal(every[k], values) for k, values in opened(h, SHOP).side.parts.items())
    monkeypatch.setattr(complement, "MOST_CUSTOMERS", 45)
    turned = replace(h, customers=h.customers[::-1])
    for shop in (h, turned):
        number = complement._sampled(shop)
        chosen = np.flatnonzero(number >= 0)
        assert number[chosen].tolist() == list(range(45))
        assert chosen.min() < 20
        assert chosen.max() > 70
    assert {h.customers[i] for i in np.flatnonzero(complement._sampled(h) >= 0)} == {
        turned.customers[i] for i in np.flatnonzero(complement._sampled(turned) >= 0)
    }
    assert lift(h, "phone", "case") > 1.5
