"""How good predicted probabilities are: one named definition per metric, with intervals clustered by customer.

Every metric is a function of outcomes `y` (0 or 1), probabilities `p` and row weights `w`, all of shape (n,). A
weight of k is a row given k times, which is how the bootstrap resamples. A metric that is undefined on a sample
(one class only, say) is NaN. Names mean different things in different libraries; the formula in each docstring
is the definition here, and the tests compare with scikit-learn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

Floats = NDArray[np.float64]
Metric = Callable[[Floats, Floats, Floats], float]

BINS = 15
EDGE = 1e-9
DRAWN_ROWS = 20_000_000  # rows x draws of a bootstrap, about a minute of all metrics
FEWEST_DRAWS = 100
NAN = float("nan")


@dataclass(frozen=True)
class Sample:
    """Outcomes and probabilities of n rows, with what every draw of a bootstrap would compute again."""

    y: Floats
    p: Floats

    @cached_property
    def place(self) -> NDArray[np.int64]:
        """The number of each row's probability among the distinct ones, rising."""
        return np.unique(self.p, return_inverse=True)[1]

    @cached_property
    def log_loss(self) -> Floats:
        """-log(probability given to what happened) per row."""
        inside = np.clip(self.p, EDGE, 1 - EDGE)
        return -(self.y * np.log(inside) + (1 - self.y) * np.log1p(-inside))

    @cached_property
    def squared(self) -> Floats:
        """(p - y)^2 per row."""
        return (self.p - self.y) ** 2

    @cached_property
    def design(self) -> Floats:
        """(n, 2): 1 and logit(p)."""
        z = logit(np.clip(self.p, EDGE, 1 - EDGE))
        return np.column_stack([np.ones_like(z), z])

    def mass(self, w: Floats) -> Floats:
        """Total weight at each distinct probability, by rising probability."""
        return np.bincount(self.place, weights=w).astype(np.float64)


def auc(y: Floats, p: Floats, w: Floats) -> float:
    """Area under the ROC curve: P(p of a positive > p of a negative) + P(equal) / 2.

    >>> auc(np.array([0., 1., 1.]), np.array([.1, .1, .9]), np.ones(3))
    0.75
    """
    return _auc(Sample(y, p), w)


def _auc(s: Sample, w: Floats) -> float:
    positive, negative = s.mass(w * s.y), s.mass(w * (1 - s.y))
    below = np.cumsum(negative) - negative
    total = positive.sum() * negative.sum()
    return float(positive @ (below + negative / 2) / total) if total > 0 else NAN


def pr_auc(y: Floats, p: Floats, w: Floats) -> float:
    """Average precision: sum over distinct scores, downward, of precision x gain in recall (no interpolation).

    >>> pr_auc(np.array([0., 1., 1.]), np.array([.5, .4, .9]), np.ones(3))
    0.8333333333333333
    """
    return _pr_auc(Sample(y, p), w)


def _pr_auc(s: Sample, w: Floats) -> float:
    positive, everyone = s.mass(w * s.y)[::-1], s.mass(w)[::-1]
    total = positive.sum()
    if total <= 0:
        return NAN
    flagged = np.cumsum(everyone)
    precision = np.divide(np.cumsum(positive), flagged, out=np.zeros_like(flagged), where=flagged > 0)
    return float(precision @ positive / total)


def brier(y: Floats, p: Floats, w: Floats) -> float:
    """Mean of (p - y)^2; lower is better."""
    return _brier(Sample(y, p), w)


def _brier(s: Sample, w: Floats) -> float:
    return float(w @ s.squared / w.sum())


def brier_skill(y: Floats, p: Floats, w: Floats) -> float:
    """1 - brier(p) / brier(the sample's own base rate): 0 is no better than knowing the rate, 1 is perfect.

    The reference knows the rate of the very rows it is judged on, which is more than a forecast can know.
    """
    return _brier_skill(Sample(y, p), w)


def _brier_skill(s: Sample, w: Floats) -> float:
    rate = float(w @ s.y / w.sum())
    reference = rate * (1 - rate)
    return 1 - _brier(s, w) / reference if reference > 0 else NAN


