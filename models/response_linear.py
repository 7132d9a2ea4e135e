"""The linear part of the response model: logistic regression on log counts, as plain numbers.

Few answers leave trees coarse steps; a line through log counts is smooth where they are not. The response model
averages the two in log odds, and this is also the baseline called `logistic`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from features.errors import ModelError
from models.response_frame import CATEGORICAL, FEATURES, Floats, ResponseFrame, categories_of, matrix

LONG_AGO = 365.0  # days, for "never" in a recency: just out of reach of what is looked back at


@dataclass(frozen=True)
class LinearPart:
    """Log odds = intercept + sum of weight x (column - mean) / scale over the columns of `design`.

    `sizes` is how many categories each categorical feature had in training: that many indicator columns come first.
    """

    sizes: tuple[int, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weight: tuple[float, ...]
    intercept: float

    def margin(self, x: Floats) -> Floats:
        """Log odds, shape (n,), of rows of `matrix`."""
        return np.asarray(self.intercept + self.contributions(x).sum(axis=1), dtype=np.float64)

    def contributions(self, x: Floats) -> Floats:
        """(n, len(FEATURES)): what each feature adds to the log odds of the average training row."""
        terms = (design(x, self.sizes) - np.array(self.mean)) * (np.array(self.weight) / np.array(self.scale))
        out = np.zeros((len(x), len(FEATURES)))
        first = 0
        for i, size in enumerate(self.sizes):
            out[:, i] = terms[:, first : first + size].sum(axis=1)
            first += size
        out[:, len(CATEGORICAL) :] = terms[:, first:]
        return out

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return asdict(self)

    @staticmethod
    def from_dict(stored: dict[str, object]) -> LinearPart:
        """The part stored as plain values; `ModelError` when it is damaged."""
        try:
            values = {k: tuple(v) if isinstance(v, list) else v for k, v in stored.items()}
            part = LinearPart(**values)  # type: ignore[arg-type]
            columns = sum(part.sizes) + len(FEATURES) - len(CATEGORICAL)
            sound = {len(part.mean), len(part.scale), len(part.weight)} == {columns} and min(part.scale) > 0
            finite = bool(np.all(np.isfinite([*part.mean, *part.scale, *part.weight, part.intercept])))
        except (TypeError, ValueError) as error:
            raise ModelError(f"this is not a stored linear part: {error}") from error
        if not (sound and finite and len(part.sizes) == len(CATEGORICAL)):
            raise ModelError(f"the stored linear part is damaged: {json.dumps(stored)[:80]}")
        return part


def design(x: Floats, sizes: tuple[int, ...]) -> Floats:
    """Indicators of the known categories, then sign(v) log1p(|v|) of each number; null is 0, in a recency long ago.

    `window_days` is left to the trees (its column is 0): kinds differ in it, and a line would carry that difference
    on to the short windows of offers that are nearly over.
    """
    shown = [x[:, [i]] == np.arange(size)[None, :] for i, size in enumerate(sizes)]
    missing = np.array([LONG_AGO if n.endswith("recency_days") else 0.0 for n in FEATURES[len(CATEGORICAL) :]])
    numbers = x[:, len(CATEGORICAL) :]
    numbers = np.where(np.isnan(numbers), missing, numbers)
    numbers[:, FEATURES.index("window_days") - len(CATEGORICAL)] = 0.0
    return np.column_stack([*shown, np.sign(numbers) * np.log1p(np.abs(numbers))]).astype(np.float64)


def fit_linear(x: Floats, y: Floats, sizes: tuple[int, ...], strength: float = 0.05) -> LinearPart:
    """L2 logistic regression on standardised columns; `strength` is scikit-learn's C. `y` holds both classes."""
    d = design(x, sizes)
    mean, spread = d.mean(axis=0), d.std(axis=0)
    scale = np.where(spread > 1e-9, spread, 1.0)
    with threadpool_limits(1):  # a matrix this narrow loses time on threads, on a busy machine twentyfold
        fitted = LogisticRegression(C=strength, max_iter=1000, tol=1e-6).fit((d - mean) / scale, y)
    return LinearPart(
        sizes,
        tuple(map(float, mean)),
        tuple(map(float, scale)),
        tuple(map(float, fitted.coef_[0])),
        float(fitted.intercept_[0]),
    )


def fit_logistic(frame: ResponseFrame) -> Callable[[pa.Table], Floats]:
    """The linear part alone, as a predictor of probabilities."""
    categories = categories_of(frame.table)
    part = fit_linear(matrix(frame.table, categories), frame.y, tuple(len(categories[c]) for c in CATEGORICAL))
    return lambda table: np.asarray(expit(part.margin(matrix(table, categories))), dtype=np.float64)
