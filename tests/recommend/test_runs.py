"""Sorting and looking up of integer keys."""

import numpy as np
import pytest

from recommend.runs import sort_order, unique_keys


@pytest.mark.parametrize("large", [1, 2**40])
def test_order_of_columns_is_that_of_lexsort(large):
    """Also for negative numbers, equal rows, and columns that do not fit into one integer together."""
    rng = np.random.default_rng(0)
    columns = [rng.integers(-3, 4, 500) * large, rng.integers(0, 2, 500).astype(bool), -rng.integers(0, 9, 500) * large]
    np.testing.assert_array_equal(sort_order(*columns), np.lexsort(columns[::-1]))
    assert not len(sort_order(columns[0][:0], columns[1][:0]))
    assert sort_order(columns[0][:1]).tolist() == [0]


def test_unique_keys_are_those_of_numpy():
    """Sorted, each once; none of none."""
    keys = np.random.default_rng(1).integers(0, 50, 200)
    np.testing.assert_array_equal(unique_keys(keys), np.unique(keys))
    assert not len(unique_keys(keys[:0]))
