"""Measures of forecasts, and the simple forecasts beside them."""

from __future__ import annotations

import numpy as np
import pytest

from models.lifetime_evaluation import (
    OrderDays,
    bootstrap,
    cell_mean,
    decile_rows,
    deciles,
    last_days_again,
    score_forecast,
    seasonal_naive,
)


def order_days(*histories: list[int]) -> OrderDays:
    """Customers with orders of 10 on these days."""
    customer = np.array([c for c, h in enumerate(histories) for _ in h], dtype=np.int64)
    day = np.array([d for h in histories for d in h], dtype=np.int64)
    return OrderDays(customer, day, np.full(day.size, 10.0), len(histories))


def test_order_days() -> None:
    """Counts, sums, first and last day per customer, of a window that starts in and ends out."""
    days = order_days([1, 5, 9], [], [5])
    inside = days.within(1, 9)
    assert inside.counts.tolist() == [2, 0, 1]
    assert inside.sums.tolist() == [20, 0, 10]
    assert days.first(never=99).tolist() == [1, 99, 5]
    assert days.last(never=-1).tolist() == [9, -1, 5]


def test_naive_forecasts() -> None:
    """The same days a year before, or none when that year is unknown; the last days again, at their rate if short."""
    days = order_days([0, 10, 363], [350, 360])
    seasonal = seasonal_naive(days, cut=364, horizon=28)
    assert seasonal is not None
    assert seasonal.tolist() == [2, 0]
    assert seasonal_naive(days, cut=363, horizon=28) is None
    assert last_days_again(days, cut=364, horizon=28).tolist() == [1, 2]
    assert last_days_again(order_days([0, 5]), cut=10, horizon=20).tolist() == [4]


def test_cell_mean() -> None:
    """What customers like her did next, the last time: learned before the cut only."""
    # 20 customers bought on day 100 and again on day 190; 20 only on day 0
    days = order_days(*[[100, 190]] * 20, *[[0]] * 20, [200, 290])
    found, how = cell_mean(days, cut=300, horizon=100)
    assert how == "learned 100 days earlier"
    # at day 200 the 20 had two orders, the last 10 days before, and none of them came by day 300
    assert found[0] == 0.0
    assert found[40] == 0.0
    assert np.isfinite(found).all()


def test_scores() -> None:
    """A perfect forecast misplaces nothing; half of everything is half of the total; gains are paired."""
    observed = np.arange(100, dtype=float)
    perfect = score_forecast(observed, observed, {"nothing": np.zeros(100)})
    assert (perfect["total"].value, perfect["rmse"].value, perfect["decile_error"].value) == (1.0, 0.0, 0.0)
    assert perfect["gain_on_nothing"].value == pytest.approx((observed**2).mean())
    half = score_forecast(observed / 2, observed, {})
    assert half["total"].value == 0.5
    assert half["decile_error"].value == pytest.approx(0.5)
    assert half["top_share"].value == pytest.approx(observed[90:].sum() / observed.sum())


def test_deciles_and_intervals() -> None:
    """Ten groups as large as can be; an interval holds its mean, and narrows with customers."""
    assert np.bincount(deciles(np.zeros(25))).tolist() == [3, 2, 3, 2, 3, 2, 3, 2, 3, 2]
    rng = np.random.default_rng(0)
    p = rng.random(5000)
    rows = decile_rows(p, (rng.random(5000) < p).astype(float))
    assert [r["customers"] for r in rows] == [500] * 10
    assert all(r["low"] <= r["observed"] <= r["high"] for r in rows)
    assert sum(r["low"] <= r["predicted"] <= r["high"] for r in rows) >= 8
    y = rng.random(1000)
    wide, narrow = (bootstrap(n, lambda w, n=n: float(w @ y[:n] / w.sum())) for n in (50, 1000))
    assert wide.high - wide.low > narrow.high - narrow.low


def test_nobody() -> None:
    """Empty input gives empty tables, not errors."""
    assert decile_rows(np.zeros(0), np.zeros(0)) == []
    assert last_days_again(order_days([]), 10, 5).tolist() == [0]
