"""How good forecasts of purchases are on a period that was not known: per decile, beside simple forecasts.

Intervals are 95 % bootstrap intervals over customers: a customer is drawn with all that she did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.purchase_counts import Floats

Ints = NDArray[np.int64]
DRAWS = 300
GROUPS = 10
SEASON = 364  # 52 whole weeks, so that weekdays match
RECENCY_EDGES = (7, 14, 30, 60, 90, 180, 365)
ORDER_EDGES = (1, 2, 3, 5, 8, 13, 21, 34)


@dataclass(frozen=True)
class OrderDays:
    """Order days of customers 0 to n - 1, a row per customer and day: whole days, and the amount of the day."""

    customer: Ints
    day: Ints
    amount: Floats
    n: int

    def within(self, start: int, end: int) -> OrderDays:
        """Those of start <= day < end."""
        chosen = (self.day >= start) & (self.day < end)
        return OrderDays(self.customer[chosen], self.day[chosen], self.amount[chosen], self.n)

    @property
    def counts(self) -> Floats:
        """Order days per customer."""
        return np.bincount(self.customer, minlength=self.n).astype(np.float64)

    @property
    def sums(self) -> Floats:
        """Amount per customer."""
        return np.bincount(self.customer, weights=self.amount, minlength=self.n).astype(np.float64)

    def first(self, never: int) -> Ints:
        """The first day per customer, `never` for who has none."""
        found = np.full(self.n, never, dtype=np.int64)
        np.minimum.at(found, self.customer, self.day)
        return found

    def last(self, never: int) -> Ints:
        """The last day per customer, likewise."""
        found = np.full(self.n, never, dtype=np.int64)
        np.maximum.at(found, self.customer, self.day)
        return found


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def bootstrap(n: int, statistic: Callable[[Floats], float], seed: int = 0, draws: int = DRAWS) -> Estimate:
    """A statistic of weights per customer, with its interval over draws of customers with replacement."""
    rng = np.random.default_rng(seed)
    found = [
        statistic(np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float64)) for _ in range(draws if n else 0)
    ]
    low, high = np.nanquantile(found, [0.025, 0.975]) if found and not np.all(np.isnan(found)) else (np.nan, np.nan)
    return Estimate(statistic(np.ones(n)), float(low), float(high))


def deciles(predicted: Floats, groups: int = GROUPS) -> Ints:
    """The group of each row, 0 the lowest: equally large by rank, equal predictions in the order they came."""
    place = np.empty(predicted.size, dtype=np.int64)
    place[np.argsort(predicted, kind="stable")] = np.arange(predicted.size)
    return place * groups // max(predicted.size, 1)


def decile_rows(predicted: Floats, observed: Floats, by: Floats | None = None, seed: int = 0) -> list[dict[str, float]]:
    """A row per decile of `by` (default: of what was predicted): customers, mean predicted, mean observed, interval."""
    group = deciles(predicted if by is None else by)
    rows = []
    for g in range(GROUPS):
        p, y = predicted[group == g], observed[group == g]
        if p.size:
            seen = bootstrap(p.size, lambda w, y=y: float(w @ y / w.sum()), seed + g)  # type: ignore[misc]
            rows.append(
                {
                    "decile": g + 1,
                    "customers": int(p.size),
                    "predicted": float(p.mean()),
                    "observed": seen.value,
                    "low": seen.low,
                    "high": seen.high,
                }
            )
    return rows


def score_forecast(
    predicted: Floats, observed: Floats, references: Mapping[str, Floats], seed: int = 0
) -> dict[str, Estimate]:
    """How a forecast of counts or amounts did.

    - `total`: sum predicted / sum observed;
    - `decile_error`: distance of predicted and observed sums per decile of the forecast, as a share of all observed;
    - `rmse`: root of the mean squared error per customer; `mae`: mean absolute error;
    - `top_share`: share of what was observed that the highest decile holds;
    - `gain_on_<name>`: mean squared error of a reference less that of this forecast, paired by customer.
    """
    group = deciles(predicted)
    top = (group == GROUPS - 1).astype(np.float64)
    squared = (predicted - observed) ** 2
    absolute = np.abs(predicted - observed)

    def decile_error(w: Floats) -> float:
        apart = np.bincount(group, weights=w * (predicted - observed), minlength=GROUPS)
        return _share(float(np.abs(apart).sum()), float(w @ observed))

    measures: dict[str, Callable[[Floats], float]] = {
        "total": lambda w: _share(float(w @ predicted), float(w @ observed)),
        "decile_error": decile_error,
        "rmse": lambda w: float(np.sqrt(w @ squared / w.sum())),
        "mae": lambda w: float(w @ absolute / w.sum()),
        "top_share": lambda w: _share(float(w @ (top * observed)), float(w @ observed)),
    }
    for name, reference in references.items():
        saved = (reference - observed) ** 2 - squared
        measures[f"gain_on_{name}"] = lambda w, saved=saved: float(w @ saved / w.sum())  # type: ignore[misc]
    return {name: bootstrap(predicted.size, measure, seed) for name, measure in measures.items()}


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


# forecasts to compare with


def seasonal_naive(past: OrderDays, cut: int, horizon: int) -> Floats | None:
    """Order days in the same days of the year before; None where that year is not known."""
    if not past.day.size or cut - SEASON < int(past.day.min()):
        return None
    return past.within(cut - SEASON, cut - SEASON + horizon).counts


def last_days_again(past: OrderDays, cut: int, horizon: int) -> Floats:
    """Order days in the last `horizon` days, or at their rate where less is known."""
    first = int(past.day.min()) if past.day.size else cut - 1
    span = min(horizon, max(cut - first, 1))
    return past.within(cut - span, cut).counts * (horizon / span)


def cell_mean(past: OrderDays, cut: int, horizon: int) -> tuple[Floats, str]:
    """Mean order days of customers in the same cell of recency and frequency, learned at an earlier cut.

    The earlier cut lies `horizon` back, or in the middle of what is known; a cell that nobody was in then has the
    mean of its number of orders, and without that the mean of all.
    """
    first = int(past.day.min()) if past.day.size else cut
    span = min(horizon, max((cut - first) // 2, 1))
    known = past.within(first, cut - span)
    was, later = _cells(known, cut - span), past.within(cut - span, cut).counts * (horizon / span)
    there = known.counts > 0
    now = _cells(past, cut)
    mean = float(later[there].mean()) if there.any() else 0.0
    by_orders = _means(was[there] // 100, later[there], mean)
    found = np.array([by_orders.get(int(c) // 100, mean) for c in now])
    by_cell = _means(was[there], later[there], float("nan"))
    exact = np.array([by_cell.get(int(c), float("nan")) for c in now])
    return np.where(np.isnan(exact), found, exact), f"learned {span} days earlier"


def _cells(past: OrderDays, cut: int) -> Ints:
    """100 x frequency class + recency class."""
    silence = cut - past.last(cut)
    orders = np.searchsorted(ORDER_EDGES, past.counts, side="left")
    return np.asarray(100 * orders + np.searchsorted(RECENCY_EDGES, silence, side="left"), dtype=np.int64)


def _means(cell: Ints, value: Floats, empty: float) -> Mapping[int, float]:
    cells, place = np.unique(cell, return_inverse=True)
    if not cells.size:
        return {}
    means = np.bincount(place, weights=value) / np.bincount(place)
    return dict(zip(cells.tolist(), means.tolist()))
