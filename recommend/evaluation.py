"""Protocol A: every recommender in one table, on one calendar cut, with what the protocol drops counted.

For a level (product, type, category) and a catalogue (filtered to items with at least `min_baskets` orders before the
cut, or full): lists are made from the days before the cut for every customer with a purchase there, truth is the set
of distinct items she buys in the label window. ALL lists and wants anything; REPEAT only what she bought before;
EXPLORE only what she did not. Recall and NDCG at K, the ideal DCG cut at K, ties by item id, empty lists score 0,
customers without truth are left out and counted. 95 % paired bootstrap over customers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from features.errors import DataError
from features.hierarchy import Hierarchy
from features.interactions import Interactions
from features.splits import CalendarCut
from recommend.metrics import Interval, bootstrap_interval, ndcg_at_k, recall_at_k
from recommend.rankers import TASKS, Ranker, owned

MIN_EXPLORE_WEEKS = 26  # a shorter history cannot tell "never bought" from "not bought lately"
BATCH = 256


@dataclass(frozen=True)
class Window:
    """What a recommender may know: purchases before `day` (days since 1970-01-01) and the items' hierarchy.

    `history.products` are the items of the level; `hierarchy` is aligned with them at level "product" and None above.
    """

    level: str
    day: int
    history: Interactions
    hierarchy: Hierarchy | None


@dataclass(frozen=True)
class Problem:
    """A window and its answers: `truth[task]` (n_customers, n_items), and counts of what the protocol dropped."""

    cut: CalendarCut
    catalogue: str
    window: Window
    truth: Mapping[str, csr_matrix]
    dropped: Mapping[str, float]


@dataclass(frozen=True)
class Line:
    """One line of the table; `recall_gain` and `ndcg_gain` are paired differences to `champion`."""

    level: str
    catalogue: str
    cut: str
    task: str
    recommender: str
    customers: int
    recall: Interval
    ndcg: Interval
    champion: str
    recall_gain: Interval
    ndcg_gain: Interval

    def as_dict(self) -> dict[str, object]:
        """Flat, for tables and JSON: `recall`, `recall_low`, `recall_high`, and so on."""
        flat: dict[str, object] = {}
        for name, value in asdict(self).items():
            if isinstance(value, dict):
                flat |= {name: value["mean"], f"{name}_low": value["low"], f"{name}_high": value["high"]}
            else:
                flat[name] = value
        return flat


Factory = Callable[[Window], Ranker]
Values = Mapping[tuple[str, str, str], NDArray[np.float64]]  # (recommender, task, metric) -> per customer


def pose_problem(
    purchases: Interactions, hierarchy: Hierarchy, cut: CalendarCut, level: str = "product", min_baskets: int = 50
) -> Problem:
    """The evaluation problem of one cut; `min_baskets` 0 is the full catalogue.

    Raises `DataError` when there are no purchases on one side of the cut.
    """
    if level != "product":
        purchases = purchases.relabel(hierarchy.labels(level))
    before, after = purchases.before(cut.train_end), purchases.between(cut.start, cut.end)
    if not len(before) or not len(after):
        side = "before" if not len(before) else "in the four weeks after"
        raise DataError(f"no purchases {side} the cut {cut.label_start}; choose a cut inside the data")
    known = np.bincount(before.customer, minlength=purchases.n_customers) > 0
    keep = before.baskets_per_product() >= min_baskets
    history = before.take_customers(known)
    labels = after.take_customers(known)
    dropped = _dropped(after, known, keep, owned(before))
    if min_baskets > 0:
        history, labels = history.take_products(keep), labels.take_products(keep)
    if not history.n_products:
        raise DataError(f"no item has {min_baskets} orders before the cut {cut.label_start}")
    everything, seen = owned(labels), owned(history)
    repeat = everything.multiply(seen).tocsr()
    truth = {"all": everything, "repeat": repeat, "explore": _without(everything, repeat)}
    if int(cut.train_end - before.day.min()) < 7 * MIN_EXPLORE_WEEKS:
        del truth["explore"]
    dropped |= {f"customers without {task} truth": float((np.diff(t.indptr) == 0).sum()) for task, t in truth.items()}
    aligned = _rows(hierarchy, keep if min_baskets > 0 else None) if level == "product" else None
    window = Window(level, cut.train_end, history, aligned)
    return Problem(cut, f"{min_baskets}+ baskets" if min_baskets > 0 else "full", window, truth, dropped)


def _without(every: csr_matrix, part: csr_matrix) -> csr_matrix:
    """The stored elements of `every` that `part` does not store."""
    rest = (every.astype(np.int8) - part.astype(np.int8)).tocsr()
    rest.eliminate_zeros()
    rest.sort_indices()
    return rest


def _rows(hierarchy: Hierarchy, keep: NDArray[np.bool_] | None) -> Hierarchy:
    """The hierarchy of the kept products."""
    if keep is None:
        return hierarchy
    return Hierarchy(
        hierarchy.products[keep],
        hierarchy.product_type[keep],
        hierarchy.category[keep],
        hierarchy.department[keep],
        hierarchy.brand[keep],
    )


def _dropped(
    after: Interactions, known: NDArray[np.bool_], keep: NDArray[np.bool_], seen: csr_matrix
) -> dict[str, float]:
    """Counts of label customers, pairs, EXPLORE pairs and spend that the protocol leaves out."""
    everything = owned(after)
    new = _without(everything, everything.multiply(seen).tocsr())
    rare = ~keep
    amount = after.amount.astype(np.float64)
    return {
        "label customers": float((np.diff(everything.indptr) > 0).sum()),
        "cold customers dropped": float(((np.diff(everything.indptr) > 0) & ~known).sum()),
        "truth pairs": float(everything.nnz),
        "truth pairs dropped by the filter": float(rare[everything.indices].sum()),
        "explore pairs": float(new.nnz),
        "explore pairs dropped by the filter": float(rare[new.indices].sum()),
        "spend": round(float(amount.sum()), 2),
        "spend dropped by the filter": round(float(amount[rare[after.product]].sum()), 2),
    }


def measure(problem: Problem, recommenders: Mapping[str, Factory], k: int = 10) -> dict[tuple[str, str, str], NDArray]:
    """(recommender, task, metric) -> (n_customers,) values, nan without truth. Fits each factory once."""
    history = problem.window.history
    values: dict[tuple[str, str, str], NDArray] = {}
    for name, fit in recommenders.items():
        ranker = fit(problem.window)
        for task, truth in problem.truth.items():
            lists = rank_all(ranker, history, k, task)
            values[name, task, "recall"] = recall_at_k(lists, truth, k)
            values[name, task, "ndcg"] = ndcg_at_k(lists, truth, k)
    return values


def rank_all(ranker: Ranker, history: Interactions, k: int, task: str) -> NDArray[np.int32]:
    """(n_customers, k) lists of all customers of `history`, made batch by batch."""
    parts = [
        ranker.rank(history.of_customers(start, min(start + BATCH, history.n_customers)), k, task)
        for start in range(0, history.n_customers, BATCH)
    ]
    lists = np.vstack(parts)
    if lists.shape != (history.n_customers, k):
        raise DataError(f"a ranker returned lists of shape {lists.shape}, expected {(history.n_customers, k)}")
    return lists


def tabulate(problem: Problem, values: Values, champions: Mapping[str, str], seed: int = 0) -> list[Line]:
    """One `Line` per task and recommender; `champions` names, per task, whom the paired differences are against."""
    lines = []
    for task in TASKS:
        for name in dict.fromkeys(n for n, t, _ in values if t == task):
            best = champions[task]
            lines.append(
                Line(
                    level=problem.window.level,
                    catalogue=problem.catalogue,
                    cut=problem.cut.label_start.isoformat(),
                    task=task,
                    recommender=name,
                    customers=int((~np.isnan(values[name, task, "recall"])).sum()),
                    recall=bootstrap_interval(values[name, task, "recall"], seed),
                    ndcg=bootstrap_interval(values[name, task, "ndcg"], seed),
                    champion=best,
                    recall_gain=bootstrap_interval(values[name, task, "recall"] - values[best, task, "recall"], seed),
                    ndcg_gain=bootstrap_interval(values[name, task, "ndcg"] - values[best, task, "ndcg"], seed),
                )
            )
    return lines
