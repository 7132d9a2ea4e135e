"""Customer factors in closed form."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from recommend.fold_in import FoldIn, fold_in

WEIGHTS = csr_matrix(np.array([[0.0, 1.5, 0, 0.5], [0, 0, 0, 0], [2.0, 0, 1.0, 0]]))


def loss(y, x, weights, alpha, regularization, free):
    """The objective of implicit ALS for one customer; regularization on the free columns."""
    confidence, wanted = 1 + alpha * weights, (weights > 0).astype(float)
    return (confidence * (wanted - y @ x) ** 2).sum() + regularization * (x[free] ** 2).sum()


@pytest.mark.parametrize("bias", [False, True])
def test_no_step_in_any_direction_lowers_the_loss(bias):
    """The factors minimise the published objective, with the bias partner held at 1."""
    rng = np.random.default_rng(0)
    y = rng.standard_normal((4, 5)).astype(np.float32)
    if bias:
        y[:, 0] = 1.0
    free = [0, 2, 3, 4] if bias else list(range(5))
    got = fold_in(FoldIn(y, 3.0, 0.7, bias), WEIGHTS).astype(np.float64)
    for row in range(3):
        weights = WEIGHTS[row].toarray().ravel()
        best = loss(y, got[row], weights, 3.0, 0.7, free)
        for column in free:
            for step in (-1e-2, 1e-2):
                moved = got[row].copy()
                moved[column] += step
                assert loss(y, moved, weights, 3.0, 0.7, free) > best
    if bias:
        assert (got[:, 1] == 1.0).all()


def test_equal_to_the_kernel_that_learned_the_items():
    """Without bias columns the result is implicit's own half step."""
    import implicit.cpu._als as kernel

    y = np.random.default_rng(1).standard_normal((4, 3)).astype(np.float32)
    confidence = WEIGHTS.astype(np.float32) * np.float32(3.0)
    confidence.data += np.float32(1.0)
    x = np.zeros((3, 3), dtype=np.float32)
    kernel.least_squares(confidence.tocsr(), x, y, 0.7, num_threads=1)
    np.testing.assert_allclose(fold_in(FoldIn(y, 3.0, 0.7, False), WEIGHTS), x, atol=1e-5)


def test_a_customer_does_not_depend_on_her_batch():
    """Bit for bit the same alone and together."""
    y = np.random.default_rng(2).standard_normal((4, 6)).astype(np.float32)
    model = FoldIn(y, 2.0, 1.0, True)
    alone = np.vstack([fold_in(model, WEIGHTS[i]) for i in range(3)])
    np.testing.assert_array_equal(fold_in(model, WEIGHTS), alone)


@pytest.mark.parametrize("bias", [False, True])
def test_any_length_of_history_gives_the_least_squares_solution(bias):
    """Empty, short, long and more items than columns: as solved in float64, and bit for bit the same in any batch."""
    rng = np.random.default_rng(3)
    y = rng.standard_normal((300, 60)).astype(np.float32)
    if bias:
        y[:, 0] = 1.0
    lengths = [0, 1, 2, 4, 5, 47, 48, 49, 58, 59, 60, 61, 200]
    rows = [np.sort(rng.permutation(300)[:n]) for n in lengths]
    data = rng.random(sum(lengths)).astype(np.float32) * 2
    data[3] = 0.0  # bought so long ago that nothing is left of its weight
    weights = csr_matrix((data, np.concatenate(rows), np.cumsum([0, *lengths])), shape=(len(rows), 300))
    model = FoldIn(y, 5.0, 20.0, bias)
    got = fold_in(model, weights)
    free = [0, *range(2, 60)] if bias else list(range(60))
    y64 = y.astype(np.float64)
    for row, bought in enumerate(rows):
        extra = 5.0 * weights[row, bought].toarray().ravel().astype(np.float64)
        left = y64.T @ y64 + 20.0 * np.eye(60) + (y64[bought].T * extra) @ y64[bought]
        right = (1 + extra) @ y64[bought] - (left[:, 1] if bias else 0.0)
        want = np.linalg.solve(left[np.ix_(free, free)], right[free])
        np.testing.assert_allclose(got[row, free], want, atol=2e-6)
    np.testing.assert_array_equal(got, np.vstack([fold_in(model, weights[i]) for i in range(len(rows))]))
    turned = np.arange(len(rows))[::-1]
    np.testing.assert_array_equal(got[turned], fold_in(model, weights[turned]))


def test_a_matrix_of_other_items_is_refused():
    """The number of columns must be the number of items."""
    with pytest.raises(ValueError, match="4 columns for 3 items"):
        fold_in(FoldIn(np.ones((3, 2), dtype=np.float32), 1.0, 1.0, False), WEIGHTS)
