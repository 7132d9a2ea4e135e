"""BG/NBD and its limits: formulae against slow ones and simulation, the fit against `lifetimes`, and odd data."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import check_grad
from scipy.special import expit
from scipy.stats import beta as beta_distribution

from features.errors import DataError
from models.bgnbd import PurchaseModel, beta_rule, fit_bgnbd
from models.bgnbd_likelihood import LossOf, bgnbd_loss, nbd_loss, one_dropout_loss
from models.purchase_counts import Floats, PurchaseCounts

CDNOW = PurchaseModel("bgnbd", 0.243, 4.414, 0.793, 2.426, 0.0, 0.0)  # Fader, Hardie and Lee (2005), table 2


def simulate(n: int, r: float, alpha: float, a: float, b: float, seed: int = 0) -> tuple[Floats, Floats, Floats]:
    """Customers by the story of the model itself, followed for 100 to 700 days; b = 0 gives everybody p = a."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(r, 1 / alpha, n)
    p = rng.beta(a, b, n) if b else np.full(n, a)
    T = rng.integers(100, 700, n).astype(float)
    x, t_x, t, alive = np.zeros(n), np.zeros(n), np.zeros(n), np.ones(n, bool)
    while alive.any():
        t = t + rng.exponential(1 / rate)
        bought = alive & (t <= T)
        x[bought] += 1
        t_x[bought] = t[bought]
        alive = bought & (rng.random(n) >= p)
    return x, t_x, T


def one(value: float) -> Floats:
    """An array of one number."""
    return np.array([float(value)])


@pytest.mark.parametrize(("loss", "size"), [(bgnbd_loss, 4), (one_dropout_loss, 3), (nbd_loss, 2)])
def test_slopes_are_exact(loss: LossOf, size: int) -> None:
    """The gradient is that of finite differences."""
    f = loss(PurchaseCounts.of(*simulate(300, 0.5, 30, 0.8, 2.5)).scaled(100))
    theta = np.log([0.4, 0.5, 0.7, 2.0])[:size]
    assert check_grad(lambda z: f(z)[0], lambda z: f(z)[1], theta) < 1e-5


def test_likelihood_is_that_of_the_paper() -> None:
    """Equation 6 of the paper, computed customer by customer with plain gamma functions."""
    rows = [(0, 0.0, 38.9), (2, 30.4, 38.9), (1, 1.7, 20.0), (9, 30.0, 31.0)]
    r, alpha, a, b = 0.243, 4.414, 0.793, 2.426

    def likelihood(x: int, t_x: float, T: float) -> float:
        beta = lambda u, v: math.gamma(u) * math.gamma(v) / math.gamma(u + v)  # noqa: E731
        buys = math.gamma(r + x) * alpha**r / math.gamma(r)
        stays = beta(a, b + x) / beta(a, b) / (alpha + T) ** (r + x)
        leaves = beta(a + 1, b + x - 1) / beta(a, b) / (alpha + t_x) ** (r + x) if x else 0.0
        return buys * (stays + leaves)

    counts = PurchaseCounts.of(*zip(*rows))
    expected = -sum(math.log(likelihood(*row)) for row in rows) / len(rows)
    assert bgnbd_loss(counts)(np.log([r, alpha, a, b]))[0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("x", "T"), [(0, 1.0), (1, 39.0), (7, 300.0), (60, 500.0), (1000, 3000.0), (1000, 1000.0)])
@pytest.mark.parametrize(("a", "b"), [(0.793, 2.426), (1.0, 2.0), (0.05, 0.5), (5.0, 400.0)])
def test_expected_orders_against_quadrature(x: int, T: float, a: float, b: float) -> None:
    """The mean over p is that of slow quadrature, also at a = 1 (0 / 0 in the closed form) and at 1,000 orders."""
    model = PurchaseModel("bgnbd", 0.5, 12.0, a, b, 0.0, 0.0)
    rate = model.r + x
    # over the log odds of p the integrand is smooth and dies out both ways: the trapezoid rule is as good as exact
    odds = np.linspace(-700, 700, 280_001)
    p, log_p, log_q = expit(odds), -np.logaddexp(0, -odds), -np.logaddexp(0, odds)
    density = np.exp(a * log_p + (b + x) * log_q - (a * log_p + (b + x) * log_q).max())
    t_x = one(T * 0.99 if x else 0)
    for h in (28.0, 365.0):
        bought = -np.expm1(-rate * np.log1p(p * h / (model.alpha + T)))
        slow = (density * bought * np.exp(-log_p)).sum() / density.sum()
        alive = model.p_alive(one(x), t_x, one(T))[0]
        assert model.expected(one(x), t_x, one(T), (h,))[0, 0] == pytest.approx(alive * slow, rel=1e-6)


