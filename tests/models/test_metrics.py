"""Metrics against scikit-learn, by hand, and their intervals."""

import numpy as np
import pytest
from sklearn import metrics as oracle
from sklearn.linear_model import LogisticRegression

from models import metrics as m


@pytest.fixture(scope="module")
def sample():
    """600 calibrated forecasts with ties, integer weights and outcomes drawn from the forecasts."""
    rng = np.random.default_rng(5)
    p = np.round(rng.beta(1, 6, 600), 2)
    return (rng.random(600) < p).astype(float), p, rng.integers(0, 4, 600).astype(float)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (m.auc, lambda y, p, w: oracle.roc_auc_score(y, p, sample_weight=w)),
        (m.pr_auc, lambda y, p, w: oracle.average_precision_score(y, p, sample_weight=w)),
        (m.brier, lambda y, p, w: oracle.brier_score_loss(y, p, sample_weight=w)),
        (m.log_loss, lambda y, p, w: oracle.log_loss(y, np.clip(p, 1e-9, 1 - 1e-9), sample_weight=w)),
    ],
    ids=["auc", "pr_auc", "brier", "log_loss"],
)
def test_equals_scikit_learn_with_ties_and_weights(sample, ours, theirs):
    """The definitions agree on tied scores and weighted rows."""
    y, p, w = sample
    assert ours(y, p, w) == pytest.approx(theirs(y, p, w), rel=1e-9)


@pytest.mark.parametrize("name", list(m.METRICS))
def test_a_weight_is_a_row_given_that_often(sample, name):
    """Weights and repeated rows give the same number: what makes the bootstrap right."""
    y, p, w = sample
    times = w.astype(int)
    repeated = m.METRICS[name](m.Sample(np.repeat(y, times), np.repeat(p, times)), np.ones(times.sum()))
    assert m.METRICS[name](m.Sample(y, p), w) == pytest.approx(repeated, rel=1e-9)


def test_calibration_slope_is_a_logistic_regression(sample):
    """The slope equals scikit-learn's unpenalised fit."""
    y, p, w = sample
    inside = np.clip(p, 0.005, 0.995)
    z = np.log(inside / (1 - inside))[:, None]
    fitted = LogisticRegression(C=1e12, tol=1e-10, max_iter=1000).fit(z, y, sample_weight=w)
    assert m.calibration_slope(y, inside, w) == pytest.approx(fitted.coef_[0, 0], abs=1e-4)


def test_ece_by_hand():
    """15 rows, one per bin: the mean of their own gaps."""
    p = np.linspace(0.05, 0.75, 15)
    y = np.zeros(15)
    assert m.ece(y, p, np.ones(15)) == pytest.approx(p.mean())


def test_a_constant_forecast_has_one_bin():
    """Ties share a bin, so a right base rate has no calibration error."""
    y = np.array([1.0, 0, 0, 0] * 25)
    assert m.ece(y, np.full(100, 0.25), np.ones(100)) == pytest.approx(0)


def test_equal_mass_bins_hold_equal_mass():
    """Distinct scores are cut into bins of one size."""
    assert np.bincount(m.equal_mass_bins(np.random.default_rng(0).random(1500), np.ones(1500))).tolist() == [100] * 15


def test_the_noise_floor_is_what_a_right_forecast_scores():
    """A calibrated forecast's ECE lies near the floor; a wrong one far above."""
    rng = np.random.default_rng(1)
    p = rng.beta(2, 8, 3000)
    y = (rng.random(3000) < p).astype(float)
    ones = np.ones(3000)
    floor = m.ece_noise_floor(p, ones)
    assert m.ece(y, p, ones) == pytest.approx(floor, rel=0.5)
    assert m.ece(y, p / 3, ones) > 4 * floor


def test_brier_skill_is_zero_for_the_base_rate_and_one_for_the_truth():
    """The two ends of the scale."""
    y = np.array([1.0, 0, 0, 1, 0])
    assert m.brier_skill(y, np.full(5, 0.4), np.ones(5)) == pytest.approx(0)
    assert m.brier_skill(y, y, np.ones(5)) == pytest.approx(1)


def test_undefined_is_nan_and_never_an_error():
    """One class, or one score, leaves some metrics without a value."""
    y, p, w = np.zeros(4), np.full(4, 0.2), np.ones(4)
    assert all(np.isnan(f(y, p, w)) for f in (m.auc, m.pr_auc, m.brier_skill, m.calibration_slope))
    assert m.observed_over_expected(y, p, w) == 0


def test_intervals_hold_the_value_and_widen_with_clusters(sample):
    """Five copies of each customer's row bring no information: the interval does not shrink when clustered."""
    y, p, _ = sample
    customers = np.arange(y.size)
    once = {r["metric"]: r for r in m.intervals(y, p, customers, draws=200)}
    assert all(r["low"] <= r["value"] <= r["high"] for n, r in once.items() if n != "ece")  # ECE is biased upward
    copies = [np.repeat(v, 5) for v in (y, p, customers)]
    clustered = {r["metric"]: r for r in m.intervals(*copies, draws=200)}
    as_rows = {r["metric"]: r for r in m.intervals(copies[0], copies[1], np.arange(y.size * 5), draws=200)}

    def width(r):
        return r["brier"]["high"] - r["brier"]["low"]

    assert width(clustered) == pytest.approx(width(once))
    assert width(as_rows) < 0.6 * width(clustered)


def test_paired_difference_tells_a_gain_from_none():
    """A forecast that knows the truth beats the base rate beyond doubt, and itself not at all."""
    rng = np.random.default_rng(2)
    p = rng.random(600)
    y = (rng.random(600) < p).astype(float)
    value, low, high = m.paired_difference(m.brier, y, p, np.full(y.size, y.mean()), np.arange(y.size), draws=200)
    assert low <= value <= high < 0
    assert m.paired_difference(m.brier, y, p, p, np.arange(y.size), draws=20) == (0, 0, 0)


def test_the_same_seed_gives_the_same_interval(sample):
    """Numbers can be repeated."""
    y, p, _ = sample
    first, second = (m.intervals(y, p, np.arange(y.size), draws=20, seed=3) for _ in range(2))
    assert first == second


def test_calibration_curve_rows_add_up(sample):
    """Every row is in one bin, and the observed rate lies in its interval."""
    y, p, _ = sample
    curve = m.calibration_curve(y, p)
    assert sum(r["rows"] for r in curve) == y.size
    assert sum(r["rows"] * r["observed"] for r in curve) == pytest.approx(y.sum())
    assert all(r["low"] <= r["observed"] <= r["high"] for r in curve)


@pytest.mark.parametrize("rate", [0.0, 0.5, 1.0])
def test_wilson_holds_the_rate_at_any_size(rate):
    """Also where rounding would put the end on the wrong side."""
    for n in range(1, 200):
        low, high = m.wilson(rate, n)
        assert 0 <= low <= rate <= high <= 1
