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


@pytest.mark.parametrize("k", [1, 40, 100, 300])
@pytest.mark.parametrize("n_items", [1, 45, 120])
def test_small_catalogues_and_long_lists(n_items, k):
    """One item, a few, and more places than items: still the sorted scores."""
    items, customers = factors(n_items=n_items)
    exclude = random_sparse(50, n_items, 0.3, format="csr", random_state=3)
    got, scores = top_k(ItemBlocks.of(items), customers, k, exclude)
    want, best = rank_scores(customers.astype(np.float64) @ items.T.astype(np.float64), k, exclude)
    np.testing.assert_array_equal(got, want)
    np.testing.assert_allclose(scores, best, atol=2e-6)


def test_few_items_left_of_a_large_catalogue():
    """Fewer than K items are free, and some customers have none: what is free is found in whatever block it lies."""
    items, customers = factors(n_items=9000, n_customers=4)
    allowed = [[8, 4000, 8999], [], [17], list(range(0, 9000, 300))]
    banned = [np.setdiff1d(np.arange(9000), a) for a in allowed]
    rows = np.repeat(np.arange(4), [len(b) for b in banned])
    exclude = csr_matrix((np.ones(len(rows)), (rows, np.concatenate(banned))), shape=(4, 9000))
    got, _ = top_k(ItemBlocks.of(items), customers, 20, exclude)
    assert [sorted(g[g >= 0].tolist()) for g in got[:3]] == allowed[:3]
    assert set(got[3]) <= set(allowed[3])
    assert (got[3] >= 0).all()


def test_exclusions_may_come_unsorted_and_twice():
    """Only membership counts."""
    items, customers = factors(n_items=2000, n_customers=2)
    tidy = csr_matrix((np.ones(4), [1, 5, 900, 7], [0, 3, 4]), shape=(2, 2000))
    messy = csr_matrix((np.ones(6), [900, 5, 1, 5, 7, 7], [0, 4, 6]), shape=(2, 2000))
    blocks = ItemBlocks.of(items)
    for a, b in zip(top_k(blocks, customers, 9, tidy), top_k(blocks, customers, 9, messy)):
        np.testing.assert_array_equal(a, b)


def test_enormous_scores_are_ordered_too():
    """Scores too large to be counted in millionths of an int64."""
    items = np.array([[1.0], [3.0], [3.0], [2.0]], dtype=np.float32)
    got, scores = top_k(ItemBlocks.of(items), np.full((1, 1), 1e16, dtype=np.float32), 3)
    assert got.tolist() == [[1, 2, 3]]
    np.testing.assert_allclose(scores, [[3e16, 3e16, 2e16]], rtol=1e-6)


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
