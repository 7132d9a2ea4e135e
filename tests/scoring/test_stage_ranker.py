"""The second stage in the evaluation table: each task lists what it may, at every level."""

from datetime import timedelta

import numpy as np
import pytest

from features.as_of import EPOCH
from features.hierarchy import Hierarchy
from features.splits import CalendarCut
from recommend.evaluation import pose_problem
from recommend.list_params import CategoryParams
from scoring.stage_ranker import StageFactory
from tests.recommend.shop import CUT, HORIZON, PARAMS, shelf, shop


@pytest.mark.parametrize("level", ["product", "category"])
def test_tasks_list_what_they_may_and_batches_do_not_matter(level: str) -> None:
    """Explore lists hold nothing owned, repeat lists nothing else; half of the customers alone get the same lists."""
    data, names = shop(), shelf(shop())
    text = {n: names.names[n][names.codes[n]] for n in ("category", "product_type", "brand")}
    none = np.full(data.n_products, "", dtype=object)
    hierarchy = Hierarchy(data.products, text["product_type"], text["category"], none, text["brand"])
    cut = CalendarCut.at(EPOCH + timedelta(days=CUT), HORIZON)
    window = pose_problem(data, hierarchy, cut, level, 0).window
    ranker = StageFactory(PARAMS)(window)
    history = window.history
    owned = np.zeros((history.n_customers, history.n_products), dtype=bool)
    owned[history.customer, history.product] = True
    for task in ("all", "repeat", "explore"):
        lists = ranker.rank(history, 5, task)
        row, place = np.nonzero(lists >= 0)
        if task != "all":
            assert (owned[row, lists[row, place]] == (task == "repeat")).all()
        assert (lists[:, 0] >= 0).mean() > (0.2 if level == "category" and task == "explore" else 0.9)
        assert np.array_equal(lists[20:], ranker.rank(history.of_customers(20, history.n_customers), 5, task))


def test_categories_are_evaluated_with_their_settings() -> None:
    """Those given, not the defaults; products and types keep theirs."""
    factory = StageFactory(PARAMS, CategoryParams(factors=7, windows=3))
    assert (factory.at_level("category").als.factors, factory.at_level("category").ranker.windows) == (7, 3)
    assert factory.at_level("product").als == PARAMS.als
    assert factory.at_level("product").candidates.min_customers == 1
