"""Pairs of accounts: what stitching got right."""

from itertools import combinations

import numpy as np
import pytest

from features.identity_metrics import score_identities, wrong_accounts


def test_equal_to_counting_every_pair():
    """Precision and recalls are those of a loop over all pairs."""
    draw = np.random.default_rng(4)
    person = draw.integers(0, 20, 90)
    customer = np.where(draw.random(90) < 0.7, person, draw.integers(0, 25, 90))
    group = person * 2 + (draw.random(90) < 0.3)
    pairs = list(combinations(range(90), 2))
    same = {
        name: np.array([v[a] == v[b] for a, b in pairs]) for name, v in (("c", customer), ("p", person), ("g", group))
    }
    s = score_identities(customer, person, group)
    assert s.precision.value == pytest.approx((same["c"] & same["p"]).sum() / same["c"].sum())
    assert s.recall.value == pytest.approx((same["c"] & same["p"]).sum() / same["p"].sum())
    assert s.observable_recall is not None
    assert s.observable_recall.value == pytest.approx((same["c"] & same["g"]).sum() / same["g"].sum())
    assert s.precision.low <= s.precision.value <= s.precision.high
    assert s.largest == np.bincount(customer).max()


def test_perfect_and_hopeless():
    """All ones where customers are persons; nan precision where nothing is stitched."""
    person = np.array([5, 5, 9, 9, 9])
    s = score_identities(person, person, person)
    assert (s.precision.value, s.recall.value, s.merged_persons, s.split_persons) == (1, 1, 0, 0)
    alone = score_identities(np.arange(5), person)
    assert np.isnan(alone.precision.value)
    assert (alone.recall.value, alone.split_persons) == (0, 2)


def test_who_is_merged_and_who_is_split():
    """A customer of two persons marks both; a missing observable link marks the accounts of its group."""
    customer, person, group = np.array([1, 1, 2, 3]), np.array([1, 2, 3, 3]), np.array([1, 2, 3, 3])
    merged, lost = wrong_accounts(customer, person, group)
    assert merged.tolist() == [True, True, False, False]
    assert lost.tolist() == [False, False, True, True]
    s = score_identities(customer, person, group)
    assert (s.merged_customers, s.merged_persons, s.split_persons) == (1, 2, 1)
