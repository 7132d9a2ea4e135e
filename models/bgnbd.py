"""BG/NBD: how often a customer buys while a customer, and whether still one, from (x, t_x, T) alone.

Fader, Hardie and Lee (2005), "Counting your customers the easy way". While alive a customer buys at a rate
lambda ~ Gamma(r, alpha); after each repeat purchase the customer leaves with probability p ~ Beta(a, b). Where data
cannot tell the spread of p, its limits take over, each a special case of the one before:

- `bgnbd`: the four parameters;
- `one_dropout`: everybody has the same p (a and b to infinity with p = a / (a + b)); here `a` is p and `b` is 1 - p;
- `nbd`: nobody leaves (p to 0), Ehrenberg's negative binomial;
- `rate`: everybody buys at one rate and nobody leaves, the pooled rate with half a purchase added (Jeffreys).

All of it is in logarithms. The expected number of purchases is integrated over p instead of taken from the closed
form with 2F1, which is 0/0 at a = 1 and overflows for long histories.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.linalg import eigh_tridiagonal
from scipy.optimize import minimize
from scipy.special import expit
from threadpoolctl import threadpool_limits

from models.bgnbd_likelihood import Likelihood, LossOf, bgnbd_loss, hessian, nbd_loss, newton, one_dropout_loss
from models.purchase_counts import Floats, PurchaseCounts

STATUSES = ("bgnbd", "one_dropout", "nbd", "rate")
# beyond these a parameter (time in mean observation lengths) is at a limit: the likelihood no longer tells it
LOW, HIGH = 1e-4, 1e4
STARTS = ((0.5, 0.5, 1.0, 2.0), (1.0, 1.0, 0.3, 3.0), (0.2, 0.05, 2.0, 10.0))
# gain in log likelihood below which so many more parameters are not told by the data (chi-square, 5 %)
WORTH = {1: 1.92, 2: 3.0}
FLAT = 1e-9  # curvature per customer, in log parameters, below which a direction is not told by the data
STATIONARY = 1e-6  # largest slope per customer at a top
GROUPS = 30_000  # groups on which models are chosen
NODES = 64
BLOCK = 20_000  # distinct (x, T) that are integrated at a time


@dataclass(frozen=True)
class PurchaseModel:
    """A fitted model of purchases; `status` says which (see the module). Times are in the unit it was fitted in."""

    status: str
    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float
    customers: float
    why: str = ""  # why a simpler model took the place of BG/NBD

    def p_alive(self, x: Floats, t_x: Floats, T: Floats) -> Floats:
        """P(still a customer at T), shape (n,).

        1 where x is 0, by construction: in this model nobody leaves before a second purchase.
        """
        if self.status in ("nbd", "rate"):
            return np.ones_like(x, dtype=np.float64)
        gone = self._log_dropout(x) + (self.r + x) * np.log((self.alpha + T) / (self.alpha + t_x))
        return np.where(x > 0, expit(-gone), 1.0)

    def _log_dropout(self, x: Floats) -> Floats:
        """log(a / (b + x - 1)), or its limit."""
        if self.status == "one_dropout":
            return np.full_like(x, np.log(self.a) - np.log(self.b), dtype=np.float64)
        return np.asarray(np.log(self.a) - np.log(self.b + np.maximum(x, 1.0) - 1.0))

    def any_within(self, x: Floats, t_x: Floats, T: Floats, horizon: float) -> Floats:
        """P(at least one purchase in (T, T + horizon]), shape (n,): alive, and the first of them comes in time."""
        quiet = -(self.r + x) * np.log1p(horizon / (self.alpha + T))
        return np.asarray(self.p_alive(x, t_x, T) * -np.expm1(quiet))

    def expected(self, x: Floats, t_x: Floats, T: Floats, horizons: tuple[float, ...]) -> Floats:
        """Expected purchases in (T, T + h] for each horizon h, shape (n, len(horizons))."""
        alive = self.p_alive(x, t_x, T)
        pairs, place = np.unique(np.column_stack([x, T]), axis=0, return_inverse=True)
        found = np.empty((len(pairs), len(horizons)))
        for start in range(0, len(pairs), BLOCK):
            block = slice(start, start + BLOCK)
            found[block] = self._expected_if_alive(pairs[block, 0], pairs[block, 1], horizons)
        return alive[:, None] * found[place.reshape(-1)]

    def _expected_if_alive(self, x: Floats, T: Floats, horizons: tuple[float, ...]) -> Floats:
        """Expected purchases of somebody alive at T: E over p of (1 - (1 + p h / (alpha + T))^-(r + x)) / p."""
        rate = self.r + x
        spans = np.asarray(horizons)[None, :] / (self.alpha + T)[:, None]
        if self.status in ("nbd", "rate"):
            return rate[:, None] * spans
        if self.status == "one_dropout":
            p = np.full((x.size, 1), self.a)
            weights = np.ones((x.size, 1))
        else:
            orders, place = np.unique(x, return_inverse=True)
            rules = [beta_rule(self.a, self.b + k) for k in orders.tolist()]
            p = np.stack([rule[0] for rule in rules])[place]
            weights = np.stack([rule[1] for rule in rules])[place]
        columns = [
            (weights * -np.expm1(-rate[:, None] * np.log1p(p * spans[:, [i]])) / p).sum(axis=1)
            for i in range(len(horizons))
        ]
        return np.column_stack(columns)


@lru_cache(maxsize=4096)
def beta_rule(a: float, b: float) -> tuple[Floats, Floats]:
    """Nodes in (0, 1) and weights of the mean over Beta(a, b): Gauss-Jacobi by Golub and Welsch (1969).

    From the recurrence itself: the library's weights overflow for b above 1,000.
    """
    alpha, beta = b - 1.0, a - 1.0
    n = np.arange(NODES, dtype=np.float64)
    total = 2 * n + alpha + beta
    with np.errstate(divide="ignore", invalid="ignore"):
        diagonal = (beta**2 - alpha**2) / (total * (total + 2))
        squares = 4 * n * (n + alpha) * (n + beta) * (n + alpha + beta) / (total**2 * (total + 1) * (total - 1))
    diagonal[0] = (beta - alpha) / (alpha + beta + 2)  # where the general form may be 0 / 0
    squares[1] = 4 * (1 + alpha) * (1 + beta) / ((2 + alpha + beta) ** 2 * (3 + alpha + beta))
    nodes, vectors = eigh_tridiagonal(diagonal, np.sqrt(squares[1:]))
    return np.clip((nodes + 1.0) / 2.0, 1e-300, 1.0), vectors[0] ** 2


@dataclass(frozen=True)
class _Fit:
    theta: Floats
    gain: float  # log likelihood over the sample that models are chosen on
    told: bool  # inside the bounds, at a stationary point, and curved in every direction
    why: str


def fit_bgnbd(counts: PurchaseCounts) -> PurchaseModel:
    """The likeliest BG/NBD, or the richest of its limits that the data can tell; always an answer.

    Time is scaled to the mean length of observation while fitting; alpha comes back in the unit of `counts`. Models
    are chosen, and starts found, on a systematic sample of the groups where there are many; the chosen one is then
    fitted to all of them by Newton steps.
    """
    # one thread: threads that wait for each other cost more than these short sums, and would change their last bits
    with threadpool_limits(limits=1, user_api="blas"):
        return _fit_bgnbd(counts)


def _fit_bgnbd(counts: PurchaseCounts) -> PurchaseModel:
    if counts.customers == 0 or counts.T.sum() == 0:
        return PurchaseModel("rate", 0.5, 1.0, 0.0, 1.0, 0.0, counts.customers, "nobody has been observed for a day")
    if counts.repeaters == 0:
        return _pooled_rate(counts, "nobody bought twice")
    unit = float(counts.n @ counts.T / counts.customers)
    data = counts.scaled(unit)
    sample = data.every(-(-data.n.size // GROUPS))
    nbd = _fit(nbd_loss, sample, [s[:2] for s in STARTS])
    one = _fit(one_dropout_loss, sample, [(*s[:2], 0.1) for s in STARTS])
    # what the simpler model found is a start of the richer one, with everybody much alike
    alike = (*np.exp(one.theta[:2]), 1.0, float(np.exp(-one.theta[2])))
    full = _fit(bgnbd_loss, sample, [*STARTS, alike])
    why = full.why
    if full.told:
        if full.gain - nbd.gain > WORTH[2] and full.gain - one.gain > WORTH[1]:
            return _model("bgnbd", full, bgnbd_loss, counts, unit)
        why = "the data do not tell how the probability of leaving is spread"
    if one.told and one.gain - nbd.gain > WORTH[1]:
        return _model("one_dropout", one, one_dropout_loss, counts, unit, f"no BG/NBD: {why}")
    why = f"no BG/NBD: {why}; no sign that customers leave"
    if nbd.told:
        return _model("nbd", nbd, nbd_loss, counts, unit, why)
    return _pooled_rate(counts, f"{why}; no sign that rates differ: {nbd.why}")


def _model(
    status: str, fit: _Fit, likelihood: LossOf, counts: PurchaseCounts, unit: float, why: str = ""
) -> PurchaseModel:
    """The model of a fit, moved to the top of the likelihood of all groups, with time in the unit of `counts`."""
    loss = likelihood(counts.scaled(unit))
    theta = newton(loss, fit.theta)
    r, alpha = (float(v) for v in np.exp(theta[:2]))
    a, b = 0.0, 1.0
    if status == "bgnbd":
        a, b = (float(v) for v in np.exp(theta[2:]))
    elif status == "one_dropout":
        a = float(expit(theta[2]))
        b = 1.0 - a
    # the density of moments, back in the unit of `counts`
    total = -loss(theta)[0] * counts.customers - float(counts.n @ counts.x) * np.log(unit)
    return PurchaseModel(status, r, alpha * unit, a, b, float(total), counts.customers, why)


def _pooled_rate(counts: PurchaseCounts, why: str) -> PurchaseModel:
    """One rate for all: (purchases + 1/2) / time, as a Gamma prior so tight that a history does not move it."""
    rate = (float(counts.n @ counts.x) + 0.5) / float(counts.n @ counts.T)
    tight = 1e9
    return PurchaseModel("rate", tight * rate, tight, 0.0, 1.0, float("nan"), counts.customers, why)


def _fit(likelihood: LossOf, sample: PurchaseCounts, starts: Sequence[tuple[float, ...]]) -> _Fit:
    """The least loss over several starts; says why the data do not tell the parameters, if so."""
    loss = likelihood(sample)
    bounds = [(np.log(LOW), np.log(HIGH))] * len(starts[0])
    options = {"ftol": 1e-13, "gtol": 1e-8, "maxiter": 300}
    tries = []
    for start in starts:
        theta = np.clip(np.log(np.asarray(start, dtype=np.float64)), *np.log([LOW * 2, HIGH / 2]))
        few = options | {"maxiter": 12}
        tries.append(minimize(loss, theta, jac=True, method="L-BFGS-B", bounds=bounds, options=few))
    best = min(tries, key=lambda t: float(t.fun))
    done = minimize(loss, best.x, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    theta = newton(loss, done.x)
    why = _why_not_told(loss, theta)
    return _Fit(theta, -loss(theta)[0] * sample.customers, not why, why)


def _why_not_told(loss: Likelihood, theta: Floats) -> str:
    """Why the top of the likelihood is none, or an empty text."""
    if np.any((theta < np.log(LOW) + 1e-3) | (theta > np.log(HIGH) - 1e-3)):
        return "a parameter runs to its limit"
    if np.linalg.eigvalsh(hessian(loss, theta)).min() < FLAT:
        return "the likelihood is flat around its top"
    if np.abs(loss(theta)[1]).max() > STATIONARY:
        return "the likelihood has no top that could be reached"
    return ""
