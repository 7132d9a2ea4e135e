"""The next-basket protocol on a few baskets: who takes part, what is truth, and the clock that counts baskets."""

import numpy as np
import pytest

from features.errors import DataError
from features.hierarchy import Hierarchy
from features.interactions import Interactions
from recommend.evaluation import Problem, measure
from recommend.metrics import ndcg_at_k
from recommend.next_basket import CUT, WEEK, pose_next_basket
from recommend.rankers import Positions, owned
from tests.purchases import purchases

ROWS = [
    ("ann", "milk", 1, 1),
    ("ann", "milk", 40, 1),
    ("ann", "bread", 40, 1),
    ("ann", "milk", 45, 1),  # her last basket
    ("ann", "tea", 45, 1),
    ("bob", "milk", 3, 1),
    ("bob", "bread", 4, 1),
    ("bob", "tea", 5, 1),
    ("bob", "tea", 50, 1),  # his last basket
    ("eve", "milk", 3, 1),  # one basket only
]


def posed(min_bought: int = 1) -> Problem:
    """The rows above; products in order bread, milk, tea."""
    p = purchases(ROWS)
    none = np.full(p.n_products, "", dtype=object)
    return pose_next_basket(p, Hierarchy(p.products, none, none, none, none), min_bought=min_bought)


class Bread:
    """Bread for everybody."""

    def rank(self, history: Interactions, k: int, task: str) -> Positions:
        """One item."""
        return np.tile(np.array([0] + [-1] * (k - 1), dtype=np.int32), (history.n_customers, 1))


def test_the_last_basket_is_truth_and_time_counts_baskets() -> None:
    """Eve has too few baskets; ann's two earlier baskets lie one and two weeks before the cut, however far apart."""
    problem = posed()
    history = problem.window.history
    assert history.customers.tolist() == ["ann", "bob"]
    assert problem.truth["all"].toarray().astype(int).tolist() == [[0, 1, 1], [0, 0, 1]]
    assert problem.truth["repeat"].toarray().astype(int).tolist() == [[0, 1, 0], [0, 0, 1]]
    assert (CUT - history.day[history.customer == 0]).tolist() == [WEEK, 2 * WEEK, WEEK]
    assert (CUT - history.day[history.customer == 1]).tolist() == [2 * WEEK, 3 * WEEK, WEEK]
    assert problem.window.horizon_days == WEEK
    assert problem.name == "last basket"
    assert problem.dropped["customers with fewer or more baskets"] == 1


def test_rare_items_are_left_out_by_their_history_and_counted() -> None:
    """Tea was bought once before the last baskets, though it is in both of them."""
    problem = posed(min_bought=2)
    assert problem.window.history.products.tolist() == ["bread", "milk"]
    assert problem.dropped["truth pairs of rare items dropped"] == 2
    assert np.isnan(measure(problem, {"bread": lambda w: Bread()}, k=2)["bread", "all", "recall"]).tolist() == [0, 1]


def test_the_ideal_of_this_protocol_is_not_cut() -> None:
    """One of three wanted items on rank 1 of a list of one: 1 with the cut, 1 / 2.1309 without."""
    lists, truth = np.array([[0]], dtype=np.int32), owned(purchases([("a", p, 1, 1) for p in "xyz"]))
    assert ndcg_at_k(lists, truth, 1)[0] == 1.0
    assert ndcg_at_k(lists, truth, 1, cut_ideal=False)[0] == pytest.approx(1 / 2.1309, abs=1e-4)


def test_without_baskets_or_items_it_says_so() -> None:
    """Both filters name their bounds."""
    with pytest.raises(DataError, match="bought 9 times"):
        posed(min_bought=9)
    p = purchases(ROWS[-1:])
    none = np.full(1, "", dtype=object)
    with pytest.raises(DataError, match="3 to 50 days"):
        pose_next_basket(p, Hierarchy(p.products, none, none, none, none))
