"""Calibration for customers of whom little is known."""

import numpy as np
import pytest

from models.calibration import Calibrator, fit_calibrator
from scoring.newness import NEWNESS, calibrated, newcomer_calibrators, newness, regular_rows, scaled

CONSTANT = Calibrator("constant", y=(0.2,))


def test_newness_is_read_from_purchase_days() -> None:
    """No purchase; one day; two days."""
    found = newness(np.array([np.nan, 5.0, 5.0]), np.array([np.nan, 5.0, 9.0]))
    assert [NEWNESS[i] for i in found] == ["none", "once", "regular"]
    assert regular_rows(found).tolist() == [False, False, True]
    assert regular_rows(found[:2]).tolist() == [True, True]


def test_probabilities_of_new_customers_come_true() -> None:
    """Who never bought buys a fifth as often at the same score: on other rows bought is close to expected."""
    rng = np.random.default_rng(0)
    raw, new = rng.random(40_000) * 0.5, rng.integers(0, 3, 40_000)
    bought = (rng.random(40_000) < raw * np.array([0.2, 0.6, 1.0])[new]).astype(float)
    first = np.arange(40_000) < 20_000
    by_kind = {"ranker.1": fit_calibrator(raw[first & (new == 2)], bought[first & (new == 2)])}
    number = np.zeros(20_000, dtype=np.int64)
    found = by_kind | newcomer_calibrators(by_kind, ["ranker.1"], raw[first], bought[first], number, new[first])
    p = calibrated(found, "ranker.1", raw[~first], new[~first])
    for group in range(3):
        mine = new[~first] == group
        assert bought[~first][mine].sum() / p[mine].sum() == pytest.approx(1.0, abs=0.15)


def test_few_purchases_scale_what_the_kind_says() -> None:
    """None of ten expected was bought: a sixth, not nothing; regular customers keep the kind's own."""
    new = np.zeros(50, dtype=np.int64)
    made = newcomer_calibrators({"h.0": CONSTANT}, ["h.0"], np.zeros(50), np.zeros(50), new, new)
    p = calibrated({"h.0": CONSTANT} | made, "h.0", np.zeros(3), np.array([0, 1, 2]))
    assert p == pytest.approx([0.2 * 2 / 12, 0.2, 0.2])


def test_scaling_keeps_probabilities_probabilities() -> None:
    """A sigmoid's odds are doubled; a step above one half stops at one."""
    sigmoid = scaled(Calibrator("sigmoid", slope=1.0, intercept=0.0), 2.0)
    assert float(sigmoid.apply(0.5)) == pytest.approx(2 / 3)
    steps = scaled(Calibrator("isotonic", x=(0.0, 1.0), y=(0.1, 0.8)), 2.0)
    assert steps.y == pytest.approx((0.2, 1.0))
