"""Customer factors from purchase histories and fixed item factors: closed-form least squares.

The half step of implicit ALS for one customer (Hu, Koren, Volinsky 2008, equation 4), so that a customer is scored
from what she bought, whether or not she was there when the items were learned.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix


@dataclass(frozen=True)
class FoldIn:
    """What a customer's least squares problem shares with everyone else's.

    `item_factors` is (n_items, columns). A purchase of weight w has confidence 1 + alpha * w. With `bias`, column 1
    of a customer's factors is fixed at 1 (it meets the items' biases) and only the others are solved for.
    """

    item_factors: NDArray[np.float32]
    alpha: float
    regularization: float
    bias: bool
    gram: NDArray[np.float64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        columns = self.item_factors.shape[1]
        y = np.asarray(self.item_factors, dtype=np.float32)
        # the same blocks in the same order everywhere: one result on every worker
        gram = np.zeros((columns, columns))
        for start in range(0, len(y), 4096):
            gram += y[start : start + 4096].T @ y[start : start + 4096]
        gram[np.diag_indices(columns)] += self.regularization
        object.__setattr__(self, "gram", gram)


def fold_in(model: FoldIn, weights: csr_matrix) -> NDArray[np.float32]:
    """(n_customers, columns) factors for the rows of `weights` (n_customers, n_items; sorted indices, no duplicates).

    Each row is solved alone, so the result does not depend on how customers are batched. A customer without history
    gets the factors that explain buying nothing: with bias columns her list is close to popularity, without them
    her factors are zero.
    """
    if weights.shape[1] != len(model.item_factors):
        raise ValueError(f"weights have {weights.shape[1]} columns for {len(model.item_factors)} items")
    columns = model.item_factors.shape[1]
    left = np.empty((weights.shape[0], columns, columns))
    right = np.zeros((weights.shape[0], columns))
    y = np.asarray(model.item_factors)
    for row in range(weights.shape[0]):
        low, high = weights.indptr[row], weights.indptr[row + 1]
        bought = y[weights.indices[low:high]]
        extra = np.asarray(model.alpha * weights.data[low:high], dtype=np.float32)
        # X'X of one array is half the work of a general product (numpy calls syrk)
        scaled = bought * np.sqrt(extra)[:, None]
        np.add(model.gram, scaled.T @ scaled, out=left[row])
        right[row] = (1 + extra) @ bought
    if not model.bias:
        return np.linalg.solve(left, right[:, :, None])[:, :, 0].astype(np.float32)
    free = np.delete(np.arange(columns), 1)
    factors = np.ones((weights.shape[0], columns), dtype=np.float32)
    known = right[:, free] - left[:, free, 1]
    factors[:, free] = np.linalg.solve(left[:, free[:, None], free], known[:, :, None])[:, :, 0]
    return factors