def test_mean_over_beta() -> None:
    """Nodes and weights give the moments of the distribution, also where the library's weights overflow."""
    for a, b in ((0.793, 2.426), (1.0, 1.0), (0.01, 5000.0), (30.0, 0.3)):
        nodes, weights = beta_rule(a, b)
        exact = beta_distribution(a, b)
        assert weights.sum() == pytest.approx(1.0)
        for k in (1, 2, 3):
            assert weights @ nodes**k == pytest.approx(exact.moment(k), rel=1e-8)


def test_against_simulation() -> None:
    """P(alive), P(any order) and expected orders are what simulated customers do, group by group."""
    rng = np.random.default_rng(3)
    n, T, h = 200_000, 300.0, 90.0
    r, alpha, a, b = 0.8, 40.0, 0.8, 2.5
    rate, p = rng.gamma(r, 1 / alpha, n), rng.beta(a, b, n)
    x, t_x, later, alive, t = np.zeros(n), np.zeros(n), np.zeros(n), np.ones(n, bool), np.zeros(n)
    alive_at_T = np.ones(n, bool)
    while True:
        t = t + rng.exponential(1 / rate)
        before, after = alive & (t <= T), alive & (t > T) & (t <= T + h)
        if not (before | after).any():
            break
        x[before] += 1
        t_x[before] = t[before]
        later[after] += 1
        leaves = (before | after) & (rng.random(n) < p)
        alive_at_T &= ~(leaves & before)
        alive = (before | after) & ~leaves
    model = PurchaseModel("bgnbd", r, alpha, a, b, 0.0, 0.0)
    full = np.full(n, T)
    said = model.expected(x, t_x, full, (h,))[:, 0]
    for group in (x == 0, x == 1, (x > 1) & (t_x < 150), (x > 1) & (t_x >= 150)):
        assert model.p_alive(x, t_x, full)[group].mean() == pytest.approx(alive_at_T[group].mean(), abs=0.01)
        assert model.any_within(x, t_x, full, h)[group].mean() == pytest.approx((later[group] > 0).mean(), abs=0.01)
        assert said[group].mean() == pytest.approx(later[group].mean(), rel=0.04, abs=0.005)


def test_limits_agree_with_bgnbd() -> None:
    """With a and b far out, one probability for all; with a near 0, nobody leaves: the same numbers both ways."""
    x, t_x, T = np.array([0.0, 1, 5, 40]), np.array([0.0, 10, 200, 250]), np.full(4, 300.0)
    pairs = [
        (PurchaseModel("bgnbd", 0.5, 30, 1e6, 9e6, 0, 0), PurchaseModel("one_dropout", 0.5, 30, 0.1, 0.9, 0, 0)),
        (PurchaseModel("bgnbd", 0.5, 30, 1e-9, 1.0, 0, 0), PurchaseModel("nbd", 0.5, 30, 0.0, 1.0, 0, 0)),
    ]
    for near, limit in pairs:
        assert near.p_alive(x, t_x, T) == pytest.approx(limit.p_alive(x, t_x, T), rel=1e-4)
        assert near.expected(x, t_x, T, (90.0,)) == pytest.approx(limit.expected(x, t_x, T, (90.0,)), rel=1e-4)


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 1000),
    st.floats(0, 1),
    st.floats(1, 3000),
    st.floats(0.01, 20),
    st.floats(0.1, 500),
    st.floats(0.001, 50),
    st.floats(0.001, 500),
)
def test_scores_are_always_sound(x: int, part: float, T: float, r: float, alpha: float, a: float, b: float) -> None:
    """Finite, p_alive a probability, orders growing with the horizon and never above those of somebody who stays."""
    model = PurchaseModel("bgnbd", r, alpha, a, b, 0.0, 0.0)
    t_x = one(part * T if x else 0.0)
    alive = model.p_alive(one(x), t_x, one(T))[0]
    found = model.expected(one(x), t_x, one(T), (28.0, 90.0, 365.0))[0]
    assert 0 <= alive <= 1
    assert np.all(np.isfinite(found))
    assert 0 <= found[0] <= found[1] <= found[2] <= alive * (r + x) * 365 / (alpha + T) * (1 + 1e-9)


@pytest.mark.parametrize(
    ("truth", "status"),
    [((0.5, 30, 0.8, 2.5), "bgnbd"), ((0.5, 30, 0.15, 0), "one_dropout"), ((0.5, 30, 0.0, 0), "nbd")],
)
def test_fit_finds_the_story_behind_the_data(truth: tuple[float, ...], status: str) -> None:
    """The richest model that the data can tell is fitted, near the truth; a simpler one says why it stands there."""
    model = fit_bgnbd(PurchaseCounts.of(*simulate(15_000, *truth)))
    assert model.status == status
    assert (model.r, model.alpha) == pytest.approx(truth[:2], rel=0.1)
    assert bool(model.why) == (status != "bgnbd")
    if status != "nbd":
        assert model.a / (model.a + model.b) == pytest.approx(
            truth[2] / (truth[2] + truth[3]) if truth[3] else truth[2], rel=0.15
        )


