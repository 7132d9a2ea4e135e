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
from tests.scoring.task_lists import assert_lists_of_tasks


@pytest.mark.parametrize("level", ["product", "category"])
def test_tasks_list_what_they_may_and_batches_do_not_matter(level: str) -> None:
    """Lists keep to their task and do not depend on who is ranked with whom."""
    data, names = shop(), shelf(shop())
    text = {n: names.names[n][names.codes[n]] for n in ("category", "product_type", "brand")}
    none = np.full(data.n_products, "", dtype=object)
    hierarchy = Hierarchy(data.products, text["product_type"], text["category"], none, text["brand"])
    cut = CalendarCut.at(EPOCH + timedelta(days=CUT), HORIZON)
    window = pose_problem(data, hierarchy, cut, level, 0).window
    few = 0.2 if level == "category" else 0.9  # there are few categories, and customers know most
    assert_lists_of_tasks(StageFactory(PARAMS)(window), window.history, explore=few)


def test_categories_are_evaluated_with_their_settings() -> None:
    """Those given, not the defaults; products and types keep theirs."""
    factory = StageFactory(PARAMS, CategoryParams(factors=7, windows=3))
    assert (factory.at_level("category").als.factors, factory.at_level("category").ranker.windows) == (7, 3)
    assert factory.at_level("product").als == PARAMS.als
    assert factory.at_level("product").candidates.min_customers == 1
