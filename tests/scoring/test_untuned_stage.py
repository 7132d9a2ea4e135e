"""The frozen reference: what it lists, that batches and the future do not matter, and that it learns."""

from datetime import timedelta

import numpy as np
import pytest

from features.as_of import EPOCH
from features.hierarchy import Hierarchy
from features.splits import CalendarCut
from recommend.evaluation import Problem, measure, pose_problem
from recommend.rankers import TASKS
from scoring.untuned_stage import FEATURES, UntunedFactory, know, pairs
from tests.recommend.shop import CUT, HORIZON, shelf, shop, with_another_future
from tests.scoring.task_lists import assert_lists_of_tasks


def problem(future: bool = False) -> Problem:
    """The window of the small shop, with the future it has or another one."""
    data, names = shop(), shelf(shop())
    text = {n: names.names[n][names.codes[n]] for n in ("category", "product_type", "brand")}
    none = np.full(data.n_products, "", dtype=object)
    above = Hierarchy(data.products, text["product_type"], text["category"], none, text["brand"])
    data = with_another_future(data, CUT) if future else data
    return pose_problem(data, above, CalendarCut.at(EPOCH + timedelta(days=CUT), HORIZON), "product", 0)


@pytest.fixture(scope="module")
def posed() -> Problem:
    """Posed once."""
    return problem()


def test_it_has_forty_plain_features(posed: Problem) -> None:
    """Counts, recency and gap as a person computes them; nan where nothing is known."""
    window = posed.window
    assert len(FEATURES) == len(set(FEATURES)) == 40
    customer, item, owned, x = pairs(window.history, know(window.history, window.day, window))
    assert x.shape == (len(customer), 40)
    mine = window.history.where(window.history.customer == 3)
    product = np.bincount(mine.product).argmax()
    days = np.unique(mine.day[mine.product == product])
    row = np.flatnonzero((customer == 3) & (item == product))[0]
    found = dict(zip(FEATURES, x[row]))
    assert owned[row]
    assert found["times"] == len(days)
    assert found["recency"] == window.day - days[-1]
    assert found["gap"] == pytest.approx((days[-1] - days[0]) / (len(days) - 1))
    assert found["count14"] == pytest.approx(np.exp2((1 - (window.day - days)) / 14).sum(), rel=1e-5)
    assert np.isnan(x[~owned][:, FEATURES.index("gap")]).all()
    assert (x[~owned][:, FEATURES.index("times")] == 0).all()


def test_tasks_list_what_they_may_and_batches_do_not_matter(posed: Problem) -> None:
    """Lists keep to their task and do not depend on who is ranked with whom; another future changes no list."""
    history = posed.window.history
    ranker = UntunedFactory()(posed.window)
    assert ranker.booster is not None
    assert_lists_of_tasks(ranker, history)
    other = UntunedFactory()(problem(future=True).window)
    for task in TASKS:
        assert np.array_equal(ranker.rank(history, 5, task), other.rank(history, 5, task))


def test_without_windows_to_learn_from_it_counts(posed: Problem) -> None:
    """A history of two weeks before the cut: own items by decayed count, then what is popular."""
    window = posed.window
    short = type(window)(window.level, window.day, window.history.where(window.history.day > CUT - 14), None, HORIZON)
    ranker = UntunedFactory()(short)
    assert ranker.booster is None
    assert np.nanmean(measure(posed, {"u": lambda w: ranker})["u", "all", "recall"]) > 0.2
