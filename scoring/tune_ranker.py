"""What settings of the ranker are worth, on windows of the past whose candidates and features are made once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.ranker import Matrix, sample_negatives
from models.recommender_params import RankerParams
from models.search_space import Params
from recommend.catalogue import Catalogue
from recommend.dealings import Dealings
from recommend.histories import Histories, Ints
from scoring.recommender_params import StageParams
from scoring.second_stage import SEGMENTS
from scoring.stage_gate import Frame, list_metrics, with_single_scores
from scoring.stage_learning import Lesson, fit_rankers, lesson_of, shares, with_ranker
from scoring.train_second_stage import build_frame
from scoring.tuning_windows import Plan, new_ones, served_customers, with_section

LARGEST = {"negatives": 0.3, "negatives_repeat": 1.0}  # shares of what was not bought that lessons hold


@dataclass(frozen=True)
class _Judged:
    """Pairs of a window, of customers who bought something in it: `served` in the frame, `chosen` in the data."""

    frame: Frame
    served: Ints
    chosen: Ints
    truth: dict[str, Ints]

    def metrics(self, score: NDArray[np.float64], task: str) -> NDArray[np.float64]:
        """NDCG at 10 (m,) of a task's lists."""
        found, h = self.frame.found, self.frame.h
        at = np.flatnonzero(~found.owned) if task == "explore" else np.arange(len(found.item))
        values = list_metrics(found.customer[at], found.item[at], score[at], self.truth[task], h.n, h.n_items)
        return values["ndcg"][self.served]


@dataclass(frozen=True)
class RankerObjective:
    """NDCG at 10 of ALL and of EXPLORE of the scores before calibration, with the first objective of the settings.

    With `blend` each trial fits a binary and a lambdarank ranker per segment. The scores of the two segments stand in
    one list as they are, before they are brought to one scale; in EXPLORE, which holds one segment, that is no matter.
    """

    params: StageParams
    plan: Plan
    largest: RankerParams
    lessons: dict[int, Lesson]
    judged: dict[int, _Judged]
    tasks: tuple[str, ...] = ("all", "explore")

    def judge(self, params: Params) -> Iterator[tuple[Ints, NDArray[np.float64]]]:
        """See `models.tuning.Objective`."""
        ranker = with_section(self.params, "ranker", params).ranker
        objectives = dict.fromkeys(SEGMENTS, ranker.objectives[0])
        for day, starts in zip(self.plan.ranker, self.plan.learned, strict=True):
            lessons = [self.lesson(start, ranker) for start in starts]
            rankers = fit_rankers(lessons, objectives, ranker, self.params.threads)
            judged = self.judged[day]
            raw = with_ranker(judged.frame, rankers, self.params.threads).raw
            score = np.where(np.isnan(raw["ranker"]), raw["heuristic"], raw["ranker"])  # too little to learn from
            yield judged.chosen, np.stack([judged.metrics(score, task) for task in self.tasks], axis=1)

    def lesson(self, start: int, params: RankerParams) -> Lesson:
        """The pairs of a window with a trial's shares of what was not bought."""
        pairs = self.lessons[start]
        ratio = np.minimum(shares(pairs.owned, params) / shares(pairs.owned, self.largest), 1.0)
        rows, weight = sample_negatives(pairs.bought, ratio, params.seed + start)
        customer, owned = pairs.customer[rows], pairs.owned[rows]
        return Lesson(pairs.x[rows], pairs.bought[rows], weight * pairs.weight[rows], owned, customer)


def ranker_objective(
    data: Dealings, catalogue: Catalogue, plan: Plan, params: StageParams, scratch: Path
) -> RankerObjective:
    """Makes each window's pairs once; the features stay in files of `scratch`, memory-mapped."""
    scratch.mkdir(parents=True, exist_ok=True)
    more = {name: max(share, getattr(params.ranker, name)) for name, share in LARGEST.items()}
    largest = replace(params.ranker, **more)
    wide = replace(params, ranker=largest)
    lessons: dict[int, Lesson] = {}
    judged: dict[int, _Judged] = {}
    for day in plan.days:
        if day in plan.ranker:
            frame, _ = build_frame(data, catalogue, day, wide, None, largest.judged_customers)
            judged[day] = _judged(data, frame, scratch / f"judged.{day}.npy")
            lesson = lesson_of(frame, largest)
        else:
            frame, weight = build_frame(data, catalogue, day, wide, largest.negatives)
            lesson = Lesson(frame.x, frame.bought, weight, frame.found.owned, frame.found.customer)
        lessons[day] = replace(lesson, x=_stored(scratch / f"lesson.{day}.npy", lesson.x))
    return RankerObjective(params, plan, largest, lessons, judged)


def _judged(data: Dealings, frame: Frame, path: Path) -> _Judged:
    """The pairs of `frame` that count, features in a file."""
    served = served_customers(np.arange(frame.h.n), frame.truth, frame.h.n_items)
    inside = np.flatnonzero(np.isin(frame.found.customer, served))
    x = _stored(path, frame.x[inside])
    part = replace(frame, found=frame.found.take(inside), x=x, bought=frame.bought[inside])
    truth = {"all": frame.truth, "explore": new_ones(frame.h, frame.truth)}
    return _Judged(with_single_scores(part), served, _positions(data, frame.h, served), truth)


def _stored(path: Path, x: Matrix) -> Matrix:
    np.save(path, x, allow_pickle=False)
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _positions(data: Dealings, h: Histories, chosen: Ints) -> Ints:
    """Positions in the axis of `data` of the customers at `chosen` in `h`."""
    return np.searchsorted(data.purchases.customers.astype(str), h.customers[chosen].astype(str)).astype(np.int64)
