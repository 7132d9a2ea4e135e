"""UP-CF on three customers, by hand."""

import numpy as np
import pytest

from features.baskets import baskets_back
from models.up_cf import UpCfParams, fit_up_cf
from tests.purchases import purchases

ROWS = [
    ("ann", "milk", 1, 1),
    ("ann", "bread", 5, 1),
    ("ann", "milk", 9, 1),
    ("bob", "milk", 2, 1),
    ("bob", "tea", 2, 1),
    ("eve", "soap", 3, 1),
]


def test_baskets_are_counted_back_from_the_last() -> None:
    """Rows are sorted by customer, product and day: ann's bread, then her milk of days 1 and 9."""
    back, baskets = baskets_back(purchases(ROWS))
    assert back.tolist() == [1, 2, 0, 0, 0, 0]
    assert baskets.tolist() == [3, 1, 1]


def test_what_neighbours_buy_counts_by_likeness() -> None:
    """Ann and bob share milk: cosine 1 / 2. Nobody is like eve, so of her there is only her own soap."""
    p = purchases(ROWS)
    scores = fit_up_cf(p, UpCfParams(recency=2, asymmetry=0.5, locality=1.0)).score(p)
    # of ann's last two baskets one holds bread and one milk; bob has one basket with milk and tea
    np.testing.assert_allclose(scores[0], [0.5, 0.5 + 0.5, 0.0, 0.5])
    assert p.products.tolist() == ["bread", "milk", "soap", "tea"]
    np.testing.assert_allclose(scores[2], [0.0, 0.0, 1.0, 0.0])
    again = fit_up_cf(p, UpCfParams(recency=2, asymmetry=0.5, locality=1.0)).score(p.of_customers(2, 3))
    assert again[0] == pytest.approx(scores[2])