def log_loss(y: Floats, p: Floats, w: Floats) -> float:
    """Mean of -log(probability given to what happened); lower is better; p is kept off 0 and 1 by 1e-9."""
    return _log_loss(Sample(y, p), w)


def _log_loss(s: Sample, w: Floats) -> float:
    return float(w @ s.log_loss / w.sum())


def ece(y: Floats, p: Floats, w: Floats) -> float:
    """Expected calibration error: sum over 15 equal-mass bins of share x |mean y - mean p|.

    Rows with equal p share a bin (that of their mid-rank), so that a constant forecast has one bin.
    Read it beside `ece_noise_floor`: a perfect forecast does not score 0 on a finite sample.
    """
    return _ece(Sample(y, p), w)


def _ece(s: Sample, w: Floats) -> float:
    mass = s.mass(w)
    gap = np.bincount(_bins(mass, BINS), weights=s.mass(w * (s.y - s.p)), minlength=BINS)
    return float(np.abs(gap).sum() / w.sum())


def ece_noise_floor(p: Floats, w: Floats, seed: int = 0, draws: int = 200) -> float:
    """Mean ECE of a forecast that is exactly right: outcomes drawn from `p` itself, `draws` times."""
    rng = np.random.default_rng(seed)
    bins = equal_mass_bins(p, w)
    gaps = (
        np.bincount(bins, weights=w * ((rng.random(p.size) < p) - p), minlength=BINS)
        for _ in range(max(min(draws, FEWEST_DRAWS), min(draws, DRAWN_ROWS // p.size)))
    )
    return float(np.mean([np.abs(gap).sum() / w.sum() for gap in gaps]))


def observed_over_expected(y: Floats, p: Floats, w: Floats) -> float:
    """Positives that came over positives predicted: sum y / sum p. Above 1 the forecast was too low."""
    return _observed_over_expected(Sample(y, p), w)


def _observed_over_expected(s: Sample, w: Floats) -> float:
    expected = float(w @ s.p)
    return float(w @ s.y) / expected if expected > 0 else NAN


def calibration_slope(y: Floats, p: Floats, w: Floats) -> float:
    """Slope b of the logistic regression of y on logit(p), with intercept, unpenalised (Cox 1958).

    1 is right; below 1 the forecasts are too far apart (overconfident). NaN where p or y is constant.
    """
    return _calibration_slope(Sample(y, p), w)


def _calibration_slope(s: Sample, w: Floats) -> float:
    used, design = w > 0, s.design
    if np.ptp(design[used, 1]) < 1e-9 or np.ptp(s.y[used]) == 0:
        return NAN
    beta = np.array([0.0, 1.0])
    for _ in range(25):
        q = expit(design @ beta)
        curvature = (design * (w * q * (1 - q))[:, None]).T @ design
        if np.linalg.cond(curvature) > 1e14:
            return NAN
        step = np.linalg.solve(curvature, design.T @ (w * (s.y - q)))
        beta = beta + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-8:
            return float(beta[1])
    return NAN


METRICS: dict[str, Callable[[Sample, Floats], float]] = {
    "auc": _auc,
    "pr_auc": _pr_auc,
    "brier": _brier,
    "brier_skill": _brier_skill,
    "log_loss": _log_loss,
    "ece": _ece,
    "observed_over_expected": _observed_over_expected,
    "calibration_slope": _calibration_slope,
}


def equal_mass_bins(p: Floats, w: Floats, bins: int = BINS) -> NDArray[np.int64]:
    """The bin of each row, 0 to bins - 1 by rising p, each holding about 1/bins of the weight; ties stay together."""
    sample = Sample(p, p)
    return _bins(sample.mass(w), bins)[sample.place]


def _bins(mass: Floats, bins: int) -> NDArray[np.int64]:
    """The bin of each distinct probability, from its weight: that of its mid-rank."""
    middle = np.cumsum(mass) - mass / 2
    return np.minimum((middle / mass.sum() * bins).astype(np.int64), bins - 1)


def calibration_curve(y: ArrayLike, p: ArrayLike, bins: int = BINS) -> list[dict[str, float]]:
    """Data of a calibration plot: per equal-mass bin the rows, mean p, observed rate and its Wilson 95 % interval."""
    outcome, score = np.asarray(y, dtype=np.float64), np.asarray(p, dtype=np.float64)
    place = equal_mass_bins(score, np.ones_like(score), bins)
    rows = []
    for b in np.unique(place):
        inside = place == b
        n, rate = int(inside.sum()), float(outcome[inside].mean())
        low, high = wilson(rate, n)
        rows.append({"rows": n, "mean_p": float(score[inside].mean()), "observed": rate, "low": low, "high": high})
    return rows


def wilson(rate: float, n: float, z: float = 1.959964) -> tuple[float, float]:
    """Wilson (1927) score interval of a rate seen in n trials.

    >>> [round(x, 3) for x in wilson(0.5, 10)]
    [0.237, 0.763]
    """
    middle = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    # rounding must not put an end on the wrong side of the rate
    return max(0.0, min(rate, float(middle - half))), min(1.0, max(rate, float(middle + half)))


def cluster_weights(clusters: ArrayLike, draws: int, seed: int) -> Iterator[Floats]:
    """Bootstrap weights of n rows, one array per draw: each draw takes as many clusters as there are, with replacement.

    All rows of one cluster (a customer) get the same weight, because her rows are not independent. Above
    `DRAWN_ROWS` / n draws, but never below `FEWEST_DRAWS`, no more are made: many rows need fewer draws.
    """
    _, place = np.unique(np.asarray(clusters), return_inverse=True)
    count = int(place.max()) + 1
    rng = np.random.default_rng(seed)
    for _ in range(max(min(draws, FEWEST_DRAWS), min(draws, DRAWN_ROWS // len(place)))):
        yield np.bincount(rng.integers(0, count, count), minlength=count)[place].astype(np.float64)


def intervals(
    y: ArrayLike,
    p: ArrayLike,
    clusters: ArrayLike,
    draws: int = 500,
    seed: int = 0,
    level: float = 0.95,
    names: Sequence[str] | None = None,
) -> list[dict[str, float | str]]:
    """Every metric of `METRICS`, or `names` of them, with its percentile bootstrap interval: metric, value, low, high.

    The row of `ece` is followed by `ece_noise_floor`, which has no interval (its low and high repeat it).
    """
    outcome, score = np.asarray(y, dtype=np.float64), np.asarray(p, dtype=np.float64)
    sample, chosen = Sample(outcome, score), {name: METRICS[name] for name in names or METRICS}
    ones, drawn = np.ones_like(score), {name: list[float]() for name in chosen}
    for w in cluster_weights(clusters, draws, seed):
        for name, metric in chosen.items():
            drawn[name].append(metric(sample, w))
    rows: list[dict[str, float | str]] = []
    for name, metric in chosen.items():
        low, high = _percentiles(drawn[name], level)
        rows.append({"metric": name, "value": metric(sample, ones), "low": low, "high": high})
        if name == "ece":
            floor = ece_noise_floor(score, ones, seed)
            rows.append({"metric": "ece_noise_floor", "value": floor, "low": floor, "high": floor})
    return rows


def paired_difference(
    metric: Metric,
    y: ArrayLike,
    p: ArrayLike,
    other: ArrayLike,
    clusters: ArrayLike,
    draws: int = 500,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float, float]:
    """metric(p) - metric(other) on the same rows and the same draws: value, low, high."""
    outcome = np.asarray(y, dtype=np.float64)
    a, b = np.asarray(p, dtype=np.float64), np.asarray(other, dtype=np.float64)
    weights = cluster_weights(clusters, draws, seed)
    low, high = _percentiles([metric(outcome, a, w) - metric(outcome, b, w) for w in weights], level)
    ones = np.ones_like(a)
    return metric(outcome, a, ones) - metric(outcome, b, ones), low, high


def _percentiles(values: list[float], level: float) -> tuple[float, float]:
    """The central interval of the draws on which the metric was defined; NaN when there is none."""
    defined = np.array([v for v in values if np.isfinite(v)])
    if defined.size == 0:
        return NAN, NAN
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
