"""EASE: a linear item-item model with a closed form (Steck 2019, "Embarrassingly Shallow Autoencoders")."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.sparse import csr_matrix

from features.errors import ModelError
from features.interactions import Interactions
from models.baselines import Scores, check_products, frequency_matrix
from models.recommender_params import EaseParams as EaseParams


@dataclass(frozen=True)
class Ease:
    """`weights` (n_kept, n_kept) float32 for the products at positions `kept` (sorted) of n_products."""

    params: EaseParams
    day: int
    n_products: int
    kept: NDArray[np.int64]
    weights: NDArray[np.float32]

    def score(self, history: Interactions) -> Scores:
        """See `models.baselines.Scorer`; products beyond `max_products` score -inf."""
        check_products(history, self.n_products)
        x = ease_matrix(history, self.day, self.params)[:, self.kept]
        scores = np.full((history.n_customers, self.n_products), -np.inf)
        scores[:, self.kept] = x @ self.weights
        return scores


def ease_matrix(history: Interactions, day: int, params: EaseParams) -> csr_matrix:
    """Customers x products weights, as `params.weight` says, float32."""
    matrix = frequency_matrix(history, day, params.half_life_days)
    if params.weight not in ("binary", "log1p"):
        raise ModelError(f"ease.weight must be binary or log1p, got {params.weight!r}")
    matrix.data = np.ones_like(matrix.data) if params.weight == "binary" else np.log1p(matrix.data)
    return matrix.astype(np.float32)


def fit_ease(history: Interactions, day: int, params: EaseParams) -> Ease:
    """Closed form: P = (X'X + regularization I)^-1, weights = -P / diag(P) with a zero diagonal."""
    bought = history.baskets_per_product()
    top = np.argsort(-bought, kind="stable")[: params.max_products]
    kept = np.sort(top[bought[top] > 0])
    if not len(kept):
        raise ModelError("no purchases before the cut to learn item-item weights from")
    x = ease_matrix(history, day, params)[:, kept]
    gram = np.asfortranarray((x.T @ x).toarray(), dtype=np.float64)
    gram[np.diag_indices(len(kept))] += params.regularization
    # Cholesky in place; the inverse comes as one triangle
    factor, failed = lapack.dpotrf(gram, lower=True, overwrite_a=True)
    inverse, failed_too = lapack.dpotri(factor, lower=True, overwrite_c=True)
    if failed or failed_too:
        raise ModelError("the item-item matrix cannot be inverted; raise ease.regularization")
    return Ease(params, day, history.n_products, kept, _weights(inverse))


def _weights(inverse: NDArray[np.float64]) -> NDArray[np.float32]:
    """-P / diag(P) with a zero diagonal, from the lower triangle of P; column by column, so that no second matrix of
    its size in float64 is made."""
    diagonal = -np.diag(inverse)
    out = np.zeros(inverse.shape, dtype=np.float32)
    for j in range(len(inverse)):
        below = inverse[j + 1 :, j]  # P is symmetric: also what stands right of its diagonal
        out[j + 1 :, j] = below / diagonal[j]
        out[j, j + 1 :] = below / diagonal[j + 1 :]
    return out
