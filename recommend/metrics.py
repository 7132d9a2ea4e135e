"""Ranking metrics per customer, and intervals for their means and differences.

Lists are item positions, best first, -1 where a list is shorter than K. Truth is the set of distinct items bought in
the label window. An empty list scores 0. Ties are broken by item id before a list gets here, so a list has one order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

PerCustomer = NDArray[np.float64]


def hits(lists: NDArray[np.int32], truth: csr_matrix) -> NDArray[np.bool_]:
    """(n_customers, k): whether each listed item is stored in the customer's row of `truth` (n_customers, n_items)."""
    n = len(lists)
    wanted = truth.indices.astype(np.int64) + np.repeat(np.arange(n), np.diff(truth.indptr)) * truth.shape[1]
    listed = lists.astype(np.int64) + np.arange(n)[:, None] * truth.shape[1]
    return np.isin(listed, wanted) & (lists >= 0)


def recall_at_k(lists: NDArray[np.int32], truth: csr_matrix, k: int) -> PerCustomer:
    """(n_customers,) share of the customer's truth in her first `k`; nan where she has no truth.

    Two of three wanted items are listed, so recall@2 is 2/3, also where k is smaller than the truth:

    >>> truth = csr_matrix(np.array([[1, 1, 0, 1]]))
    >>> float(recall_at_k(np.array([[3, 0, 2]]), truth, 2).round(4)[0])
    0.6667
    """
    found = hits(lists[:, :k], truth).sum(axis=1)
    size = np.diff(truth.indptr)
    return np.divide(found, size, out=np.full(len(size), np.nan), where=size > 0)


def ndcg_at_k(lists: NDArray[np.int32], truth: csr_matrix, k: int, cut_ideal: bool = True) -> PerCustomer:
    """(n_customers,) discounted gain of the first `k` over the best possible, whose sum is cut at min(|truth|, k), or
    without `cut_ideal` at |truth| (as some papers on next baskets do, so that 1 is out of reach).

    A hit on rank r gains 1 / log2(r + 1). Ranks 1 and 3 hit, three items wanted:
    (1 + 1/2) / (1 + 1/log2(3) + 1/2) = 1.5 / 2.1309

    >>> truth = csr_matrix(np.array([[1, 1, 0, 1]]))
    >>> float(ndcg_at_k(np.array([[3, 2, 0]]), truth, 3).round(4)[0])
    0.7039
    """
    gain = 1.0 / np.log2(np.arange(2, k + 2))
    found = hits(lists[:, :k], truth) @ gain[: min(k, lists.shape[1])]
    size = np.diff(truth.indptr)
    most = k if cut_ideal else max(k, int(size.max(initial=0)))
    best = np.concatenate([[0.0], np.cumsum(1.0 / np.log2(np.arange(2, most + 2)))])[np.minimum(size, most)]
    return np.divide(found, best, out=np.full(len(size), np.nan), where=size > 0)


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % bootstrap interval over customers."""

    mean: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether zero lies outside: for a difference, whether it is one "by interval"."""
        return self.low > 0 or self.high < 0


def bootstrap_interval(values: PerCustomer, seed: int = 0, draws: int = 1000) -> Interval:
    """95 % percentile interval of the mean over customers drawn with replacement; nan values are left out first.

    For a difference of two recommenders pass the per-customer differences: the pairing is then kept.

    >>> bootstrap_interval(np.array([1.0, 1.0, np.nan]))
    Interval(mean=1.0, low=1.0, high=1.0)
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return Interval(float("nan"), float("nan"), float("nan"))
    rng = np.random.default_rng(seed)
    means = np.empty(draws)
    for start in range(0, draws, 100):
        stop = min(start + 100, draws)
        means[start:stop] = known[rng.integers(0, len(known), (stop - start, len(known)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(float(known.mean()), float(low), float(high))
