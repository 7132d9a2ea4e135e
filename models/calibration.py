"""Turning scores into probabilities that come true as often as they say.

Methods:

- `isotonic`: the best monotone step curve, interpolated (Zadrozny and Elkan 2002). Used from 1,000 positives, where
  it has enough to hold on to.
- `sigmoid`: Platt scaling on the logit of the score (Platt 1999), two numbers, with his smoothed targets so that a
  perfectly separated sample does not push the slope to infinity.
- `constant`: the base rate for everybody. The fall-back when there is nothing to learn a curve from.

A calibrator is stored as JSON, never as a pickle.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression

from features.errors import DataError, ModelError

Method = Literal["auto", "isotonic", "sigmoid"]
Floats = NDArray[np.float64]

POSITIVES_FOR_ISOTONIC = 1000
EDGE = 1e-9  # scores of exactly 0 and 1 have no finite logit


@dataclass(frozen=True)
class Calibrator:
    """A fitted, weakly increasing map from score in [0, 1] to probability in [0, 1].

    `method` is isotonic, sigmoid or constant. `x` and `y` are the corners of the isotonic curve (`x` increasing);
    `slope` (never negative) and `intercept` act on the logit; a constant keeps its value in `y`.
    `rows` and `positives` say what it was fitted on.
    """

    method: str
    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()
    slope: float = 1.0
    intercept: float = 0.0
    rows: int = 0
    positives: float = 0.0

    def apply(self, p: ArrayLike) -> Floats:
        """Calibrated probabilities, the shape of `p`; scores outside what was seen get the value at the edge."""
        scores = np.asarray(p, dtype=np.float64)
        if self.method == "constant":
            return np.full(scores.shape, self.y[0])
        if self.method == "isotonic":
            return np.asarray(np.interp(scores, self.x, self.y), dtype=np.float64)
        return np.asarray(expit(self.slope * _logit(scores) + self.intercept), dtype=np.float64)

    def to_json(self) -> str:
        """JSON text that `from_json` turns back into an equal calibrator (floats survive exactly)."""
        return json.dumps(asdict(self), sort_keys=True)

    @staticmethod
    def from_json(text: str) -> Calibrator:
        """The calibrator stored in `text`; `ModelError` when it is not one."""
        try:
            d = json.loads(text)
            found = Calibrator(**(d | {"x": tuple(d["x"]), "y": tuple(d["y"])}))
        except (ValueError, TypeError, KeyError) as error:
            raise ModelError(f"this is not a stored calibrator: {error}") from error
        _check_stored(found)
        return found


def fit_calibrator(p: ArrayLike, y: ArrayLike, weight: ArrayLike | None = None, method: Method = "auto") -> Calibrator:
    """Fits a map from scores `p` to the frequency of `y`, on rows the scoring model was not fitted on.

    Args:
        p: scores in [0, 1], shape (n,).
        y: outcomes, 0 or 1, shape (n,).
        weight: non-negative weight of each row; none means 1.
        method: "auto" takes isotonic from 1,000 positives and sigmoid below.

    Fall-backs, stated because they happen on thin data: when every score is equal, or when outcomes are all of one
    class, the result is `constant`: the weighted base rate, which for a single class is pulled off 0 and 1 by
    Jeffreys' half count, (positives + 1/2) / (rows + 1). A sigmoid whose best slope would be negative (scores rank
    the wrong way round) gets slope 0, which is the base rate too.

    Raises:
        DataError: no rows, shapes that differ, or values outside the ranges above.
    """
    scores, outcome, w = _checked(p, y, weight)
    total, positives = float(w.sum()), float(w @ outcome)
    size = {"rows": int(scores.size), "positives": positives}
    if positives <= 0 or positives >= total:
        return Calibrator("constant", y=((positives + 0.5) / (total + 1.0),), **size)  # type: ignore[arg-type]
    used = scores[w > 0]
    if used.min() == used.max():
        return Calibrator("constant", y=(positives / total,), **size)  # type: ignore[arg-type]
    if method == "isotonic" or (method == "auto" and outcome[w > 0].sum() >= POSITIVES_FOR_ISOTONIC):
        curve = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(scores, outcome, w)
        corners_x, corners_y = curve.X_thresholds_, curve.y_thresholds_
        # an end step that saw one class only is not certain: Jeffreys' half count keeps it off 0 and 1
        inside = np.clip(corners_y, 0.5 / (total + 1.0), (total + 0.5) / (total + 1.0))
        return Calibrator("isotonic", tuple(map(float, corners_x)), tuple(map(float, inside)), **size)  # type: ignore[arg-type]
    slope, intercept = _fit_sigmoid(_logit(scores), outcome, w)
    return Calibrator("sigmoid", slope=slope, intercept=intercept, **size)  # type: ignore[arg-type]


def _fit_sigmoid(z: Floats, outcome: Floats, w: Floats) -> tuple[float, float]:
    """Slope (at least 0) and intercept of the likeliest sigmoid in `z`, with Platt's smoothed targets."""
    positives, negatives = float(w @ outcome), float(w @ (1.0 - outcome))
    target = np.where(outcome > 0.5, (positives + 1.0) / (positives + 2.0), 1.0 / (negatives + 2.0))
    total = w.sum()
    # working on a centred, scaled logit keeps the two parameters on one scale
    centre = float(w @ z) / total
    spread = float(np.sqrt(w @ (z - centre) ** 2 / total)) or 1.0
    u = (z - centre) / spread

    def loss(ab: Floats) -> tuple[float, Floats]:
        s = ab[0] * u + ab[1]
        value = w @ (np.logaddexp(0.0, s) - target * s) / total
        residual = w * (expit(s) - target) / total
        return float(value), np.array([residual @ u, residual.sum()])

    start = np.array([spread, float(logit(positives / (positives + negatives)))])
    best = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0.0, None), (None, None)], tol=1e-12)
    slope = float(best.x[0]) / spread
    return slope, float(best.x[1] - slope * centre)


