"""Likelihoods of BG/NBD and of its limits, with exact slopes, in the logarithms of their parameters.

Each `*_loss(data)` gives a function of theta that returns minus the mean log likelihood per customer, and its
gradient. Fader, Hardie and Lee (2005), eq. 6, written as a sum of logarithms.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, digamma, expit, gammaln

from models.purchase_counts import Floats, PurchaseCounts

Likelihood = Callable[[Floats], tuple[float, Floats]]
LossOf = Callable[[PurchaseCounts], Likelihood]
FLAT = 1e-12  # curvature below which a Newton step is not tried


class Terms:
    """What every likelihood here needs of the data: functions of x are computed once per distinct x."""

    def __init__(self, data: PurchaseCounts) -> None:
        self.data = data
        self.share = data.n / data.n.sum()
        self.orders, self.place = np.unique(data.x, return_inverse=True)
        self.mass = np.bincount(self.place, weights=self.share)
        self.again = data.x > 0

    def purchases(self, r: float, alpha: float) -> tuple[float, float, float]:
        """Sum of log(Gamma(r + x) alpha^r / Gamma(r)), and its slopes in r and alpha."""
        value = self.mass @ (gammaln(r + self.orders) - gammaln(r)) + r * np.log(alpha)
        slope = self.mass @ (digamma(r + self.orders) - digamma(r)) + np.log(alpha)
        return float(value), float(slope), r / alpha


def nbd_loss(data: PurchaseCounts) -> Likelihood:
    """theta = log of r, alpha."""
    terms = Terms(data)

    def loss(theta: Floats) -> tuple[float, Floats]:
        r, alpha = np.exp(theta)
        value, d_r, d_alpha = terms.purchases(r, alpha)
        log_T = np.log(alpha + data.T)
        value -= terms.share @ ((r + data.x) * log_T)
        d_r -= terms.share @ log_T
        d_alpha -= terms.share @ ((r + data.x) / (alpha + data.T))
        return -value, -np.array([d_r * r, d_alpha * alpha])

    return loss


def _mixture(
    terms: Terms, r: float, alpha: float, log_odds: Floats | float
) -> tuple[float, float, float, NDArray[np.float64]]:
    """Sum of log((alpha + T)^-(r + x) + [x > 0] e^log_odds (alpha + t_x)^-(r + x)); slopes in r, alpha and log_odds.

    The slope in log_odds is per group, times its share: P(gone).
    """
    data, share = terms.data, terms.share
    log_T, log_t = np.log(alpha + data.T), np.log(alpha + data.t_x)
    stay = -(r + data.x) * log_T
    leave = np.where(terms.again, log_odds - (r + data.x) * log_t, -np.inf)
    value = share @ np.logaddexp(stay, leave)
    gone = np.where(terms.again, expit(leave - stay), 0.0)
    d_r = -(share @ (log_T + gone * (log_t - log_T)))
    near, far = (r + data.x) / (alpha + data.T), (r + data.x) / (alpha + data.t_x)
    d_alpha = -(share @ (near + gone * (far - near)))
    return float(value), float(d_r), float(d_alpha), share * gone


def one_dropout_loss(data: PurchaseCounts) -> Likelihood:
    """theta = log of r, alpha and p / (1 - p)."""
    terms = Terms(data)
    mean_x = float(terms.share @ data.x)

    def loss(theta: Floats) -> tuple[float, Floats]:
        r, alpha = np.exp(theta[:2])
        log_odds = theta[2]
        value, d_r, d_alpha = terms.purchases(r, alpha)
        mixed, m_r, m_alpha, gone = _mixture(terms, r, alpha, log_odds)
        # (1 - p)^x with p / (1 - p) = e^log_odds
        value += mixed - mean_x * float(np.logaddexp(0.0, log_odds))
        d_odds = gone.sum() - mean_x * float(expit(log_odds))
        return -value, -np.array([(d_r + m_r) * r, (d_alpha + m_alpha) * alpha, d_odds])

    return loss


def bgnbd_loss(data: PurchaseCounts) -> Likelihood:
    """theta = log of r, alpha, a, b."""
    terms = Terms(data)
    later = np.maximum(terms.orders - 1.0, 0.0)

    def loss(theta: Floats) -> tuple[float, Floats]:
        r, alpha, a, b = np.exp(theta)
        value, d_r, d_alpha = terms.purchases(r, alpha)
        value += float(terms.mass @ (betaln(a, b + terms.orders) - betaln(a, b)))
        d_a = float(terms.mass @ (digamma(a + b) - digamma(a + b + terms.orders)))
        d_b = d_a + float(terms.mass @ (digamma(b + terms.orders) - digamma(b)))
        odds = np.log(a) - np.log(b + later)
        mixed, m_r, m_alpha, gone = _mixture(terms, r, alpha, odds[terms.place])
        by_order = np.bincount(terms.place, weights=gone)
        d_a += by_order.sum() / a
        d_b -= float(by_order @ (1.0 / (b + later)))
        return -(value + mixed), -np.array([(d_r + m_r) * r, (d_alpha + m_alpha) * alpha, d_a * a, d_b * b])

    return loss


def newton(loss: Likelihood, theta: Floats, steps: int = 12) -> Floats:
    """Newton steps as long as they make the gradient smaller: the last digits, which a line search cannot see."""
    gradient = loss(theta)[1]
    for _ in range(steps):
        curvature = hessian(loss, theta)
        if np.linalg.eigvalsh(curvature).min() < FLAT:
            break
        step = np.linalg.solve(curvature, gradient)
        step *= min(1.0, 0.5 / float(np.abs(step).max() or 1.0))
        moved = loss(theta - step)[1]
        if np.abs(moved).max() >= np.abs(gradient).max():
            break
        theta, gradient = theta - step, moved
        if np.abs(step).max() < 1e-9:
            break
    return theta


def hessian(loss: Likelihood, theta: Floats, h: float = 1e-5) -> Floats:
    """Central differences of the exact gradient, made symmetric."""
    steps = np.eye(theta.size) * h
    found = np.array([(loss(theta + e)[1] - loss(theta - e)[1]) / (2 * h) for e in steps])
    return (found + found.T) / 2
