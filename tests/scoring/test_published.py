"""What would be published on the small shop: lists, calibration and sources, judged on the window after the cut."""

from datetime import timedelta

import numpy as np

from features.as_of import EPOCH
from features.hierarchy import Hierarchy
from features.splits import CalendarCut
from recommend.evaluation import pose_problem
from recommend.list_params import ListParams
from scoring.published import PUBLISHED, judge_published, keys_of
from scoring.recommender_params import Level
from tests.recommend.shop import CUT, HORIZON, PARAMS, shelf, shop


def test_published_lists_are_judged_beside_the_others() -> None:
    """Values per customer for every task, better than chance; calibration per kind; recall of each source."""
    data, names = shop(), shelf(shop())
    text = {n: names.names[n][names.codes[n]] for n in ("category", "product_type", "brand")}
    none = np.full(data.n_products, "", dtype=object)
    above = Hierarchy(data.products, text["product_type"], text["category"], none, text["brand"])
    problem = pose_problem(data, above, CalendarCut.at(EPOCH + timedelta(days=CUT), HORIZON), "product", 0, 0)
    found = judge_published(problem, Level("products", ListParams()), PARAMS, k=5)
    assert {task for _, task, _ in found.values} == {"all", "repeat", "explore"}
    known = np.isfinite(found.values[PUBLISHED, "all", "recall"])
    np.testing.assert_array_equal(known, np.diff(problem.truth["all"].indptr) > 0)
    assert np.nanmean(found.values[PUBLISHED, "all", "recall"]) > 0.3
    kinds = {str(row["kind"]) for row in found.calibration}
    assert "all" in kinds
    assert len(kinds) > 2
    together = [row for row in found.sources if row["source"] == "together" and row["state"] == "all"]
    assert together[0]["customers"] == known.sum()
    assert set(found.modes) == {"repeat", "explore"}


def test_keys_of_a_matrix() -> None:
    """Row and column of every stored element, in order."""
    data = shop(customers=3, products=8)
    problem = pose_problem(data, _flat(data.products), CalendarCut(100, 100, 114), "product", 0)
    rows, columns = problem.truth["all"].nonzero()
    np.testing.assert_array_equal(keys_of(problem.truth["all"]), np.sort(rows * 8 + columns))


def _flat(products: np.ndarray) -> Hierarchy:
    none = np.full(len(products), "", dtype=object)
    return Hierarchy(products, none, none, none, none)