def _logit(p: Floats) -> Floats:
    """Log odds, with the two infinite ends brought in."""
    return np.asarray(logit(np.clip(p, EDGE, 1.0 - EDGE)), dtype=np.float64)


def _checked(p: ArrayLike, y: ArrayLike, weight: ArrayLike | None) -> tuple[Floats, Floats, Floats]:
    """The three inputs as equal-length float arrays; `DataError` names every fault."""
    scores, outcome = np.asarray(p, dtype=np.float64), np.asarray(y, dtype=np.float64)
    w = np.ones_like(scores) if weight is None else np.asarray(weight, dtype=np.float64)
    faults = []
    if scores.ndim != 1 or scores.shape != outcome.shape or scores.shape != w.shape:
        faults.append(
            f"p, y and weight must be one-dimensional and equally long: {scores.shape}, {outcome.shape}, {w.shape}"
        )
    if scores.size == 0:
        faults.append("there are no rows")
    if not bool(np.all((scores >= 0) & (scores <= 1))):
        faults.append("p must lie in [0, 1]")
    if not bool(np.all((outcome == 0) | (outcome == 1))):
        faults.append("y must be 0 or 1")
    if not bool(np.all((w >= 0) & np.isfinite(w))) or (scores.size and w.sum() <= 0):
        faults.append("weight must be finite, non-negative and not zero everywhere")
    if faults:
        raise DataError("cannot calibrate: " + "; ".join(faults))
    return scores, outcome, w


def _check_stored(c: Calibrator) -> None:
    """`ModelError` unless the stored numbers are a monotone map into [0, 1]."""
    x, y = np.asarray(c.x), np.asarray(c.y)
    finite = bool(np.all(np.isfinite(np.array([*c.x, *c.y, c.slope, c.intercept]))))
    sound = {
        "constant": y.size == 1,
        "isotonic": x.size == y.size >= 1 and bool(np.all(np.diff(x) > 0)) and bool(np.all(np.diff(y) >= 0)),
        "sigmoid": c.slope >= 0,
    }.get(c.method, False)
    if not (finite and sound and bool(np.all((y >= 0) & (y <= 1)))):
        raise ModelError(f"the stored {c.method!r} calibrator is damaged: not a monotone map into [0, 1]")
