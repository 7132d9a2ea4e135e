"""Calibration for customers of whom little is known, and for those who stay away."""

import numpy as np
import pytest

from models.calibration import Calibrator, fit_calibrator
from scoring.presence import PRESENCE, calibrated, presence, presence_calibrators, regular_rows, scaled

CONSTANT = Calibrator("constant", y=(0.2,))


def test_presence_is_read_from_purchase_days() -> None:
    """No purchase; one day; two days, the last one up to 14, 28, 56 or 84 days ago, or longer."""
    last = np.array([np.nan, 5.0, 5.0, 14.0, 15.0, 56.0, 84.0, 85.0])
    found = presence(last, np.array([np.nan, 5.0, 9.0, 300.0, 300.0, 300.0, 300.0, 300.0]))
    names = ["none", "once", "days14", "days14", "days28", "days56", "days84", "longer"]
    assert [PRESENCE[i] for i in found] == names
    assert regular_rows(found).tolist() == [False, False] + [True] * 6
    assert regular_rows(found[:2]).tolist() == [True, True]


def test_probabilities_of_new_customers_come_true() -> None:
    """Who never bought buys a fifth as often at the same score: on other rows bought is close to expected."""
    rng = np.random.default_rng(0)
    raw, new = rng.random(40_000) * 0.5, rng.integers(0, 3, 40_000)
    bought = (rng.random(40_000) < raw * np.array([0.2, 0.6, 1.0])[new]).astype(float)
    first = np.arange(40_000) < 20_000
    by_kind = {"ranker.1": fit_calibrator(raw[first & (new == 2)], bought[first & (new == 2)])}
    number = np.zeros(20_000, dtype=np.int64)
    found = by_kind | presence_calibrators(by_kind, ["ranker.1"], raw[first], bought[first], number, new[first])
    p = calibrated(found, "ranker.1", raw[~first], new[~first])
    for group in range(3):
        mine = new[~first] == group
        assert bought[~first][mine].sum() / p[mine].sum() == pytest.approx(1.0, abs=0.15)


def test_few_purchases_scale_what_the_kind_says() -> None:
    """None of ten expected was bought: a sixth, not nothing; groups that were not there keep the kind's own."""
    new = np.zeros(50, dtype=np.int64)
    made = presence_calibrators({"h.0": CONSTANT}, ["h.0"], np.zeros(50), np.zeros(50), new, new)
    p = calibrated({"h.0": CONSTANT} | made, "h.0", np.zeros(3), np.array([0, 1, 2]))
    assert p == pytest.approx([0.2 * 2 / 12, 0.2, 0.2])


def test_scaling_keeps_probabilities_probabilities() -> None:
    """A sigmoid's odds are doubled; a step above one half stops at one."""
    sigmoid = scaled(Calibrator("sigmoid", slope=1.0, intercept=0.0), 2.0)
    assert float(sigmoid.apply(0.5)) == pytest.approx(2 / 3)
    steps = scaled(Calibrator("isotonic", x=(0.0, 1.0), y=(0.1, 0.8)), 2.0)
    assert steps.y == pytest.approx((0.2, 1.0))


def test_who_stays_away_has_a_chance_of_her_own_kind_by_kind() -> None:
    """At the same score she who has not come for long buys a third as often, of one kind still less: on other rows
    bought is close to expected, and within a customer the order of a kind is that of the score."""
    rng = np.random.default_rng(1)
    n = 60_000
    raw, kind = rng.random(n) * 0.6, rng.integers(0, 2, n)
    present = np.where(rng.random(n) < 0.3, PRESENCE.index("longer"), PRESENCE.index("days14"))
    truth = raw * np.where(present == PRESENCE.index("longer"), np.where(kind == 1, 0.15, 0.33), 1.0)
    bought = (rng.random(n) < truth).astype(float)
    first = np.arange(n) < n // 2
    names = ["ranker.0", "ranker.1"]
    found = {
        name: fit_calibrator(raw[first & (kind == k)], bought[first & (kind == k)]) for k, name in enumerate(names)
    }
    found |= presence_calibrators(found, names, raw[first], bought[first], kind[first], present[first])
    for k, name in enumerate(names):
        for group in np.unique(present):
            mine = ~first & (kind == k) & (present == group)
            p = calibrated(found, name, raw[mine], present[mine])
            assert bought[mine].sum() / p.sum() == pytest.approx(1.0, abs=0.15)
            assert (np.diff(p[np.argsort(raw[mine])]) >= 0).all()
