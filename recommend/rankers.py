"""How anything that scores becomes lists: one interface for baselines, factors and the second stage.

A ranker gets the histories of some customers and a task, and returns item positions. The tasks differ in which items
may be listed: "all" any, "repeat" only what the customer bought before, "explore" only what she never bought.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from features.errors import NextbestError
from features.interactions import Interactions
from recommend.fold_in import FoldIn, fold_in
from recommend.topk import ItemBlocks, Positions, rank_scores, top_k

TASKS = ("all", "repeat", "explore")


class Ranker(Protocol):
    """What `recommend.evaluation` takes: a fitted recommender."""

    def rank(self, history: Interactions, k: int, task: str) -> Positions:
        """(n_customers, k) item positions, best first, -1 in unused places, for the customers of `history`.

        Positions count along the product axis of `history`, which is that of the fit. The answer for a customer must
        not depend on who else is in the batch; ties go to the smaller position.
        """
        ...


@runtime_checkable
class TasksRanker(Protocol):
    """A ranker that answers several tasks from one scoring."""

    def rank_tasks(self, history: Interactions, k: int, tasks: Sequence[str]) -> Mapping[str, Positions]:
        """Task -> what `Ranker.rank` would return for it."""
        ...


def rank_tasks(ranker: Ranker, history: Interactions, k: int, tasks: Sequence[str]) -> Mapping[str, Positions]:
    """Task -> lists, by one scoring where the ranker can."""
    if isinstance(ranker, TasksRanker):
        return ranker.rank_tasks(history, k, tasks)
    return {task: ranker.rank(history, k, task) for task in tasks}


class Scorer(Protocol):
    """Anything with a score per product (`models/baselines.py`, `models/ease.py`)."""

    def score(self, history: Interactions) -> NDArray[np.float64]:
        """(n_customers, n_products), -inf where never recommended."""
        ...


@dataclass(frozen=True)
class DenseRanker:
    """Ranks by the dense scores of `scorer`."""

    scorer: Scorer

    def rank(self, history: Interactions, k: int, task: str) -> Positions:
        """See `Ranker`."""
        scores = self.scorer.score(history)
        seen = owned(history)
        check_task(task)
        if task == "repeat":
            rows = np.repeat(np.arange(seen.shape[0]), np.diff(seen.indptr))
            only = np.full(scores.shape, -np.inf)
            only[rows, seen.indices] = scores[rows, seen.indices]
            scores = only
        return rank_scores(scores, k, seen if task == "explore" else None)[0]


@dataclass(frozen=True)
class FactorRanker:
    """Folds customers in and ranks by the product of factors; `weigh` makes the weights the factors were learned on."""

    items: ItemBlocks
    model: FoldIn
    weigh: Callable[[Interactions], csr_matrix]

    def rank(self, history: Interactions, k: int, task: str) -> Positions:
        """See `Ranker`."""
        check_task(task)
        customers = fold_in(self.model, self.weigh(history))
        seen = owned(history)
        if task != "repeat":
            return top_k(self.items, customers, k, seen if task == "explore" else None)[0]
        lists = np.full((len(customers), k), -1, dtype=np.int32)
        for row in range(len(customers)):
            own = seen.indices[seen.indptr[row] : seen.indptr[row + 1]]
            if len(own):
                scores = self.model.item_factors[own].astype(np.float64) @ customers[row]
                best = np.argsort(-np.round(scores, 6), kind="stable")[:k]
                lists[row, : len(best)] = own[best]
        return lists


def owned(history: Interactions) -> csr_matrix:
    """(n_customers, n_products) with a stored True for everything bought, indices sorted."""
    shape = (history.n_customers, history.n_products)
    matrix = csr_matrix((np.ones(len(history), dtype=np.bool_), (history.customer, history.product)), shape)
    matrix.sum_duplicates()
    return matrix


def check_task(task: str) -> None:
    """Raise when `task` is none of `TASKS`."""
    if task not in TASKS:
        raise NextbestError(f"task must be one of {', '.join(TASKS)}, got {task!r}")
