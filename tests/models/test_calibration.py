"""Calibrators: monotone, inside [0, 1], true on average, and stored without loss."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import DataError, ModelError
from models.calibration import Calibrator, fit_calibrator

METHODS = ("auto", "isotonic", "sigmoid")


def sample(n, seed=0, slope=2.0, intercept=-1.0):
    """Scores whose true log odds are slope * logit + intercept, with outcomes drawn from them."""
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.02, 0.98, n)
    truth = 1 / (1 + np.exp(-(slope * np.log(p / (1 - p)) + intercept)))
    return p, (rng.uniform(size=n) < truth).astype(float), truth


rows = st.integers(1, 60).flatmap(
    lambda n: st.tuples(
        st.lists(st.floats(0, 1), min_size=n, max_size=n),
        st.lists(st.integers(0, 1), min_size=n, max_size=n),
        st.lists(st.floats(0.01, 10), min_size=n, max_size=n),
    )
)


@settings(max_examples=60, deadline=None)
@given(rows, st.sampled_from(METHODS))
def test_any_fit_is_monotone_and_inside_the_unit_interval(data, method):
    """Whatever the data, a higher score never gets a lower probability and none leaves [0, 1]."""
    p, y, w = data
    out = fit_calibrator(p, y, w, method).apply(np.linspace(0, 1, 101))
    assert np.all((out >= 0) & (out <= 1))
    assert np.all(np.diff(out) >= -1e-12)


@settings(max_examples=40, deadline=None)
@given(rows, st.sampled_from(METHODS))
def test_stored_and_read_back_it_is_equal(data, method):
    """JSON keeps every float exactly."""
    p, y, w = data
    fitted = fit_calibrator(p, y, w, method)
    assert Calibrator.from_json(fitted.to_json()) == fitted


def test_auto_takes_isotonic_from_a_thousand_positives():
    """The choice follows the count of positives, not of rows."""
    p = np.linspace(0.01, 0.99, 4000)
    few = np.zeros(4000)
    few[-999:] = 1
    few[::7] = 0
    assert fit_calibrator(p, few).method == "sigmoid"
    many = np.zeros(4000)
    many[:1000] = 1
    assert fit_calibrator(p, many).method == "isotonic"


def test_sigmoid_finds_the_true_slope_and_intercept():
    """On data made by a sigmoid of the logit, Platt scaling recovers its two numbers."""
    p, y, truth = sample(40_000)
    fitted = fit_calibrator(p, y, method="sigmoid")
    assert fitted.slope == pytest.approx(2.0, abs=0.08)
    assert fitted.intercept == pytest.approx(-1.0, abs=0.08)
    assert np.abs(fitted.apply(p) - truth).max() < 0.02


@pytest.mark.parametrize("method", METHODS)
def test_the_mean_prediction_is_the_base_rate(method):
    """Expected positives equal observed positives on the rows it was fitted on."""
    p, y, _ = sample(5000, seed=1)
    assert fit_calibrator(p, y, method=method).apply(p).sum() == pytest.approx(y.sum(), rel=2e-3)


@pytest.mark.parametrize("method", ["isotonic", "sigmoid"])
def test_a_weight_of_two_is_a_row_given_twice(method):
    """Weights count rows."""
    p, y, _ = sample(300, seed=2)
    twice = fit_calibrator(np.r_[p, p[:100]], np.r_[y, y[:100]], method=method)
    weighted = fit_calibrator(p, y, np.r_[np.full(100, 2.0), np.ones(200)], method=method)
    grid = np.linspace(0.05, 0.95, 50)
    assert np.allclose(weighted.apply(grid), twice.apply(grid), atol=1e-5)


def test_isotonic_equals_scikit_learn_between_its_ends():
    """The curve is scikit-learn's, stored as corners."""
    from sklearn.isotonic import IsotonicRegression

    p, y, _ = sample(2000, seed=3)
    oracle = IsotonicRegression(out_of_bounds="clip").fit(p, y).predict(np.linspace(0, 1, 200))
    ours = fit_calibrator(p, y, method="isotonic").apply(np.linspace(0, 1, 200))
    assert np.abs(ours - oracle).max() <= 0.5 / 2001


def test_equal_scores_fall_back_to_the_base_rate():
    """With one score there is no curve, only a rate."""
    fitted = fit_calibrator(np.full(10, 0.3), [1] * 4 + [0] * 6)
    assert fitted.method == "constant"
    assert fitted.apply([0.0, 0.3, 1.0]) == pytest.approx([0.4] * 3)


@pytest.mark.parametrize(("y", "expected"), [(0, 0.5 / 101), (1, 100.5 / 101)])
def test_one_class_falls_back_to_a_rate_off_zero_and_one(y, expected):
    """A hundred refusals do not prove that nobody ever responds."""
    fitted = fit_calibrator(np.linspace(0, 1, 100), np.full(100, y))
    assert fitted.method == "constant"
    assert fitted.apply([0.5]) == pytest.approx([expected])


def test_scores_that_rank_the_wrong_way_give_the_base_rate():
    """A negative slope is refused: the answer is flat."""
    p = np.linspace(0.1, 0.9, 100)
    out = fit_calibrator(p, (p < 0.5).astype(int), method="sigmoid").apply([0.1, 0.9])
    assert out == pytest.approx([0.5, 0.5], abs=0.01)


def test_a_separated_sample_keeps_a_finite_slope():
    """Platt's smoothed targets stand in for certainty."""
    p = np.linspace(0.01, 0.99, 50)
    fitted = fit_calibrator(p, (p > 0.5).astype(int), method="sigmoid")
    assert np.isfinite([fitted.slope, fitted.intercept]).all()
    assert 0 < fitted.apply([0.01])[0] < fitted.apply([0.99])[0] < 1


@pytest.mark.parametrize(
    ("p", "y", "weight", "word"),
    [
        ([], [], None, "no rows"),
        ([0.1], [0, 1], None, "equally long"),
        ([1.5], [1], None, r"p must lie in \[0, 1\]"),
        ([float("nan")], [1], None, r"p must lie in \[0, 1\]"),
        ([0.5], [2], None, "0 or 1"),
        ([0.5], [1], [-1.0], "weight"),
    ],
)
def test_bad_input_is_named(p, y, weight, word):
    """The message says which argument is wrong."""
    with pytest.raises(DataError, match=word):
        fit_calibrator(p, y, weight)


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "not json",
        '{"method": "isotonic", "x": [0.2, 0.1], "y": [0.1, 0.2]}',  # x runs backwards
        '{"method": "sigmoid", "x": [], "y": [], "slope": -1.0}',
        '{"method": "constant", "x": [], "y": [1.5]}',
        '{"method": "magic", "x": [], "y": []}',
    ],
)
def test_a_damaged_file_is_refused(text):
    """Nothing that is not a monotone map into [0, 1] is loaded."""
    with pytest.raises(ModelError):
        Calibrator.from_json(text)
