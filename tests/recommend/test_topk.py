"""Exact top-K."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse import random as random_sparse

from recommend.topk import ItemBlocks, rank_scores, top_k


def factors(n_items: int = 3000, n_customers: int = 50, columns: int = 8, bias: bool = False, seed: int = 0):
    """Item and customer factors with very different norms, as learned factors have them."""
    rng = np.random.default_rng(seed)
    items = rng.standard_normal((n_items, columns)) / np.sqrt(1 + np.arange(n_items))[:, None]
    customers = rng.standard_normal((n_customers, columns))
    if bias:
        items[:, 0], customers[:, 1] = 1.0, 1.0
    return rng.permutation(items).astype(np.float32), customers.astype(np.float32)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.9])
def test_equal_to_sorting_every_score(bias, share):
    """Blocks and the norm bound change nothing: the lists are those of the full score matrix."""
    items, customers = factors(bias=bias)
    exclude = random_sparse(50, 3000, share, format="csr", random_state=1) if share else None
    got, scores = top_k(ItemBlocks.of(items, bias), customers, 20, exclude)
    want, best = rank_scores(customers.astype(np.float64) @ items.T.astype(np.float64), 20, exclude)
    np.testing.assert_array_equal(got, want)
    np.testing.assert_allclose(scores, best, atol=2e-6)


@pytest.mark.parametrize("size", [1, 3, 17])
def test_identical_for_any_batch_split(size):
    """Not almost: lists and scores are bit for bit those of one batch."""
    items, customers = factors()
    blocks = ItemBlocks.of(items)
    exclude = random_sparse(50, 3000, 0.05, format="csr", random_state=2)
    whole = top_k(blocks, customers, 10, exclude)
    parts = [top_k(blocks, customers[i : i + size], 10, exclude[i : i + size]) for i in range(0, 50, size)]
    for a, b in zip(whole, (np.vstack([p[i] for p in parts]) for i in (0, 1))):
        np.testing.assert_array_equal(a, b)


def test_more_ties_than_the_pool_holds_still_go_by_position():
    """A hundred equal items: the first K by position, whatever order their norms were sorted in."""
    items = np.ones((100, 4), dtype=np.float32)
    got, scores = top_k(ItemBlocks.of(items), np.ones((2, 4), dtype=np.float32), 3)
    assert got.tolist() == [[0, 1, 2]] * 2
    assert scores.tolist() == [[4.0] * 3] * 2


def test_scores_equal_to_six_decimals_are_ties():
    """What the table cannot show apart is ordered by id."""
    items = np.array([[1.0], [1.0 + 2e-7], [0.5]], dtype=np.float32)
    assert top_k(ItemBlocks.of(items), np.ones((1, 1), dtype=np.float32), 3)[0].tolist() == [[0, 1, 2]]


def test_excluded_items_leave_places_unused():
    """K is filled after exclusion; with everything excluded the list is empty, never a sentinel."""
    items = np.array([[3.0], [2.0], [1.0]], dtype=np.float32)
    exclude = csr_matrix(np.array([[1, 0, 0], [1, 1, 1]]))
    got, scores = top_k(ItemBlocks.of(items), np.ones((2, 1), dtype=np.float32), 2, exclude)
    assert got.tolist() == [[1, 2], [-1, -1]]
    assert scores.tolist() == [[2.0, 1.0], [-np.inf, -np.inf]]


def test_edges():
    """No customers, no items, more places than items, a customer without an opinion, negative scores."""
    items = ItemBlocks.of(np.array([[1.0], [-1.0]], dtype=np.float32))
    assert top_k(items, np.empty((0, 1), dtype=np.float32), 3)[0].shape == (0, 3)
    assert top_k(ItemBlocks.of(np.empty((0, 1), dtype=np.float32)), np.ones((1, 1), np.float32), 2)[0].tolist() == [
        [-1, -1]
    ]
    assert top_k(items, np.array([[-2.0], [0.0]], dtype=np.float32), 3)[0].tolist() == [[1, 0, -1], [-1, -1, -1]]
