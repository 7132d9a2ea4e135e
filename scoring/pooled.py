"""Recommenders compared over several cuts at once: means, and paired differences of a challenger to all others.

A customer is drawn with all her windows (`models/gate.py`), so windows of one customer do not count as independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from models.gate import GateParams, Verdict, compare
from recommend.evaluation import Problem, Values
from recommend.rankers import TASKS

METRICS = ("recall", "ndcg")


@dataclass(frozen=True)
class Measured:
    """One cut: the problem and what each recommender reached there, averaged over training seeds."""

    problem: Problem
    values: Values


@dataclass(frozen=True)
class Difference:
    """`challenger` - `recommender` over the pooled cuts; means are over customers and cuts with truth.

    `best` names the metrics on which `recommender` is the best of all baselines. `won`: by interval, on both metrics.
    """

    level: str
    catalogue: str
    task: str
    cuts: tuple[str, ...]
    challenger: str
    recommender: str
    recall: Verdict
    ndcg: Verdict
    best: tuple[str, ...]

    @property
    def won(self) -> bool:
        """Whether the challenger is above by interval on recall and on NDCG."""
        return self.recall.won and self.ndcg.won

    def as_dict(self) -> dict[str, object]:
        """Flat, for tables and JSON; the challenger compared with itself has no difference."""
        flat = {k: v for k, v in asdict(self).items() if k not in METRICS}
        flat |= {"cuts": list(self.cuts), "best": list(self.best), "customers": self.recall.customers}
        for name in METRICS:
            v: Verdict = getattr(self, name)
            flat[name] = v.champion
            if self.recommender != self.challenger:
                flat |= {f"{name}_difference": v.difference, f"{name}_low": v.low, f"{name}_high": v.high}
        return flat | {"won": self.won}


def pool(
    measured: Sequence[Measured], challenger: str, references: Sequence[str] = (), seed: int = 0
) -> list[Difference]:
    """One row per task and recommender, for the cuts of one level and catalogue, `challenger` first.

    `references` stand in the table but are no baselines: they are never named best. Empty when `challenger` was not
    measured.
    """
    first = measured[0].problem
    _, ids = np.unique(
        np.concatenate([m.problem.window.history.customers for m in measured]).astype(str), return_inverse=True
    )
    sizes = [m.problem.window.history.n_customers for m in measured]
    who = [part.astype(np.int64) for part in np.split(ids, np.cumsum(sizes)[:-1])]
    rows: list[Difference] = []
    for task in TASKS:
        # a cut may lack EXPLORE while a later one has it
        chosen = [i for i, m in enumerate(measured) if (challenger, task, "recall") in m.values]
        if not chosen:
            continue
        cuts = tuple(measured[i].problem.name for i in chosen)
        found = [
            (
                name,
                _compare([measured[i].values for i in chosen], [who[i] for i in chosen], task, name, challenger, seed),
            )
            for name in _names(measured[chosen[0]].values, task, challenger)
        ]
        best = {
            metric: max(
                (pair for pair in found if pair[0] not in (challenger, *references)),
                key=lambda pair: pair[1][metric].champion,
                default=(None, {}),
            )[0]
            for metric in METRICS
        }
        rows += [
            Difference(
                first.window.level,
                first.catalogue,
                task,
                cuts,
                challenger,
                name,
                verdicts["recall"],
                verdicts["ndcg"],
                tuple(metric for metric in METRICS if best[metric] == name),
            )
            for name, verdicts in found
        ]
    return rows


def _names(values: Values, task: str, challenger: str) -> list[str]:
    names = dict.fromkeys(name for name, t, _ in values if t == task)
    return [challenger, *(name for name in names if name != challenger)]


def _compare(
    values: Sequence[Values], who: Sequence[NDArray[np.int64]], task: str, name: str, challenger: str, seed: int
) -> dict[str, Verdict]:
    def of(recommender: str) -> dict[str, list[NDArray[np.float64]]]:
        return {metric: [v[recommender, task, metric] for v in values] for metric in METRICS}

    return {v.metric: v for v in compare(of(name), of(challenger), who, GateParams(metrics=METRICS, seed=seed))}
