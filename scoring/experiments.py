"""What contacts did, measured: customers contacted against customers held back by a draw.

Per channel and offer kind, the difference in buying and in margin within `horizon_days` of the campaign's send, by
inverse propensity (Hajek: weighted means), inside each campaign, campaigns weighted by their size. The interval
sums influence per customer, who may be in many campaigns (a linearised, cluster-robust variance).

A comparison is refused, and says why, where propensities are missing or no probabilities, where too few are on either
side, or where who was contacted can be told from what was bought before (a propensity that was logged wrongly, or not
the whole truth). What is refused claims nothing.

Shrinking (`shrink_margins`): a kind's mean counts only when its interval excludes 0, and channels of a kind differ
only when Cochran's Q says so (method of moments of DerSimonian and Laird 1986, with the covariance of channels that
share their held-out customers); else the shrunk margin is the kind's mean. The level of both tests is shared out over
all kinds, so that where contacts move nothing, nothing is claimed in 19 cases of 20.

Where it is known what decisions assume of each channel without an experiment, a kind's channels are pooled as a scale
of that instead (`scale_of`), since an SMS that few read and a parcel that most open have no common mean. A scale apart
from 0 gives each channel scale x assumption; one that holds 0 and lies below 1 gives 0; one that holds both could not
tell, and the assumption stands (`margin_used` is None).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, norm

from scoring.experiment_params import ExperimentParams

Floats = NDArray[np.float64]
OUTCOMES = ("bought", "margin")
DAY = 86400.0


@dataclass(frozen=True)
class Units:
    """Contacts and holdouts, one row per customer, campaign, channel and side, all arrays (n,).

    A holdout has a row for each channel of its campaign through which she could be reached. `outcomes` (`bought`,
    `margin`) and `covariates` hold float64 arrays by name. `propensity` is NaN where it was not logged.
    """

    channel: NDArray[Any]
    offer_kind: NDArray[Any]
    campaign: NDArray[Any]
    customer: NDArray[np.int64]
    contacted: NDArray[np.bool_]
    propensity: Floats
    outcomes: dict[str, Floats] = field(default_factory=dict)
    covariates: dict[str, Floats] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.customer)

    def where(self, mask: NDArray[Any]) -> Units:
        """The rows of the mask, or at the places."""
        return Units(
            self.channel[mask],
            self.offer_kind[mask],
            self.campaign[mask],
            self.customer[mask],
            self.contacted[mask],
            self.propensity[mask],
            {k: v[mask] for k, v in self.outcomes.items()},
            {k: v[mask] for k, v in self.covariates.items()},
        )


@dataclass(frozen=True)
class Effect:
    """A difference with its 95 % interval."""

    value: float
    error: float  # standard error
    # (customers,) per customer code; channels share their held-out customers, so their errors go together
    influence: Floats | None = field(default=None, compare=False, repr=False)

    @property
    def interval(self) -> tuple[float, float]:
        """Both ends."""
        half = float(norm.ppf(0.975)) * self.error
        return self.value - half, self.value + half

    @property
    def is_apart(self) -> bool:
        """Whether the interval excludes 0."""
        return self.excludes_zero(0.05)

    def excludes_zero(self, alpha: float) -> bool:
        """Whether the value differs from 0 at the two-sided level `alpha`."""
        return abs(self.value) > float(norm.ppf(1 - alpha / 2)) * self.error


@dataclass(frozen=True)
class ContactEffect:
    """A row of `contact_effects` in the making; without effects where `refused_because` says why."""

    channel: str
    offer_kind: str
    n_contacted: int
    n_held_out: int
    buy: Effect | None = None
    margin: Effect | None = None
    margin_used: float | None = None
    refused_because: str | None = None


def estimate_effects(
    units: Units, params: ExperimentParams, assumed: Mapping[tuple[str, str], float] | None = None
) -> list[ContactEffect]:
    """One effect per channel and offer kind that was sent, sorted; margins shrunk.

    assumed: margin of a contact by (channel, kind) that decisions go by without an experiment; 0 where none is given.
    """
    pairs = sorted({(c, k) for c, k, sent in zip(units.channel, units.offer_kind, units.contacted) if sent})
    found = []
    for channel, kind in pairs:
        found.append(estimate(units.where((units.channel == channel) & (units.offer_kind == kind)), params))
    return shrink_margins(found, assumed or {})


def estimate(units: Units, params: ExperimentParams) -> ContactEffect:
    """The effect of one channel and kind, or why there is none."""
    n1, n0 = int(units.contacted.sum()), int((~units.contacted).sum())
    nothing = ContactEffect(str(units.channel[0]), str(units.offer_kind[0]), n1, n0)
    if n0 == 0:
        return replace(nothing, refused_because="nobody was held out")
    campaigns, reason = usable_campaigns(units, params)
    if not campaigns:
        return replace(nothing, refused_because=reason)
    kept = in_order(units.where(np.isin(units.campaign, campaigns)))
    n1, n0 = int(kept.contacted.sum()), int((~kept.contacted).sum())
    nothing = replace(nothing, n_contacted=n1, n_held_out=n0)
    for side, name in ((kept.contacted, "contacted"), (~kept.contacted, "held out")):
        support = effective_size(1 / kept.propensity[side])
        if support < params.min_support:
            return replace(
                nothing, refused_because=f"{name}: {support:.0f} effective units, {params.min_support} are needed"
            )
    for name, values in kept.covariates.items():
        spread = float(np.std(values))
        if spread == 0:
            continue
        gap = difference(kept, values / spread)
        if abs(gap.value) > params.max_imbalance and gap.is_apart:
            low, high = gap.interval
            return replace(
                nothing,
                refused_because=f"who was contacted can be told from {name}: {gap.value:+.2f} standard deviations "
                f"[{low:+.2f}, {high:+.2f}] after weighting",
            )
    return replace(
        nothing, buy=difference(kept, kept.outcomes["bought"]), margin=difference(kept, kept.outcomes["margin"])
    )


def usable_campaigns(units: Units, params: ExperimentParams) -> tuple[list[Any], str]:
    """Campaigns with true probabilities everywhere and enough on both sides; why there is none."""
    p = units.propensity
    bad = ~((p > 0) & (p < 1))  # NaN is bad too
    kept, unlogged, improper, small = [], 0, 0, 0
    for campaign in sorted(set(units.campaign.tolist())):
        here = units.campaign == campaign
        sides = (here & units.contacted).sum(), (here & ~units.contacted).sum()
        if np.isnan(p[here]).any():
            unlogged += 1
        elif bad[here].any():
            improper += 1
        elif min(sides) < params.min_per_campaign:
            small += 1
        else:
            kept.append(campaign)
    reasons = {
        f"propensities were not logged in {unlogged} campaigns": unlogged,
        f"propensities are not between 0 and 1 in {improper} campaigns": improper,
        f"fewer than {params.min_per_campaign} on one side in {small} campaigns": small,
    }
    return kept, "; ".join(words for words, n in reasons.items() if n)


def in_order(units: Units) -> Units:
    """The same rows in an order of their own, so that sums do not depend on how they arrived."""
    return units.where(np.lexsort((units.propensity, units.contacted, units.customer, units.campaign)))


def effective_size(weights: Floats) -> float:
    """Kish's effective sample size (sum w)^2 / sum w^2.

    >>> effective_size(np.ones(5))
    5.0
    """
    return float(weights.sum() ** 2 / (weights**2).sum()) if len(weights) else 0.0


def difference(units: Units, y: Floats) -> Effect:
    """Weighted mean of the contacted less that of the held out, inside campaigns; both sides in each.

    With weights w = 1 / propensity and campaign shares s, the value is sum_c s_c (m1_c - m0_c); a row's influence is
    +-s_c w (y - m_c) / W_c, and the variance is the sum over customers of their summed influence squared.
    """
    _, campaign = np.unique(units.campaign, return_inverse=True)
    cell = campaign * 2 + units.contacted.astype(np.int64)
    weight = 1 / units.propensity
    n_cells = 2 * (int(campaign.max()) + 1)
    total = np.bincount(cell, weight, n_cells)
    mean = np.bincount(cell, weight * y, n_cells) / total
    size = total.reshape(-1, 2).mean(axis=1)  # both sides estimate the campaign's population
    share = size / size.sum()
    value = float((share * (mean[1::2] - mean[0::2])).sum())
    sign = np.where(units.contacted, 1.0, -1.0)
    influence = sign * share[campaign] * weight * (y - mean[cell]) / total[cell]
    per_customer = np.bincount(units.customer, influence).astype(np.float64)
    return Effect(value, float(np.sqrt((per_customer**2).sum())), per_customer)


def shrink_margins(effects: list[ContactEffect], assumed: Mapping[tuple[str, str], float]) -> list[ContactEffect]:
    """Fills `margin_used` (see the module's text); None where the kind could not tell."""
    used: dict[tuple[str, str], float] = {}
    measured = [e for e in effects if e.margin is not None and e.margin.error > 0]
    kinds = sorted({e.offer_kind for e in measured})
    for kind in kinds:
        mine = [e for e in measured if e.offer_kind == kind]
        margins = [e.margin for e in mine if e.margin is not None]
        expected = np.array([assumed.get((e.channel, kind), 0.0) for e in mine])
        if (expected > 0).all():
            scale = scale_of(margins, expected)
            if scale.excludes_zero(0.05 / len(kinds)):
                values = [float(x) for x in scale.value * expected]
            elif scale.interval[1] < 1:
                values = [0.0] * len(mine)
            else:
                continue
        else:
            values = shrink(margins, 0.05 / (2 * len(kinds)))
        used |= {(e.channel, kind): v for e, v in zip(mine, values, strict=True)}
    return [replace(e, margin_used=used.get((e.channel, e.offer_kind))) for e in effects]


def shrink(effects: Iterable[Effect], alpha: float = 0.05) -> list[float]:
    """Empirical Bayes of one kind's effects over channels, both tests at level `alpha`; see the module's text.

    >>> shrink([Effect(1.0, 0.1), Effect(1.0, 0.1)])
    [1.0, 1.0]
    >>> shrink([Effect(0.1, 0.1), Effect(-0.1, 0.1)])
    [0.0, 0.0]
    """
    rows = list(effects)
    if not rows:
        return []
    m, v, one = np.array([e.value for e in rows]), covariance(rows), np.ones(len(rows))
    kind, inverse = _pooled(m, v)
    off = m - kind.value
    q, tau = float(off @ inverse @ off), 0.0
    if len(rows) > 1 and q > chi2.ppf(1 - alpha, len(rows) - 1):
        projection = inverse - inverse @ np.outer(one, one) @ inverse / float(one @ inverse @ one)
        tau = max(0.0, (q - (len(rows) - 1)) / float(np.trace(projection)))
        kind, inverse = _pooled(m, v + tau * np.eye(len(rows)))
    mean = kind.value if kind.excludes_zero(alpha) else 0.0
    return [float(x) for x in mean + tau * inverse @ (m - mean)]


def scale_of(effects: list[Effect], expected: Floats) -> Effect:
    """The factor that brings `expected` (k,) nearest to effects that share customers, by generalised least squares.

    >>> scale_of([Effect(1.0, 0.5), Effect(4.0, 2.0)], np.array([2.0, 8.0])).value
    0.5
    """
    measured, inverse = np.array([e.value for e in effects]), np.linalg.pinv(covariance(effects))
    weight = float(expected @ inverse @ expected)
    return Effect(float(expected @ inverse @ measured) / weight, float(np.sqrt(1 / weight)))


def _pooled(m: Floats, v: Floats) -> tuple[Effect, Floats]:
    """The mean, and the inverse covariance."""
    inverse: Floats = np.linalg.pinv(v).astype(np.float64)
    one = np.ones(len(m))
    weight = float(one @ inverse @ one)
    return Effect(float(one @ inverse @ m) / weight, float(np.sqrt(1 / weight))), inverse


def covariance(effects: list[Effect]) -> Floats:
    """Covariance of effects measured on the same customers, (k, k); diagonal where influences are not known."""
    if any(e.influence is None for e in effects):
        return np.diag([e.error**2 for e in effects])
    known = [e.influence for e in effects if e.influence is not None]
    matrix = np.zeros((len(known), max(map(len, known))))
    for row, influence in zip(matrix, known, strict=True):
        row[: len(influence)] = influence
    return matrix @ matrix.T
