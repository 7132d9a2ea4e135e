"""The recommenders to beat, all with one interface: fitted on a history, they score any customers' histories.

    model = fit_popularity(history, day)
    model.score(history.of_customers(0, 256))    # (256, n_products) float64, -inf: never recommend

They are the honest floor of grocery recommendation (Li et al. 2023, "A Next Basket Recommendation Reality Check",
ACM TOIS): own frequency first, global popularity behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from features.errors import ModelError
from features.interactions import Interactions

Scores = NDArray[np.float64]


class Scorer(Protocol):
    """What every recommender with a score per product offers."""

    def score(self, history: Interactions) -> Scores:
        """(n_customers, n_products) scores for the customers of `history`, whose product axis is that of the fit.

        -inf means never recommend; ties are for the caller to break by product position.
        """
        ...


@dataclass(frozen=True)
class Popularity:
    """The same score for everyone: customers who bought each product in the days looked at; unsold ones get -inf."""

    customers: NDArray[np.float64]

    def score(self, history: Interactions) -> Scores:
        """See `Scorer`."""
        check_products(history, len(self.customers))
        row = np.where(self.customers > 0, self.customers, -np.inf)
        return np.tile(row, (history.n_customers, 1))


@dataclass(frozen=True)
class TopFrequency:
    """Own frequency: orders of each product by the customer herself, decayed or not, optionally filled up.

    With `fill` (GP-TopFreq) products she never bought follow in order of `fill`, always below any she bought;
    without it (P-TopFreq) they score -inf and lists may be short.
    """

    day: int
    half_life_days: float | None
    fill: NDArray[np.float64] | None

    def score(self, history: Interactions) -> Scores:
        """See `Scorer`."""
        own = frequency_matrix(history, self.day, self.half_life_days).tocoo()
        if self.fill is None:
            scores = np.full(own.shape, -np.inf)
            scores[own.row, own.col] = own.data
            return scores
        check_products(history, len(self.fill))
        # what she never bought lies in [0, 1); own counts start above 1, their ties broken by popularity
        share = self.fill / (self.fill.max(initial=0.0) + 1.0)
        scores = np.tile(np.where(self.fill > 0, share, -np.inf), (history.n_customers, 1))
        scores[own.row, own.col] = 1.0 + own.data + 1e-3 * share[own.col]
        return scores


def frequency_matrix(history: Interactions, day: int, half_life_days: float | None = None) -> csr_matrix:
    """Customers x products: orders before the cut `day`, each halved every `half_life_days` since."""
    weights = history.orders.astype(np.float64)
    if half_life_days is not None:
        weights = weights * np.exp2((history.day + 1.0 - day) / half_life_days)
    matrix = csr_matrix((weights, (history.customer, history.product)), (history.n_customers, history.n_products))
    matrix.sum_duplicates()
    return matrix


def fit_popularity(history: Interactions, day: int, days: int | None = None) -> Popularity:
    """Popularity of the last `days` before the cut `day`, or of all time.

    Counts customers, not orders: what few buy often is popular with few. It is the stronger baseline for EXPLORE.
    """
    seen = history if days is None else history.between(day - days, day)
    buyers = np.diff(frequency_matrix(seen, day).tocsc().indptr)
    return Popularity(buyers.astype(np.float64))


def fit_top_frequency(
    history: Interactions, day: int, half_life_days: float | None = None, fill: bool = True
) -> TopFrequency:
    """P-TopFreq, or with `fill` GP-TopFreq; the fill is all-time popularity with the same decay."""
    popular = np.asarray(frequency_matrix(history, day, half_life_days).sum(axis=0)).ravel() if fill else None
    return TopFrequency(day, half_life_days, popular)


def check_products(history: Interactions, n_products: int) -> None:
    """Raise `ModelError` when the history's product axis is not the one the model was fitted on."""
    if history.n_products != n_products:
        raise ModelError(f"the model knows {n_products} products, the history has {history.n_products}")