def test_one_rate_for_all() -> None:
    """Where rates do not differ either, the pooled rate answers for everybody."""
    rng = np.random.default_rng(0)
    T = np.full(4000, 200.0)
    x = rng.poisson(2.0, 4000).astype(float)
    model = fit_bgnbd(PurchaseCounts.of(x, np.where(x > 0, T * x / (x + 1), 0), T))
    assert model.status in ("nbd", "rate")
    assert model.expected(one(2), one(130), one(200), (100.0,))[0, 0] == pytest.approx(1.0, rel=0.1)


@pytest.mark.parametrize(
    ("x", "t_x", "T"),
    [
        ([], [], []),
        ([0], [0], [1]),
        ([0], [0], [0]),
        ([3], [10], [20]),
        ([0] * 50, [0] * 50, [100] * 50),
        ([1] * 50, [10] * 50, [100] * 50),
        ([1000, 0], [2999, 0], [3000, 3000]),
        ([5] * 9, [90] * 9, [90] * 9),
    ],
)
def test_every_data_set_has_an_answer(x: list[float], t_x: list[float], T: list[float]) -> None:
    """Nobody, one customer, one-time buyers only, everybody alike: always a model with a status and sound scores."""
    model = fit_bgnbd(PurchaseCounts.of(x, t_x, T))
    found = model.expected(one(1), one(5), one(30), (28.0, 365.0))
    assert np.all(np.isfinite(found))
    assert np.all(found >= 0)
    assert model.status != "bgnbd"
    assert model.why


def test_units_of_time_do_not_matter() -> None:
    """In weeks, alpha is a seventh, the rest and the forecasts are the same."""
    x, t_x, T = simulate(5000, 0.5, 30, 0.8, 2.5)
    days, weeks = fit_bgnbd(PurchaseCounts.of(x, t_x, T)), fit_bgnbd(PurchaseCounts.of(x, t_x / 7, T / 7))
    assert (weeks.r, weeks.alpha * 7, weeks.a, weeks.b) == pytest.approx((days.r, days.alpha, days.a, days.b), rel=1e-6)


def test_counts_are_grouped_and_checked() -> None:
    """Equal rows become one with their number; impossible ones are named with how many there are."""
    counts = PurchaseCounts.of([1, 0, 1], [5, 0, 5], [9, 9, 9])
    assert (counts.x.tolist(), counts.n.tolist()) == ([0, 1], [1, 2])
    with pytest.raises(DataError, match="t_x is not between 0 and T in 1 rows") as e:
        PurchaseCounts.of([1, 0], [10, 3], [9, 9])
    assert "t_x is not 0 where x is 0 in 1 rows" in str(e.value)


def test_equal_to_lifetimes() -> None:
    """The parameters of the `lifetimes` library, on the data that it brings, to 1e-6 of each; and its forecasts.

    Its likelihood is the same, and its optimiser stops a little earlier: the distance is its, see the benchmark.
    """
    lifetimes: Any = pytest.importorskip("lifetimes", reason="the oracle is not installed")
    datasets: Any = pytest.importorskip("lifetimes.datasets", reason="the oracle is not installed")
    d = datasets.load_cdnow_summary()
    theirs = lifetimes.BetaGeoFitter()
    theirs.fit(d["frequency"], d["recency"], d["T"])
    ours = fit_bgnbd(PurchaseCounts.of(d["frequency"], d["recency"], d["T"]))
    for name, value in theirs.params_.items():
        assert getattr(ours, name) == pytest.approx(value, rel=1e-6)
    rows = [d[c].to_numpy(dtype=float) for c in ("frequency", "recency", "T")]
    said = theirs.conditional_expected_number_of_purchases_up_to_time(39, *rows)
    assert ours.expected(*rows, (39.0,))[:, 0] == pytest.approx(np.asarray(said), rel=1e-5)
    alive = theirs.conditional_probability_alive(*rows)
    assert ours.p_alive(*rows) == pytest.approx(np.asarray(alive), rel=1e-5)


def test_published_parameters() -> None:
    """The paper's example: a customer with x = 2, t_x = 30.43, T = 38.86 weeks buys 1.226 times in 39 weeks."""
    assert CDNOW.expected(one(2), one(30.43), one(38.86), (39.0,))[0, 0] == pytest.approx(1.226, abs=0.001)
