"""Protocol A on a history small enough to check by hand."""

from datetime import date

import numpy as np
import pytest

from features.errors import DataError
from features.hierarchy import Hierarchy
from features.interactions import Interactions
from features.splits import CalendarCut, epoch_day
from recommend.evaluation import EXPLORE_ALWAYS, mean_of, measure, pose_problem, rank_all, tabulate
from recommend.rankers import Positions
from tests.purchases import purchases

START = epoch_day(date(2017, 12, 4))
CUT = CalendarCut.at(date(2017, 12, 4))
LONG_AGO = START - 200

ROWS = [
    ("ann", "milk", LONG_AGO, 1),
    ("ann", "milk", START - 1, 2),
    ("bob", "bread", START - 5, 1),
    ("bob", "rare", START - 5, 1),
    ("ann", "milk", START, 1),  # repeat truth on the first label day
    ("ann", "bread", START + 27, 1),  # explore truth on the last label day
    ("bob", "milk", START + 28, 1),  # after the window: not truth
    ("bob", "rare", START + 3, 1),  # repeat truth that a filter at 2 baskets drops
    ("eve", "milk", START + 2, 1),  # cold: no purchase before the cut
]


def history() -> tuple[Interactions, Hierarchy]:
    """The rows above; products in order bread, milk, rare."""
    p = purchases(ROWS)
    names = np.array(["BREAD", "DAIRY", "DAIRY"], dtype=object)
    return p, Hierarchy(p.products, names, names, names, names)


class Fixed:
    """A ranker with the same list for everyone, whatever the task."""

    def __init__(self, *items: int) -> None:
        self.items = items

    def rank(self, history: Interactions, k: int, task: str) -> Positions:
        """The list, padded."""
        line = (list(self.items) + [-1] * k)[:k]
        return np.tile(np.array(line, dtype=np.int32), (history.n_customers, 1))


def test_truth_is_what_is_bought_in_the_window_by_known_customers():
    """ALL splits into REPEAT and EXPLORE; the day after the window and cold customers are out."""
    problem = pose_problem(*history(), CUT, min_baskets=0)
    assert problem.window.history.customers.tolist() == ["ann", "bob"]
    assert problem.truth["all"].toarray().astype(int).tolist() == [[1, 1, 0], [0, 0, 1]]
    assert problem.truth["repeat"].toarray().astype(int).tolist() == [[0, 1, 0], [0, 0, 1]]
    assert problem.truth["explore"].toarray().astype(int).tolist() == [[1, 0, 0], [0, 0, 0]]


def test_what_a_recommender_gets_ends_at_the_cut():
    """No day of the label window, nor of the embargo before it, reaches the factory."""
    days = pose_problem(*history(), CUT, min_baskets=0).window.history.day
    assert days.max() == START - 1
    with_embargo = pose_problem(*history(), CalendarCut.at(date(2017, 12, 4), embargo_days=3), min_baskets=0)
    assert with_embargo.window.history.day.max() == START - 5


def test_what_the_protocol_drops_is_counted():
    """The filter keeps items with enough orders before the cut; pairs and spend lost to it are told."""
    problem = pose_problem(*history(), CUT, min_baskets=3)
    assert problem.window.history.products.tolist() == ["milk"]
    assert problem.window.hierarchy is not None
    assert problem.window.hierarchy.products.tolist() == ["milk"]
    d = problem.dropped
    assert (d["label customers"], d["cold customers dropped"]) == (3, 1)
    assert (d["truth pairs"], d["truth pairs dropped by the filter"]) == (4, 2)
    # for the cold customer everything is new
    assert (d["explore pairs"], d["explore pairs dropped by the filter"]) == (2, 1)
    assert (d["spend"], d["spend dropped by the filter"]) == (4.0, 2.0)
    assert d["customers without all truth"] == 1


