"""EASE against the problem that it solves."""

import numpy as np
import pytest

from models.ease import EaseParams, ease_matrix, fit_ease
from tests.purchases import CUT, random_purchases


@pytest.mark.parametrize("weight", ["binary", "log1p"])
def test_each_item_is_a_ridge_regression_on_the_others(weight):
    """Steck 2019: column j minimises |x_j - X w|^2 + regularization |w|^2 with w_j = 0."""
    history = random_purchases()
    params = EaseParams(regularization=7.0, weight=weight)
    model = fit_ease(history, CUT, params)
    x = ease_matrix(history, CUT, params).toarray().astype(np.float64)[:, model.kept]
    assert len(model.kept) > 5
    for j in range(len(model.kept)):
        others = np.arange(len(model.kept)) != j
        gram = x[:, others].T @ x[:, others] + 7.0 * np.eye(int(others.sum()))
        expected = np.linalg.solve(gram, x[:, others].T @ x[:, j])
        np.testing.assert_allclose(model.weights[others, j], expected, atol=1e-5)
        assert model.weights[j, j] == 0.0
