"""The contract that every recommender passes, whatever is inside."""

from collections.abc import Callable

import numpy as np
import pytest

from features.errors import NextbestError
from features.interactions import Interactions
from models.als import AlsParams, build_matrix, fit_als
from models.baselines import fit_popularity, fit_top_frequency
from models.ease import EaseParams, fit_ease
from recommend.fold_in import FoldIn
from recommend.rankers import DenseRanker, FactorRanker, Ranker
from recommend.topk import ItemBlocks
from tests.purchases import CUT, purchases, random_purchases


def als_ranker(history: Interactions, bias: bool) -> Ranker:
    """ALS with few factors, folded in."""
    params = AlsParams(factors=4, iterations=3, bias=bias, threads=1)
    model = fit_als(build_matrix(history, CUT, params), history.products, params)
    fold = FoldIn(model.item_factors, params.alpha, params.regularization, bias)
    return FactorRanker(ItemBlocks.of(model.item_factors, bias), fold, lambda h: build_matrix(h, CUT, params))


FACTORIES: dict[str, Callable[[Interactions], Ranker]] = {
    "popularity": lambda h: DenseRanker(fit_popularity(h, CUT)),
    "popularity 28 days": lambda h: DenseRanker(fit_popularity(h, CUT, 28)),
    "P-TopFreq": lambda h: DenseRanker(fit_top_frequency(h, CUT, fill=False)),
    "GP-TopFreq": lambda h: DenseRanker(fit_top_frequency(h, CUT)),
    "GP-TopFreq decayed": lambda h: DenseRanker(fit_top_frequency(h, CUT, half_life_days=120.0)),
    "EASE": lambda h: DenseRanker(fit_ease(h, CUT, EaseParams(regularization=10.0))),
    "EASE capped": lambda h: DenseRanker(fit_ease(h, CUT, EaseParams(10.0, max_products=5, weight="log1p"))),
    "ALS": lambda h: als_ranker(h, bias=False),
    "ALS with bias": lambda h: als_ranker(h, bias=True),
}
every_ranker = pytest.mark.parametrize("fit", FACTORIES.values(), ids=FACTORIES.keys())


@every_ranker
@pytest.mark.parametrize("task", ["all", "repeat", "explore"])
def test_lists_hold_what_the_task_allows(fit, task):
    """Positions are inside the catalogue, without duplicates, unused places last, seen items as the task says."""
    history = random_purchases()
    lists = fit(history).rank(history, 7, task)
    assert lists.shape == (history.n_customers, 7)
    assert lists.dtype == np.int32
    for row, line in enumerate(lists):
        items = line[line >= 0].tolist()
        assert line.tolist() == items + [-1] * (7 - len(items))
        assert len(set(items)) == len(items)
        assert all(i < history.n_products for i in items)
        seen = set(history.product[history.customer == row].tolist())
        if task == "repeat":
            assert set(items) <= seen
        if task == "explore":
            assert not set(items) & seen


@every_ranker
def test_a_list_does_not_depend_on_the_batch(fit):
    """Customers get the same list alone, in small batches and all at once."""
    history = random_purchases()
    ranker = fit(history)
    whole = ranker.rank(history, 5, "all")
    for size in (1, 7):
        parts = [
            ranker.rank(history.of_customers(i, min(i + size, history.n_customers)), 5, "all")
            for i in range(0, history.n_customers, size)
        ]
        np.testing.assert_array_equal(np.vstack(parts), whole)


@every_ranker
def test_the_same_history_gives_the_same_lists(fit):
    """Two fits agree exactly."""
    history = random_purchases()
    np.testing.assert_array_equal(fit(history).rank(history, 9, "all"), fit(history).rank(history, 9, "all"))


@every_ranker
def test_a_customer_without_history_is_no_error(fit):
    """Her REPEAT list is empty; her other lists are popular items, or empty where only own items are known."""
    history = random_purchases()
    last = history.of_customers(history.n_customers - 1, history.n_customers)
    ranker = fit(history)
    assert len(last) == 0
    assert (ranker.rank(last, 3, "repeat") == -1).all()
    assert ranker.rank(last, 3, "all").shape == (1, 3)


@every_ranker
def test_a_catalogue_of_one_item(fit):
    """K larger than the catalogue leaves places unused; a bought item is not explored."""
    history = purchases([("a", "only", 90, 2), ("b", "only", 91, 1)])
    ranker = fit(history)
    assert set(ranker.rank(history, 4, "all")[:, 1:].ravel().tolist()) == {-1}
    assert (ranker.rank(history, 4, "explore") == -1).all()


@every_ranker
def test_an_unknown_task_is_refused(fit):
    """The message lists the tasks there are."""
    history = random_purchases()
    with pytest.raises(NextbestError, match="all, repeat, explore"):
        fit(history).rank(history, 3, "both")


@pytest.mark.parametrize("name", ["popularity", "popularity 28 days", "GP-TopFreq", "GP-TopFreq decayed"])
def test_ties_go_to_the_smaller_item_id(name):
    """Items bought equally often by equally many stand in order of their ids."""
    rows = [(c, p, 99, 1) for c in "abc" for p in ("x1", "x2", "x3", "x4")]
    history = purchases(rows)
    assert FACTORIES[name](history).rank(history, 4, "all").tolist() == [[0, 1, 2, 3]] * 3
