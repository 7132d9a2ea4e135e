"""What the lists of every ranker of the evaluation must hold to."""

import numpy as np

from features.interactions import Interactions
from recommend.rankers import TASKS, Ranker, owned


def assert_lists_of_tasks(ranker: Ranker, history: Interactions, explore: float = 0.9) -> None:
    """Explore lists hold nothing owned, repeat lists nothing else; half of the customers alone get the same lists; for
    explore more than that share of the customers has a list, else nine of ten."""
    has = owned(history).toarray() > 0
    for task in TASKS:
        lists = ranker.rank(history, 5, task)
        row, place = np.nonzero(lists >= 0)
        if task != "all":
            assert (has[row, lists[row, place]] == (task == "repeat")).all()
        assert (lists[:, 0] >= 0).mean() > (explore if task == "explore" else 0.9)
        assert np.array_equal(lists[20:], ranker.rank(history.of_customers(20, history.n_customers), 5, task))
