"""Reasons in words: from the model's own contributions, strongest first."""

import string

import numpy as np
import pytest

from models.response import fit_response, rule_model
from models.response_frame import FEATURES, as_response_frame
from models.response_params import ResponseParams, ResponsePriors
from scoring.response_reasons import STORIES, TEMPLATES, phrase, response_reasons
from tests.models.test_response import sends


@pytest.fixture(scope="module")
def frame():
    """Sends whose answers follow coupon_orders_long and the kind."""
    return as_response_frame(sends())


def test_every_feature_has_a_template():
    """No feature can move a score without a sentence for it."""
    assert set(TEMPLATES) == set(FEATURES)
    assert all([f for _, f, _, _ in string.Formatter().parse(known) if f] == ["v"] for known, _ in TEMPLATES.values())


def test_reasons_follow_the_largest_contributions(frame):
    """The first reason is the feature that moved the row most, with the direction it moved it."""
    model = fit_response(frame, ResponseParams(trees=30, min_child=20), ResponsePriors())
    table = frame.table.slice(0, 50)
    words, moved = response_reasons(model, table), model.contributions(table)
    for i, row in enumerate(words):
        first = int(np.argmax(np.abs(moved[i])))
        text = phrase(FEATURES[first], table[FEATURES[first]][i].as_py())
        assert row[0] == f"{text}: {'likelier' if moved[i, first] > 0 else 'less likely'}"
        assert len(row) <= 3
    assert any("orders with a coupon" in row[0] for row in words)


def test_one_story_is_told_once(frame):
    """Coupons used and their worth are one reason, not two."""
    model = fit_response(frame, ResponseParams(trees=30, min_child=20), ResponsePriors())
    for row in response_reasons(model, frame.table.slice(0, 100)):
        assert sum("coupon" in reason and "13 weeks" in reason for reason in row) <= 1
    assert all(feature in FEATURES for story in STORIES for feature in story)


def test_a_rule_gives_the_rate_it_stands_on(frame):
    """The heuristic explains itself too."""
    row = response_reasons(rule_model(frame, ResponsePriors()), frame.table.slice(0, 1))[0]
    assert "answered offers of kind" in row[0]
    assert "%" in row[0]


def test_an_assumption_is_called_one(frame):
    """Without data the reason says that the rate is assumed."""
    row = response_reasons(rule_model(None, ResponsePriors(default=0.02)), frame.table.slice(0, 1))[0]
    assert row == ["no answers by direct_mail to learn from yet: an assumed rate of 2.00%"]
