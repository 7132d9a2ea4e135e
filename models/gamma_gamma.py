"""Gamma-Gamma: what an order day of a customer is worth, from how many there were and their mean amount.

Fader and Hardie (2013), "The Gamma-Gamma model of monetary value": amounts of a customer ~ Gamma(p, nu), and
nu ~ Gamma(q, v) over customers. It supposes that spend and frequency go their own ways. Where they do not, where
too few bought twice, or where the likelihood has no top, a mean shrunk towards the population's takes its place
(status `shrunken_mean`): (n x mean + kappa x population mean) / (n + kappa), which is the same formula with
kappa = (q - 1) / p.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import digamma, gammaln
from threadpoolctl import threadpool_limits

from models.bgnbd_likelihood import Likelihood, hessian, newton
from models.purchase_counts import Floats

LOW, HIGH = 1e-3, 1e4
STARTS = ((6.0, 4.0, 3.0), (1.5, 2.5, 1.5), (1.0, 10.0, 9.0))
FLAT = 1e-9
KAPPA_LIMITS = (0.05, 1000.0)
MIN_FOR_MOMENTS = 30  # customers below which two moments are chance
LEAST_PART = 0.01
DEFAULT_KAPPA = 1.0  # weight of the population's mean, in order days, where the data do not tell it


@dataclass(frozen=True)
class SpendModel:
    """A fitted model of spend: status `gamma_gamma` or `shrunken_mean`.

    `mean` is the population's mean amount, `kappa` for how many order days it counts. `p`, `q`, `v` are those of
    Gamma-Gamma, 0 otherwise.
    """

    status: str
    mean: float
    kappa: float
    p: float = 0.0
    q: float = 0.0
    v: float = 0.0
    customers: float = 0.0
    correlation: float = 0.0
    why: str = ""

    def expected(self, n: Floats, mean: Floats) -> Floats:
        """Expected amount of the next order day of customers with `n` order days of mean amount `mean`, shape (n,)."""
        return np.asarray((n * mean + self.kappa * self.mean) / (n + self.kappa))


def fit_gamma_gamma(n: Floats, mean: Floats, max_correlation: float = 0.3, min_customers: int = 50) -> SpendModel:
    """Fits spend to customers with `n` order days of mean amount `mean` above 0; always an answer.

    `max_correlation` is that of log n and log mean, either way, above which Gamma-Gamma is not used.
    """
    n, mean = np.asarray(n, dtype=np.float64), np.asarray(mean, dtype=np.float64)
    kept = (n > 0) & (mean > 0) & np.isfinite(mean)
    n, mean = n[kept], mean[kept]
    if n.size == 0:
        return SpendModel("shrunken_mean", 0.0, DEFAULT_KAPPA, why="nobody has bought for more than 0")
    correlation = _correlation(np.log(n), np.log(mean))
    if n.size < min_customers:
        return _shrunken_mean(n, mean, correlation, f"only {n.size} customers bought twice")
    if abs(correlation) > max_correlation:
        return _shrunken_mean(n, mean, correlation, f"spend and frequency correlate at {correlation:.2f}")
    if np.ptp(mean) == 0:
        return _shrunken_mean(n, mean, correlation, "everybody spends the same")
    unit = float(np.exp(np.log(mean).mean()))
    with threadpool_limits(limits=1, user_api="blas"):
        theta, why = _fit(spend_loss(n, mean / unit))
    p, q, v = (float(x) for x in np.exp(theta))
    if why or q <= 1:
        return _shrunken_mean(n, mean, correlation, why or "the mean of the fitted spend is infinite (q <= 1)")
    v *= unit
    return SpendModel("gamma_gamma", v * p / (q - 1), (q - 1) / p, p, q, v, float(n.size), correlation)


def spend_loss(n: Floats, mean: Floats) -> Likelihood:
    """Minus the mean log likelihood per customer and its slopes, at theta = log of p, q, v."""
    counts, place = np.unique(n, return_inverse=True)
    share = np.bincount(place) / n.size
    total, log_mean = n * mean, float(np.log(mean).mean())
    n_log_mean = float((n * np.log(mean)).mean())

    def loss(theta: Floats) -> tuple[float, Floats]:
        p, q, v = np.exp(theta)
        shape = p * counts
        log_sum, inverse = np.log(total + v), 1.0 / (total + v)
        by_n = np.bincount(place, weights=log_sum) / n.size
        value = share @ (gammaln(shape + q) - gammaln(shape) + shape * np.log(counts)) - gammaln(q) + q * np.log(v)
        value += p * n_log_mean - log_mean - (p * counts + q) @ by_n
        both = digamma(shape + q)
        d_p = share @ (counts * (both - digamma(shape) + np.log(counts))) + n_log_mean
        d_p -= counts @ by_n
        d_q = share @ both - digamma(q) + np.log(v) - by_n.sum()
        d_v = q / v - float(((p * n + q) * inverse).mean())
        return -float(value), -np.array([d_p * p, d_q * q, d_v * v])

    return loss


def _fit(loss: Likelihood) -> tuple[Floats, str]:
    bounds = [(np.log(LOW), np.log(HIGH))] * 3
    options = {"ftol": 1e-14, "gtol": 1e-9, "maxiter": 300}
    tries = [
        minimize(loss, np.log(s), jac=True, method="L-BFGS-B", bounds=bounds, options=options | {"maxiter": 15})
        for s in STARTS
    ]
    best = min(tries, key=lambda t: float(t.fun))
    done = minimize(loss, best.x, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    theta = newton(loss, done.x)
    if np.any((theta < np.log(LOW) + 1e-3) | (theta > np.log(HIGH) - 1e-3)):
        return theta, "a parameter runs to its limit"
    if np.linalg.eigvalsh(hessian(loss, theta)).min() < FLAT or np.abs(loss(theta)[1]).max() > 1e-6:
        return theta, "the likelihood has no top that could be reached"
    return theta, ""


def _shrunken_mean(n: Floats, mean: Floats, correlation: float, why: str) -> SpendModel:
    """Shrinkage by moments: squared distances of means from the population's are between + within / n."""
    population = float(mean.mean())
    squares, inverse = (mean - population) ** 2, 1.0 / n
    kappa = DEFAULT_KAPPA
    spread = float(((inverse - inverse.mean()) ** 2).sum())
    if squares.max() == 0:
        kappa = KAPPA_LIMITS[1]  # all alike: one more amount says nothing new
    elif spread > 0 and n.size >= MIN_FOR_MOMENTS:
        within = float(((inverse - inverse.mean()) @ squares) / spread)
        between = float(squares.mean() - within * inverse.mean())
        least = LEAST_PART * float(squares.mean())  # a part that comes out below 0 is small
        kappa = max(within, least) / max(between, least)
    low, high = KAPPA_LIMITS
    kappa = float(np.clip(kappa, low, high))
    return SpendModel("shrunken_mean", population, kappa, customers=float(n.size), correlation=correlation, why=why)


def _correlation(a: Floats, b: Floats) -> float:
    if a.size < 2 or a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])
