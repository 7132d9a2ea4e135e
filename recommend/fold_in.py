"""Customer factors from purchase histories and fixed item factors: closed-form least squares.

The half step of implicit ALS for one customer (Hu, Koren, Volinsky 2008, equation 4), so that a customer is scored
from what she bought, whether or not she was there when the items were learned.

Item factors are turned once so that what all customers share becomes the identity matrix. With the bought rows A
(each times the root of its extra confidence) a customer's problem is then (I + A'A) u = b, and also, with fewer
bought items than columns, the smaller (I + AA') of the same solution (Woodbury). Turning back is one product.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.sparse import csr_matrix

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

BLOCK = 4096
SHORT = 48  # histories up to this length are solved many at once, padded to a multiple of 4
IN_CACHE = 1 << 18  # factors gathered at once
LEAST_WEIGHT = 1e-12  # of a purchase so old that its weight rounds to 0


@dataclass(frozen=True)
class FoldIn:
    """What a customer's least squares problem shares with everyone else's.

    `item_factors` is (n_items, columns). A purchase of weight w has confidence 1 + alpha * w. With `bias`, column 1
    of a customer's factors is fixed at 1 (it meets the items' biases) and only the others are solved for.

    `gram` is Y'Y with the regularization. With LL' its part of the free columns, `turned` is Y inv(L)', `back` is
    inv(L), `level` what the fixed column adds to everyone (inv(L) times its column of `gram`), and `offset` is
    `turned @ level`. They take as much memory as the factors again.
    """

    item_factors: Singles
    alpha: float
    regularization: float
    bias: bool
    gram: Floats = field(init=False, repr=False)
    free: NDArray[np.int64] = field(init=False, repr=False)
    turned: Singles = field(init=False, repr=False)
    back: Floats = field(init=False, repr=False)
    level: Floats = field(init=False, repr=False)
    offset: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        y = np.asarray(self.item_factors, dtype=np.float32)
        columns = y.shape[1]
        free = np.delete(np.arange(columns), 1) if self.bias else np.arange(columns)
        # the same blocks in the same order everywhere: one result on every worker
        gram = np.zeros((columns, columns))
        for start in range(0, len(y), BLOCK):
            gram += y[start : start + BLOCK].T @ y[start : start + BLOCK]
        # without any regularization fewer items than columns would leave no root
        gram[np.diag_indices(columns)] += max(self.regularization, 1e-9 * gram.max(initial=1.0))
        back = np.linalg.inv(np.linalg.cholesky(gram[np.ix_(free, free)]))
        turned = np.empty((len(y), len(free)), dtype=np.float32)
        for start in range(0, len(y), BLOCK):
            turned[start : start + BLOCK] = y[start : start + BLOCK, free].astype(np.float64) @ back.T
        level = back @ gram[free, 1] if self.bias else np.zeros(len(free))
        offset = np.einsum("ij,j->i", turned.astype(np.float64), level)
        made = {"gram": gram, "free": free, "turned": turned, "back": back, "level": level, "offset": offset}
        for name, value in made.items():
            object.__setattr__(self, name, value)


def fold_in(model: FoldIn, weights: csr_matrix) -> Singles:
    """(n_customers, columns) factors for the rows of `weights` (n_customers, n_items; sorted indices, no duplicates).

    Each row is solved alone, so the result does not depend on how customers are batched. A customer without history
    gets the factors that explain buying nothing: with bias columns her list is close to popularity, without them
    her factors are zero.
    """
    if weights.shape[1] != len(model.item_factors):
        raise ValueError(f"weights have {weights.shape[1]} columns for {len(model.item_factors)} items")
    extra = np.maximum(model.alpha * weights.data.astype(np.float64), LEAST_WEIGHT)
    root = np.sqrt(extra)
    fixed = np.asarray(model.item_factors)[weights.indices, 1].astype(np.float64) if model.bias else 0.0
    wanted = (1 + extra - extra * fixed) / root
    length = np.diff(weights.indptr)
    solved = np.tile(-model.level, (len(length), 1))
    _solve_short(model, weights, root, wanted, solved)
    _solve_long(model, weights, root, wanted, solved)
    factors = np.ones((len(length), model.item_factors.shape[1]), dtype=np.float32)
    # a product per customer, whose last bits do not depend on how many there are
    factors[:, model.free] = (solved[:, None, :] @ model.back)[:, 0]
    return factors


def _solve_short(model: FoldIn, weights: csr_matrix, root: Floats, wanted: Floats, solved: Floats) -> None:
    """Solves the short histories in the smaller form, those of about one length together."""
    length = np.diff(weights.indptr)
    target = wanted + root * model.offset[weights.indices]
    padded = np.where(length <= SHORT, -(-length // 4) * 4, 0)
    for m in np.unique(padded[padded > 0]).tolist():
        every = np.flatnonzero(padded == m)
        step = max(1, IN_CACHE // (m * model.turned.shape[1]))
        for first in range(0, len(every), step):
            rows = every[first : first + step]
            at = weights.indptr[rows][:, None] + np.arange(m)
            real = np.arange(m) < length[rows][:, None]
            at = np.where(real, at, 0)
            a = model.turned.take(weights.indices[at], axis=0)
            a *= np.where(real, root[at], 0.0).astype(np.float32)[:, :, None]
            left = (a @ a.transpose(0, 2, 1)).astype(np.float64)
            left[:, np.arange(m), np.arange(m)] += 1.0
            x = np.linalg.solve(left, np.where(real, target[at], 0.0)[:, :, None])
            solved[rows] += (x.transpose(0, 2, 1) @ a)[:, 0]


def _solve_long(model: FoldIn, weights: csr_matrix, root: Floats, wanted: Floats, solved: Floats) -> None:
    """Solves the long histories one by one, in the form with the fewer unknowns."""
    columns = model.turned.shape[1]
    root32, wanted32 = root.astype(np.float32)[:, None], wanted.astype(np.float32)
    for row in np.flatnonzero(np.diff(weights.indptr) > SHORT).tolist():
        rows = slice(weights.indptr[row], weights.indptr[row + 1])
        items = weights.indices[rows]
        a = model.turned.take(items, axis=0)
        a *= root32[rows]
        narrow = len(items) < columns
        left = (a @ a.T if narrow else a.T @ a).astype(np.float64)
        left.reshape(-1)[:: len(left) + 1] += 1.0
        if narrow:
            right = wanted[rows] + root[rows] * model.offset[items]
            solved[row] += lapack.dposv(left, right, lower=1, overwrite_a=1)[1] @ a
        else:
            solved[row] = lapack.dposv(left, wanted32[rows] @ a - model.level, lower=1, overwrite_a=1)[1]
