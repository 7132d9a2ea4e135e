"""What settings of the ranker are worth, on windows of the past whose candidates and features are made once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.ranker import Matrix, fit_ranker, sample_negatives
from models.recommender_params import RankerParams
from models.search_space import Params
from recommend.catalogue import Catalogue
from recommend.dealings import Dealings
from recommend.histories import Histories, Ints
from recommend.pair_features import FEATURES
from scoring.recommender_params import StageParams
from scoring.stage_gate import list_metrics
from scoring.train_second_stage import build_frame
from scoring.tuning_windows import Plan, new_ones, renumbered, served_customers, with_section

LARGEST_SHARE = 0.3  # of what was not bought, kept for training pairs


@dataclass(frozen=True)
class _Learned:
    """Pairs of a window to learn from: features, whether bought, and weights that undo the sampling."""

    x: Matrix
    bought: NDArray[np.bool_]
    weight: Matrix


@dataclass(frozen=True)
class _Judged:
    """Pairs of a window to be judged on, of customers who bought something in it."""

    chosen: Ints
    n_items: int
    customer: Ints
    item: Ints
    owned: NDArray[np.bool_]
    x: Matrix
    truth: dict[str, Ints]


@dataclass(frozen=True)
class RankerObjective:
    """NDCG at 10 of ALL and of EXPLORE of the ranker's scores; candidates and features are made once."""

    params: StageParams
    plan: Plan
    share: float
    learned: dict[int, _Learned]
    judged: dict[int, _Judged]
    tasks: tuple[str, ...] = ("all", "explore")

    def judge(self, params: Params) -> Iterator[tuple[Ints, NDArray[np.float64]]]:
        """See `models.tuning.Objective`."""
        ranker = with_section(self.params, "ranker", params).ranker
        for day, starts in zip(self.plan.ranker, self.plan.learned, strict=True):
            yield self.judged[day].chosen, self._score(ranker, day, starts)

    def _score(self, params: RankerParams, day: int, starts: tuple[int, ...]) -> NDArray[np.float64]:
        """(m, 2) metrics of the customers of the window, from a ranker of the windows before it."""
        parts = [self._sampled(start, params) for start in starts]
        x, y, w = (np.concatenate(column) for column in zip(*parts, strict=True))
        ranker = fit_ranker(x, y, w, FEATURES, params, self.params.threads)
        j = self.judged[day]
        n = len(j.chosen)
        if ranker is None:
            return np.full((n, 2), np.nan)
        score = ranker.predict(j.x, FEATURES, self.params.threads)
        columns = []
        for task in self.tasks:
            at = np.flatnonzero(~j.owned) if task == "explore" else np.arange(len(j.item))
            found = list_metrics(j.customer[at], j.item[at], score[at], j.truth[task], n, j.n_items)
            columns.append(found["ndcg"])
        return np.stack(columns, axis=1)

    def _sampled(self, start: int, params: RankerParams) -> tuple[Matrix, NDArray[np.bool_], Matrix]:
        """The pairs of a window with the trial's share of what was not bought."""
        pairs = self.learned[start]
        rows, weight = sample_negatives(pairs.bought, min(params.negatives / self.share, 1.0), params.seed + start)
        return pairs.x[rows], pairs.bought[rows], weight * pairs.weight[rows]


def ranker_objective(
    data: Dealings, catalogue: Catalogue, plan: Plan, params: StageParams, scratch: Path
) -> RankerObjective:
    """Makes each window's pairs once; the features stay in files of `scratch`, memory-mapped."""
    scratch.mkdir(parents=True, exist_ok=True)
    share = max(LARGEST_SHARE, params.ranker.negatives)
    learned, judged = {}, {}
    for day in sorted({day for starts in plan.learned for day in starts} | set(plan.ranker)):
        frame, weight = build_frame(data, catalogue, day, params, None if day in plan.ranker else share)
        x, bought = frame.x, frame.bought
        if any(day in starts for starts in plan.learned):
            if day in plan.ranker:
                rows, weight = sample_negatives(bought, share, params.ranker.seed + day)
                learned[day] = _Learned(_stored(scratch / f"learned.{day}.npy", x[rows]), bought[rows], weight)
            else:
                learned[day] = _Learned(_stored(scratch / f"learned.{day}.npy", x), bought, weight)
        if day in plan.ranker:
            served = served_customers(np.arange(frame.h.n), frame.truth, frame.h.n_items)
            inside = np.isin(frame.found.customer, served)
            new = new_ones(frame.h, frame.truth)
            judged[day] = _Judged(
                _positions(data, frame.h, served),
                frame.h.n_items,
                np.searchsorted(served, frame.found.customer[inside]),
                frame.found.item[inside],
                frame.found.owned[inside],
                _stored(scratch / f"judged.{day}.npy", x[inside]),
                {name: renumbered(t, served, frame.h) for name, t in (("all", frame.truth), ("explore", new))},
            )
    return RankerObjective(params, plan, share, learned, judged)


def _stored(path: Path, x: Matrix) -> Matrix:
    np.save(path, x, allow_pickle=False)
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _positions(data: Dealings, h: Histories, chosen: Ints) -> Ints:
    """Positions in the axis of `data` of the customers at `chosen` in `h`."""
    return np.searchsorted(data.purchases.customers.astype(str), h.customers[chosen].astype(str)).astype(np.int64)
