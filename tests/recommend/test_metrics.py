"""Ranking metrics on lists that a person can check by hand."""

import doctest

import numpy as np
import pytest
from scipy.sparse import csr_matrix

import recommend.metrics
from recommend.metrics import Interval, bootstrap_interval, hits, ndcg_at_k, recall_at_k

TRUTH = csr_matrix(np.array([[1, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]]))


def test_the_examples_of_the_docstrings():
    """They are the definitions."""
    assert doctest.testmod(recommend.metrics).failed == 0


def test_a_hit_counts_for_its_own_customer_only():
    """Item 0 is wanted by the first customer, not by the second; unused places never hit."""
    lists = np.array([[0, -1], [0, 1], [0, 1]], dtype=np.int32)
    assert hits(lists, TRUTH).tolist() == [[True, False], [False, True], [False, False]]


def test_an_empty_list_scores_zero_and_no_truth_is_not_a_number():
    """Customers without truth are left to the caller to count, not scored 0."""
    lists = np.full((3, 2), -1, dtype=np.int32)
    for metric in (recall_at_k, ndcg_at_k):
        values = metric(lists, TRUTH, 2)
        assert values[:2].tolist() == [0.0, 0.0]
        assert np.isnan(values[2])


def test_ideal_gain_is_cut_at_k():
    """One place, two items wanted, one hit: NDCG@1 is 1, recall@1 is a half."""
    lists = np.array([[2], [0], [0]], dtype=np.int32)
    assert ndcg_at_k(lists, TRUTH, 1)[0] == 1.0
    assert recall_at_k(lists, TRUTH, 1)[0] == 0.5


def test_equal_to_a_plain_loop():
    """Random lists and truths against the definitions written as loops."""
    rng = np.random.default_rng(0)
    truth = csr_matrix(rng.random((60, 25)) < 0.15)
    lists = np.argsort(rng.random((60, 25)), axis=1)[:, :8].astype(np.int32)
    recall, ndcg = recall_at_k(lists, truth, 8), ndcg_at_k(lists, truth, 8)
    for row in range(60):
        wanted = set(truth[row].indices.tolist())
        if not wanted:
            assert np.isnan(recall[row])
            continue
        gains = [1 / np.log2(i + 2) if item in wanted else 0.0 for i, item in enumerate(lists[row].tolist())]
        ideal = sum(1 / np.log2(i + 2) for i in range(min(8, len(wanted))))
        assert recall[row] == pytest.approx(len(wanted & set(lists[row].tolist())) / len(wanted))
        assert ndcg[row] == pytest.approx(sum(gains) / ideal)


def test_interval_of_a_mean_covers_it_as_often_as_it_says():
    """About 95 of 100 intervals of normal samples cover the true mean."""
    rng = np.random.default_rng(1)
    found = [bootstrap_interval(rng.normal(3.0, 1.0, 80), draws=300) for _ in range(200)]
    assert 0.90 <= np.mean([i.low <= 3.0 <= i.high for i in found]) <= 0.985


def test_only_an_interval_on_one_side_of_zero_is_a_difference():
    """Touching zero is not enough."""
    assert Interval(0.1, 0.01, 0.2).excludes_zero
    assert Interval(-0.1, -0.2, -0.01).excludes_zero
    assert not Interval(0.1, 0.0, 0.2).excludes_zero
    assert np.isnan(bootstrap_interval(np.array([np.nan])).mean)