def test_levels_above_the_product():
    """At type level milk and rare are one item, so bob's rare purchase is a repeat of DAIRY."""
    problem = pose_problem(*history(), CUT, "type", min_baskets=0)
    assert problem.window.history.products.tolist() == ["BREAD", "DAIRY"]
    assert problem.truth["repeat"].toarray().astype(int).tolist() == [[0, 1], [0, 1]]
    with pytest.raises(DataError, match="product, type, category"):
        pose_problem(*history(), CUT, "shelf")


def test_explore_needs_half_a_year_of_history():
    """Without it nobody can say what was never bought, so the task is left out."""
    p, hierarchy = history()
    late = p.where(p.day > LONG_AGO)
    assert "explore" not in pose_problem(late, hierarchy, CUT, min_baskets=0).truth
    always = pose_problem(late, hierarchy, CUT, min_baskets=0, explore_weeks=EXPLORE_ALWAYS)
    assert "explore" in always.truth
    assert always.weeks == 0


def test_a_cut_outside_the_data_says_so():
    """Both sides of the cut need purchases."""
    with pytest.raises(DataError, match="before the cut"):
        pose_problem(*history(), CalendarCut.at(date(2010, 1, 4)))
    with pytest.raises(DataError, match="after the cut"):
        pose_problem(*history(), CalendarCut.at(date(2019, 1, 7)))
    with pytest.raises(DataError, match="50 orders"):
        pose_problem(*history(), CUT)


def test_one_table_with_paired_differences():
    """Means over customers with truth, and differences to the champion of the task."""
    problem = pose_problem(*history(), CUT, min_baskets=0)
    values = measure(problem, {"milk": lambda w: Fixed(1), "all three": lambda w: Fixed(0, 1, 2)}, k=3)
    lines = {
        (x.task, x.recommender): x
        for x in tabulate(problem, values, dict.fromkeys(("all", "repeat", "explore"), "milk"))
    }
    assert lines["all", "milk"].recall.mean == pytest.approx((1 / 2 + 0) / 2)
    assert lines["all", "all three"].recall.mean == 1.0
    assert lines["all", "all three"].recall_gain.mean == pytest.approx(0.75)
    assert lines["all", "milk"].recall_gain.mean == 0.0
    assert lines["explore", "all three"].customers == 1
    flat = lines["all", "milk"].as_dict()
    assert flat["recall"] == pytest.approx(0.25)
    assert {"recall_low", "recall_high", "ndcg_gain", "ndcg_gain_low"} <= flat.keys()


def test_a_ranker_of_the_wrong_shape_is_refused():
    """The error names both shapes."""

    class Short(Fixed):
        def rank(self, history: Interactions, k: int, task: str) -> Positions:
            return super().rank(history, k - 1, task)

    problem = pose_problem(*history(), CUT, min_baskets=0)
    with pytest.raises(DataError, match=r"\(2, 2\), expected \(2, 3\)"):
        rank_all(Short(1), problem.window.history, 3, ("all",))


def test_customers_without_truth_are_not_ranked_and_seeds_are_averaged():
    """Values stay aligned with all customers; a recommender fitted with one seed keeps its values."""
    problem = pose_problem(*history(), CalendarCut.at(date(2017, 12, 4), 7), min_baskets=0)
    seen: list[int] = []

    class Watched(Fixed):
        def rank(self, history: Interactions, k: int, task: str) -> Positions:
            seen.append(history.n_customers)
            return super().rank(history, k, task)

    first = measure(problem, {"watched": lambda w: Watched(1), "none": lambda w: Fixed()}, k=3)
    assert set(seen) == {int((np.diff(problem.truth["all"].indptr) > 0).sum())}
    assert len(first["watched", "all", "recall"]) == problem.window.history.n_customers
    second = {key: v + 1.0 for key, v in first.items() if key[0] == "watched"}
    mean = mean_of([first, second])
    np.testing.assert_allclose(mean["watched", "all", "recall"], first["watched", "all", "recall"] + 0.5)
    np.testing.assert_array_equal(mean["none", "all", "recall"], first["none", "all", "recall"])
