"""Spend: Gamma-Gamma where the data carry it, a shrunken mean elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import check_grad
from scipy.stats import gamma

from models.gamma_gamma import fit_gamma_gamma, spend_loss
from models.purchase_counts import Floats


def simulate(n: int, p: float, q: float, v: float, seed: int = 0) -> tuple[Floats, Floats]:
    """Means of 2 to 12 order days by the story of the model."""
    rng = np.random.default_rng(seed)
    count = rng.integers(2, 13, n).astype(float)
    nu = rng.gamma(q, 1 / v, n)
    return count, rng.gamma(p * count, 1 / (nu * count))


def test_slopes_and_likelihood() -> None:
    """The gradient is that of finite differences, and the likelihood that of the integral over nu."""
    n, mean = simulate(200, 6.25, 3.74, 15.4)
    loss = spend_loss(n, mean)
    assert check_grad(lambda z: loss(z)[0], lambda z: loss(z)[1], np.log([3.0, 4.0, 9.0])) < 1e-4
    p, q, v, count, m = 6.25, 3.74, 15.4, 3.0, 30.0
    density = quad(lambda nu: gamma.pdf(m, p * count, scale=1 / (nu * count)) * gamma.pdf(nu, q, scale=1 / v), 0, 5)[0]
    single = spend_loss(np.array([count]), np.array([m]))
    assert -single(np.log([p, q, v]))[0] == pytest.approx(np.log(density), rel=1e-6)


def test_fit_and_expectation() -> None:
    """Parameters near the truth, and the mean of what customers with such histories spend."""
    n, mean = simulate(40_000, 6.0, 4.0, 15.0)
    model = fit_gamma_gamma(n, mean)
    assert model.status == "gamma_gamma"
    assert (model.p, model.q, model.v) == pytest.approx((6.0, 4.0, 15.0), rel=0.1)
    p, q, v, count, m = model.p, model.q, model.v, 4.0, 50.0
    # posterior of nu is Gamma(p count + q, v + count m), and the next amount p / nu
    top = quad(lambda nu: p / nu * gamma.pdf(nu, p * count + q, scale=1 / (v + count * m)), 1e-9, 5)[0]
    assert model.expected(np.array([count]), np.array([m]))[0] == pytest.approx(top, rel=1e-6)


def test_unit_of_money_does_not_matter() -> None:
    """In cents, everything is a hundred times as much."""
    n, mean = simulate(2000, 6.0, 4.0, 15.0)
    euros, cents = fit_gamma_gamma(n, mean), fit_gamma_gamma(n, mean * 100)
    assert (cents.p, cents.q, cents.v, cents.mean) == pytest.approx((euros.p, euros.q, euros.v * 100, euros.mean * 100))


def test_fall_backs() -> None:
    """Strong correlation, few customers, constant spend, nobody: a shrunken mean that says why."""
    rng = np.random.default_rng(0)
    n = rng.integers(2, 40, 500).astype(float)
    cases = {
        "correlate at 0.9": (n, n * 5 * rng.lognormal(0, 0.1, 500)),
        "only 3 customers": (np.array([2.0, 3, 4]), np.array([5.0, 9, 2])),
        "spends the same": (n, np.full(500, 10.0)),
        "more than 0": (np.array([2.0]), np.array([0.0])),
    }
    for words, (counts, means) in cases.items():
        model = fit_gamma_gamma(counts, means)
        assert model.status == "shrunken_mean"
        assert words in model.why
        said = model.expected(np.array([1.0, 30.0]), np.array([8.0, 8.0]))
        assert np.all(np.isfinite(said))
        low, high = sorted((8.0, model.mean))
        assert np.all((said >= low) & (said <= high))
    assert fit_gamma_gamma(*cases["spends the same"]).expected(np.array([1.0]), np.array([10.0]))[0] == pytest.approx(
        10.0
    )


def test_shrunken_mean_learns_its_weight() -> None:
    """With means that are mostly chance, the population counts for more than with means that differ."""
    rng = np.random.default_rng(1)
    n = rng.integers(1, 10, 2000).astype(float)
    noisy = 50 + rng.normal(0, 20, 2000) / np.sqrt(n)
    clear = 50 + rng.normal(0, 20, 2000) + rng.normal(0, 1, 2000) / np.sqrt(n)
    weights = [fit_gamma_gamma(n, m, min_customers=10_000).kappa for m in (noisy, clear)]
    assert weights[0] > 10 > 0.1 > weights[1]


def test_equal_to_lifetimes() -> None:
    """The parameters of the `lifetimes` library, on the data that it brings, to 1e-6 of each."""
    lifetimes = pytest.importorskip("lifetimes", reason="the oracle is not installed")
    datasets = pytest.importorskip("lifetimes.datasets", reason="the oracle is not installed")
    d = datasets.load_cdnow_summary_data_with_monetary_value()
    d = d[d["frequency"] > 0]
    theirs = lifetimes.GammaGammaFitter()
    theirs.fit(d["frequency"], d["monetary_value"])
    ours = fit_gamma_gamma(d["frequency"].to_numpy(dtype=float), d["monetary_value"].to_numpy(dtype=float))
    for name, value in theirs.params_.items():
        assert getattr(ours, name) == pytest.approx(value, rel=1e-6)
