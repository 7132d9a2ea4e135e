"""The churn hazard: what trees may and may not say."""

from __future__ import annotations

import numpy as np

from models.churn import HORIZONS, fit_churn
from models.purchase_counts import Floats

NAMES = ("recency_days", "n_orders_90", "ipt_median")


def customers(n: int, seed: int = 0) -> tuple[Floats, Floats]:
    """Customers who buy at a rate of their own; features as they would be known, and the days to the next order."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(0.8, 1 / 20, n)
    recency = np.ceil(rng.exponential(1 / rate))
    orders = rng.poisson(rate * 90).astype(float)
    gap = np.where(orders > 1, 90 / np.maximum(orders, 1), np.nan)
    return np.column_stack([recency, orders, gap]), np.floor(rng.exponential(1 / rate))


def test_probabilities_are_calibrated_and_ordered() -> None:
    """On unseen customers the mean is right, a longer horizon is never likelier to stay empty, and missing is fine."""
    x, later = customers(6000)
    model = fit_churn(x, np.where(later < 90, later, np.nan), NAMES)
    unseen, then = customers(6000, seed=1)
    p = model.predict(unseen)
    assert p.shape == (6000, 2)
    assert np.all(p[:, 1] <= p[:, 0])
    for i, h in enumerate(HORIZONS):
        assert abs(p[:, i].mean() - (then >= h).mean()) < 0.02
    high = p[:, 1] > np.quantile(p[:, 1], 0.8)
    assert (then[high] >= 90).mean() > 2 * (then[~high] >= 90).mean()


def test_silence_never_makes_an_order_likelier() -> None:
    """Held to common sense: longer recency and fewer orders never lower the hazard."""
    x, later = customers(4000)
    model = fit_churn(x, np.where(later < 90, later, np.nan), NAMES)
    grid = np.column_stack([np.arange(1, 400), np.full(399, 2.0), np.full(399, 20.0)])
    assert np.all(np.diff(model.predict(grid), axis=0) >= 0)
    grid = np.column_stack([np.full(20, 9.0), np.arange(20), np.full(20, 20.0)])
    assert np.all(np.diff(model.predict(grid), axis=0) <= 0)


def test_same_trees_each_time() -> None:
    """Fitting again gives the same text."""
    x, later = customers(1500)
    assert fit_churn(x, later, NAMES).boosters == fit_churn(x, later, NAMES).boosters


def test_too_little_to_learn() -> None:
    """Few rows, or one class only: no model, and the reason."""
    x, later = customers(1000)
    assert "are needed" in fit_churn(x[:10], later[:10], NAMES).why
    nobody = fit_churn(x, np.full(1000, np.nan), NAMES)
    assert (nobody.status, nobody.boosters) == ("none", {})
    assert "fewer than" in nobody.why
