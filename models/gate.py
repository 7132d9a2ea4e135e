"""The gate: a challenger takes over only where it beats the champion by interval, on windows before the cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class GateParams:
    """What a challenger must show."""

    draws: int = 1000  # bootstrap draws of customers
    metrics: tuple[str, ...] = ("recall", "ndcg")  # on each of these
    level: float = 0.95  # of the interval that must lie above 0
    seed: int = 0


@dataclass(frozen=True)
class Verdict:
    """One metric of one comparison: mean difference challenger - champion over customers, and its interval."""

    metric: str
    champion: float
    challenger: float
    difference: float
    low: float
    high: float
    customers: int

    @property
    def won(self) -> bool:
        """Whether the whole interval lies above 0."""
        return self.low > 0


def compare(
    champion: Mapping[str, Sequence[NDArray[np.float64]]],
    challenger: Mapping[str, Sequence[NDArray[np.float64]]],
    customers: Sequence[NDArray[np.int64]],
    params: GateParams,
) -> list[Verdict]:
    """Paired bootstrap over customers, windows pooled: a customer is drawn with all her windows.

    For each metric one array of values per window, in the order of `customers` (her number, the same in each
    window); nan where she has no truth.
    """
    return [
        _verdict(
            name, np.concatenate(champion[name]), np.concatenate(challenger[name]), np.concatenate(customers), params
        )
        for name in params.metrics
    ]


def passes(verdicts: Sequence[Verdict]) -> bool:
    """Whether the challenger won on every metric."""
    return bool(verdicts) and all(v.won for v in verdicts)


def _verdict(
    name: str, old: NDArray[np.float64], new: NDArray[np.float64], who: NDArray[np.int64], params: GateParams
) -> Verdict:
    known = np.isfinite(old) & np.isfinite(new)
    old, new, who = old[known], new[known], who[known]
    if not len(old):
        nan = float("nan")
        return Verdict(name, nan, nan, nan, nan, nan, 0)
    _, place = np.unique(who, return_inverse=True)
    count = int(place.max()) + 1
    total, size = np.bincount(place, weights=new - old), np.bincount(place).astype(np.float64)
    rng = np.random.default_rng(params.seed)
    means = np.empty(params.draws)
    for i in range(params.draws):
        drawn = rng.integers(0, count, count)
        means[i] = total[drawn].sum() / size[drawn].sum()
    edge = (1 - params.level) / 2
    low, high = np.quantile(means, [edge, 1 - edge])
    return Verdict(
        name, float(old.mean()), float(new.mean()), float((new - old).mean()), float(low), float(high), count
    )
