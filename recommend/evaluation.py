"""Protocol A: every recommender in one table, on one calendar cut, with what the protocol drops counted.

For a level (product, type, category) and a catalogue (filtered to items with at least `min_baskets` orders before the
cut, or full): lists are made from the days before the cut for every customer with a purchase there, truth is the set
of distinct items she buys in the label window. ALL lists and wants anything; REPEAT only what she bought before;
EXPLORE only what she did not. Recall and NDCG at K, the ideal DCG cut at K, ties by item id, empty lists score 0,
customers without truth are left out and counted. 95 % paired bootstrap over customers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from features.errors import DataError
from features.hierarchy import Hierarchy
from features.interactions import Interactions
from features.splits import CalendarCut
from recommend.metrics import Interval, bootstrap_interval, ndcg_at_k, recall_at_k
from recommend.rankers import TASKS, Ranker, owned, rank_tasks

MIN_EXPLORE_WEEKS = 26  # a shorter history cannot tell "never bought" from "not bought lately"
EXPLORE_ALWAYS = 0
BATCH = 256


@dataclass(frozen=True)
class Window:
    """What a recommender may know: purchases before `day` (days since 1970-01-01) and the items' hierarchy.

    `history.products` are the items of the level; `hierarchy` is aligned with them at level "product" and None above.
    `horizon_days` is the length of the label window, so of the windows to learn from.
    """

    level: str
    day: int
    history: Interactions
    hierarchy: Hierarchy | None
    horizon_days: int = 28


@dataclass(frozen=True)
class Problem:
    """A window and its answers: `truth[task]` (n_customers, n_items), and counts of what the protocol dropped.

    `weeks` is the length of the history, in whole weeks: what EXPLORE's "never bought" means here. `called` stands for
    the cut where there is no calendar; `cut_ideal`: whether the ideal DCG is cut at K.
    """

    cut: CalendarCut
    catalogue: str
    window: Window
    truth: Mapping[str, csr_matrix]
    dropped: Mapping[str, float]
    weeks: int
    called: str = ""
    cut_ideal: bool = True

    @property
    def name(self) -> str:
        """The first label day, or what the window is called."""
        return self.called or self.cut.label_start.isoformat()


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
    purchases: Interactions,
    hierarchy: Hierarchy,
    cut: CalendarCut,
    level: str = "product",
    min_baskets: int = 50,
    explore_weeks: int = MIN_EXPLORE_WEEKS,
) -> Problem:
    """The evaluation problem of one cut; `min_baskets` 0 is the full catalogue.

    EXPLORE is left out where the history is shorter than `explore_weeks`. Raises `DataError` when there are no
    purchases on one side of the cut.
    """
    if level != "product":
        purchases = purchases.relabel(hierarchy.labels(level))
    before, after = purchases.before(cut.train_end), purchases.between(cut.start, cut.end)
    if not len(before) or not len(after):
        side = "before" if not len(before) else f"in the {cut.end - cut.start} days after"
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
    truth = split_truth(owned(labels), owned(history))
    weeks = int(cut.train_end - before.day.min()) // 7
    if weeks < explore_weeks:
        del truth["explore"]
    dropped |= {f"customers without {task} truth": float((np.diff(t.indptr) == 0).sum()) for task, t in truth.items()}
    aligned = (take_rows(hierarchy, keep) if min_baskets > 0 else hierarchy) if level == "product" else None
    window = Window(level, cut.train_end, history, aligned, cut.end - cut.start)
    return Problem(cut, f"{min_baskets}+ baskets" if min_baskets > 0 else "full", window, truth, dropped, weeks)


def split_truth(every: csr_matrix, seen: csr_matrix) -> dict[str, csr_matrix]:
    """Truth per task, of what was bought (`every`) and what had been bought before (`seen`)."""
    repeat = every.multiply(seen).tocsr()
    return {"all": every, "repeat": repeat, "explore": _without(every, repeat)}


def _without(every: csr_matrix, part: csr_matrix) -> csr_matrix:
    """The stored elements of `every` that `part` does not store."""
    rest = (every.astype(np.int8) - part.astype(np.int8)).tocsr()
    rest.eliminate_zeros()
    rest.sort_indices()
    return rest


def take_rows(hierarchy: Hierarchy, keep: NDArray[np.bool_]) -> Hierarchy:
    """The hierarchy of the kept products."""
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
    """(recommender, task, metric) -> (n_customers,) values, nan without truth. Fits each factory once.

    Lists are made of the customers with a truth only, which changes no value.
    """
    wanted = np.diff(problem.truth["all"].indptr) > 0
    history = problem.window.history.take_customers(wanted)
    values: dict[tuple[str, str, str], NDArray] = {}
    for name, fit in recommenders.items():
        lists = rank_all(fit(problem.window), history, k, tuple(problem.truth))
        for task, truth in problem.truth.items():
            recall = recall_at_k(lists[task], truth[wanted], k)
            ndcg = ndcg_at_k(lists[task], truth[wanted], k, problem.cut_ideal)
            for metric, found in (("recall", recall), ("ndcg", ndcg)):
                values[name, task, metric] = np.full(len(wanted), np.nan)
                values[name, task, metric][wanted] = found
    return values


def mean_of(seeds: Sequence[Values]) -> dict[tuple[str, str, str], NDArray]:
    """Each customer's values, averaged over the seeds in which a recommender was fitted."""
    keys = dict.fromkeys(key for values in seeds for key in values)
    return {key: np.mean([values[key] for values in seeds if key in values], axis=0) for key in keys}


def rank_all(ranker: Ranker, history: Interactions, k: int, tasks: Sequence[str]) -> dict[str, NDArray[np.int32]]:
    """Task -> (n_customers, k) lists of all customers of `history`, made batch by batch."""
    lists: dict[str, list[NDArray[np.int32]]] = {task: [] for task in tasks}
    for start in range(0, history.n_customers, BATCH):
        batch = history.of_customers(start, min(start + BATCH, history.n_customers))
        for task, made in rank_tasks(ranker, batch, k, tasks).items():
            lists[task].append(made)
    found = {task: np.vstack(made) if made else np.empty((0, k), dtype=np.int32) for task, made in lists.items()}
    for made in found.values():
        if made.shape != (history.n_customers, k):
            raise DataError(f"a ranker returned lists of shape {made.shape}, expected {(history.n_customers, k)}")
    return found


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
                    cut=problem.name,
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
