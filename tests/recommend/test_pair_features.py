"""Pair features: worked values, no leakage, no dependence on the batch."""

import numpy as np
import pytest

from recommend import pair_features as pair_features_module
from recommend.candidates import build_candidates
from recommend.histories import histories_before, take
from recommend.pair_features import FEATURES, pair_features
from tests.purchases import purchases
from tests.recommend.shop import CUT, shelf, shop, sources_at, with_another_future


def features_of(data, cut, chosen=None):  # type: ignore[no-untyped-def]
    """Candidates and matrix of all customers, or of the `chosen` ones; sources are those of everybody."""
    catalogue = shelf(data)
    sources = sources_at(data, catalogue, cut)
    h = histories_before(data, catalogue, cut)
    h = h if chosen is None else take(h, chosen)
    found = build_candidates(h, sources)
    return found, pair_features(h, catalogue, sources.side, found.customer, found.item, found.scores)


def test_own_features_by_hand() -> None:
    """Bought on days 70, 80, 96 with a cut of 100: 4 days ago, mean gap 13, due against the blended gap."""
    data = purchases([("a", "p0", d, 1) for d in (70, 80, 96)] + [("b", "p1", 99, 1)])
    found, x = features_of(data, 100)
    row = dict(zip(FEATURES, x[(found.customer == 0) & (found.item == 0)][0].tolist()))
    assert (row["times"], row["recency"], row["known_for"], row["gap"]) == (3, 4, 30, 13)
    assert row["count_half30"] == pytest.approx(2 ** (-3 / 30) + 2 ** (-19 / 30) + 2 ** (-29 / 30))
    # too few gaps for a median of the item: 28 days stand in, and count as much as one gap of hers
    assert row["due"] == pytest.approx(4 / ((26 + 28) / 3))
    assert (row["item_pop7"], row["item_pop28"], row["item_pop56"], row["item_new28"]) == (1, 1, 1, 0)
    other = dict(zip(FEATURES, x[(found.customer == 1) & (found.item == 0)][0].tolist()))
    assert other["times"] == 0
    assert np.isnan(other["recency"])


def test_the_future_changes_nothing() -> None:
    """Other purchases at or after the cut leave candidates, scores and features as they are, to the bit."""
    data = shop()
    one, x = features_of(data, CUT)
    two, z = features_of(with_another_future(data, CUT), CUT)
    assert one.item.tolist() == two.item.tolist()
    assert x.tobytes() == z.tobytes()
    _, changed = features_of(with_another_future(data, CUT - 10), CUT)
    assert x.shape != changed.shape or x.tobytes() != changed.tobytes()


def test_a_customer_alone_gets_what_she_gets_in_a_crowd() -> None:
    """Rows of one customer do not depend on who else is in the batch."""
    data = shop()
    every, x = features_of(data, CUT)
    for c in (0, 17, 39):
        alone, z = features_of(data, CUT, np.array([c]))
        rows = every.customer == c
        assert alone.item.tolist() == every.item[rows].tolist()
        assert x[rows].tobytes() == z.tobytes()


def test_blocks_of_customers_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The matrix is the same to the bit however many customers are worked out at a time."""
    data = shop()
    _, x = features_of(data, CUT)
    monkeypatch.setattr(pair_features_module, "BLOCK", 7)
    assert data.n_customers > 7
    assert features_of(data, CUT)[1].tobytes() == x.tobytes()
