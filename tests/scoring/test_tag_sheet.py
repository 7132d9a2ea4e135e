"""Counting right and wrong tags on labelled posts."""

import pytest

from scoring.tag_sheet import (
    INTEREST,
    LIFE_EVENT,
    Count,
    LabelledPost,
    count_all,
    count_tags,
    count_traps,
    judged,
    kappa,
    weighted_rates,
)


def post(name, events=(), interests=(), trap="", stratum="c:rest", sure=True):
    """A labelled post."""
    tags = {LIFE_EVENT: frozenset(events), INTEREST: frozenset(interests)}
    return LabelledPost(name, stratum, "development", tags, trap, sure)


def told(**events):
    """What a tagger said: post -> life events."""
    return {name: {LIFE_EVENT: frozenset(tags)} for name, tags in events.items()}


POSTS = (
    post("a", ["move", "wedding"], stratum="c:move"),
    post("b", ["move"], stratum="c:move", sure=False),
    post("c", trap="negation"),
    post("d", trap="negation"),
)
FOUND = told(a=["move"], b=[], c=["move"], d=[])
POPULATION = {"c:move": 10, "c:rest": 100}


def test_counts_are_per_tag_and_a_post_the_tagger_skipped_counts_as_untagged():
    """Positives, tagged and hits of each tag that either side names; a post without an answer has no tags."""
    counts = count_tags([*POSTS, post("e", ["move"])], FOUND, LIFE_EVENT)
    assert counts == {"move": Count(3, 2, 1), "wedding": Count(1, 0, 0)}
    assert count_all(POSTS, FOUND, LIFE_EVENT) == Count(3, 2, 1)


def test_a_trap_is_wrong_only_where_a_tag_was_given_that_does_not_hold():
    """Of two negated posts one was tagged; a true tag beside a trap is no error."""
    beside = post("e", ["move"], trap="past")
    assert count_traps([*POSTS, beside], {**FOUND, **told(e=["move"])}) == {"negation": (2, 1), "past": (1, 0)}


def test_posts_weigh_as_much_as_those_they_stand_for():
    """The false tag of a big stratum counts ten times as much as the true one of a small stratum."""
    rates = weighted_rates(POSTS, FOUND, LIFE_EVENT, POPULATION)
    assert rates == {"precision": pytest.approx(5 / 55), "recall": pytest.approx(1 / 3)}


def test_where_nothing_was_tagged_there_is_no_precision():
    """Rates without a denominator are none, not nought; few positives are marked."""
    figures = Count(3, 0, 0).as_figures()
    assert figures["precision"] is None
    assert figures["precision_low"] is None
    assert figures["few"]
    assert figures["recall"] == 0
    assert figures["recall_high"] > 0.5


def test_all_figures_of_a_tagger():
    """What is judged on sure posts leaves the others out."""
    figures = judged(POSTS, FOUND, POPULATION)
    assert figures["all"][LIFE_EVENT]["positives"] == 3
    assert figures["all_sure"][LIFE_EVENT]["positives"] == 2
    assert figures["traps"] == {"negation": {"posts": 2, "wrong": 1}}


def test_agreement_beyond_chance():
    """Kappa is 1 for equal readings, 0 for chance, none where there is nothing to agree about."""
    assert kappa([True, False], [True, False]) == 1
    assert kappa([True, True, False, False], [True, False, True, False]) == 0
    assert kappa([False, False], [False, False]) is None
