"""Whose windows are learned from."""

from __future__ import annotations

import numpy as np

from models.recommender_params import RankerParams
from recommend.histories import Histories, build_histories
from recommend.signals import build_tagged
from scoring.learners import learning_customers

TAGS = np.array(["known", "region:east"], dtype=object)


def history(buyers: int, others: int) -> Histories:
    """Buyers first; then customers who are known and bought nothing, and one of whom only a region is known."""
    n = buyers + others + 1
    ids = np.array([f"c{i:04d}" for i in range(n)], dtype=object)
    c, one = np.arange(buyers), np.ones(buyers)
    who = np.append(np.arange(n - 1), n - 1)
    tag = np.append(np.zeros(n - 1, dtype=np.int64), 1)
    tagged = build_tagged(100, who, tag, np.full(n, 50), np.ones(n))
    return build_histories(ids, 1, 100, c, c * 0, c * 0 + 50, one, one, one, tagged=tagged)


def test_who_had_not_bought_but_was_known_is_learned_from_too() -> None:
    """Everybody while they are few; who only has a region was no customer; without tags only buyers."""
    h = history(4, 3)
    assert learning_customers(h, TAGS, RankerParams()).tolist() == list(range(7))
    assert learning_customers(h, TAGS[1:], RankerParams()).tolist() == list(range(4))


def test_samples_are_fixed_and_new_customers_a_part_of_them() -> None:
    """At most so many buyers and half as many new ones, the same at any time."""
    h = history(100, 100)
    chosen = learning_customers(h, TAGS, RankerParams(), at_most=40)
    assert (chosen < 100).sum() == 40
    assert (chosen >= 100).sum() == 20
    assert np.array_equal(chosen, learning_customers(h, TAGS, RankerParams(max_customers=40)))
