"""Rankers of the two segments: what they learn from, which objective each takes, and what they are worth before a cut.

The objectives are compared on the last window but one, by rankers that learned from the windows before it; the latest
window is left to the gate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from models.calibration import fit_calibrator
from models.gate import GateParams, Verdict, compare, passes
from models.ranker import PARTS, Matrix, Ranker, fit_ranker, mean_chance, sample_negatives
from models.recommender_params import OBJECTIVES, RankerParams
from recommend.histories import Ints
from recommend.pair_features import FEATURES
from scoring.second_stage import SEGMENTS
from scoring.stage_gate import Frame, segment_metrics, top_rows

Rankers = dict[str, Ranker]
Values = Mapping[str, NDArray[np.float64]]
EDGE = 1e-12  # scores of exactly 0 and 1 have no finite log odds
SCALE_DEPTH = 30  # rows per customer and segment, best first, on which scores are brought to one scale


@dataclass(frozen=True)
class Lesson:
    """Sampled pairs of one window: features, whether bought, weights that undo the sampling, whether she owned the
    item, and whose list each is of."""

    x: Matrix
    bought: NDArray[np.bool_]
    weight: Matrix
    owned: NDArray[np.bool_]
    customer: Ints


@dataclass(frozen=True)
class Trial:
    """What one objective was worth in a segment on the window it was compared on, and whether it was taken."""

    segment: str
    objective: str
    recall: float
    ndcg: float
    taken: bool


def shares(owned: NDArray[np.bool_], params: RankerParams) -> NDArray[np.float64]:
    """(n,) share of the pairs not bought that is learned from."""
    return np.where(owned, params.negatives_repeat, params.negatives)


def lesson_of(frame: Frame, params: RankerParams) -> Lesson:
    """A sample of the pairs of a complete frame whose items are `allowed`."""
    item = frame.found.item
    inside = np.arange(len(item)) if frame.allowed is None else np.flatnonzero(frame.allowed[item])
    owned = frame.found.owned[inside]
    rows, weight = sample_negatives(frame.bought[inside], shares(owned, params), params.seed + frame.h.cut)
    rows = inside[rows]
    return Lesson(frame.x[rows], frame.bought[rows], weight, frame.found.owned[rows], frame.found.customer[rows])


def fit_rankers(
    lessons: Sequence[Lesson], objectives: Mapping[str, str], params: RankerParams, threads: int
) -> Rankers:
    """A ranker per segment with the objective named; segments with too few purchases are left out."""
    out = {}
    for segment, objective in objectives.items():
        ranker = fit_segment(lessons, segment, objective, params, threads)
        if ranker is not None:
            out[segment] = ranker
    return out


def fit_segment(
    lessons: Sequence[Lesson], segment: str, objective: str, params: RankerParams, threads: int
) -> Ranker | None:
    """The ranker of one segment; None when there is too little to learn from."""
    if not lessons:
        return None
    chosen = [np.flatnonzero(lesson.owned == (segment == "repeat")) for lesson in lessons]
    # filled in place: parts and their whole would be the matrix twice
    x = np.empty((sum(map(len, chosen)), len(FEATURES)), dtype=np.float32)
    ys, ws, queries, first, lists = [], [], [], 0, 0
    for lesson, rows in zip(lessons, chosen, strict=True):
        np.take(lesson.x, rows, axis=0, out=x[first : first + len(rows)], mode="clip")  # "raise" would copy
        first += len(rows)
        ys.append(lesson.bought[rows])
        ws.append(lesson.weight[rows])
        queries.append(lesson.customer[rows] + lists)  # a list is a customer in a window
        lists += int(lesson.customer.max(initial=0)) + 1
    y, w, query = np.concatenate(ys), np.concatenate(ws), np.concatenate(queries)
    return fit_ranker(x, y, w, FEATURES, params, threads, objective, query)


def compare_objectives(
    lessons: Sequence[Lesson], judged: Frame, params: RankerParams, gate: GateParams, threads: int
) -> tuple[dict[str, str], list[Trial], Frame]:
    """The objective per segment that goes on, what each was worth on the window `judged`, later than all `lessons`,
    and `judged` with the scores of those that go on.

    The first objective of the settings stays unless another beats it there by interval, as at the gate: their
    differences are small, and what is best on one window by chance is not on the next.
    """
    best: dict[str, str] = {}
    trials: list[Trial] = []
    chosen = np.full(len(judged.bought), np.nan)
    for segment in SEGMENTS:
        scores = _objective_scores(lessons, judged, segment, params, threads)
        worth = {name: segment_metrics(_scored(judged, raw), segment, "ranker") for name, raw in scores.items()}
        taken = next(iter(worth), None)
        for name, values in worth.items():
            if taken is not None and name != taken and passes(_against(worth[taken], values, judged.h.n, gate)):
                taken = name
        for name, values in worth.items():
            trials.append(Trial(segment, name, _mean(values["recall"]), _mean(values["ndcg"]), name == taken))
        if taken is not None:
            best[segment] = taken
            chosen = np.where(np.isnan(chosen), scores[taken], chosen)
    return best, trials, _scored(judged, chosen)


def _objective_scores(
    lessons: Sequence[Lesson], judged: Frame, segment: str, params: RankerParams, threads: int
) -> dict[str, NDArray[np.float64]]:
    """Scores (n_pairs,) of the segment's pairs per objective of the settings, in their order, nan elsewhere; each part
    of an objective is fitted and asked once."""
    names = {part for objective in params.objectives for part in PARTS[objective]}
    widest = next(objective for objective in OBJECTIVES if set(PARTS[objective]) == names)
    ranker = fit_segment(lessons, segment, widest, params, threads)
    if ranker is None:
        return {}
    inside = judged.found.owned == (segment == "repeat")
    odds = ranker.log_odds(judged.x[inside], FEATURES, threads)
    out = {}
    for objective in params.objectives:
        out[objective] = np.full(len(judged.bought), np.nan)
        out[objective][inside] = mean_chance({name: odds[name] for name in PARTS[objective]})
    return out


def _against(old: Values, new: Values, n: int, params: GateParams) -> list[Verdict]:
    return compare({m: [v] for m, v in old.items()}, {m: [v] for m, v in new.items()}, [np.arange(n)], params)


def _mean(values: NDArray[np.float64]) -> float:
    known = np.isfinite(values)
    return float(values[known].mean()) if known.any() else 0.0


def with_ranker(frame: Frame, rankers: Rankers, threads: int) -> Frame:
    """`frame` with the scores of `rankers` in `raw`, nan in segments without one."""
    score = np.full(len(frame.bought), np.nan)
    for segment, ranker in rankers.items():
        inside = frame.found.owned == (segment == "repeat")
        score[inside] = ranker.predict(frame.x[inside], FEATURES, threads)
    return _scored(frame, score)


def _scored(frame: Frame, score: NDArray[np.float64]) -> Frame:
    return replace(frame, raw={**frame.raw, "ranker": score})


def on_one_scale(rankers: Rankers, frames: Sequence[Frame]) -> dict[str, tuple[float, float]]:
    """Slope and intercept per segment that bring the log odds of `raw["ranker"]` in later windows to what was bought
    there (Platt), so that what she bought before and what is new to her can stand in one list."""
    out = {}
    for segment in rankers:
        parts = []
        for frame in (f for f in frames if "ranker" in f.raw):
            inside = (frame.found.owned == (segment == "repeat")) & np.isfinite(frame.raw["ranker"])
            inside = np.flatnonzero(inside)
            raw = frame.raw["ranker"][inside]
            best = top_rows(frame.found.customer[inside], frame.found.item[inside], raw, SCALE_DEPTH)
            parts.append((raw[best], frame.bought[inside[best]].astype(np.float64)))
        raw, bought = (np.concatenate(column) for column in zip(*parts, strict=True)) if parts else (np.empty(0),) * 2
        if len(raw) and bought.any():
            platt = fit_calibrator(raw, bought, method="sigmoid")
            if platt.method == "sigmoid" and platt.slope > 0:
                out[segment] = (platt.slope, platt.intercept)
    return out


def rescale_raw(frame: Frame, scales: Mapping[str, tuple[float, float]]) -> Frame:
    """`frame` with `raw["ranker"]` on the scales of `on_one_scale`."""
    if "ranker" not in frame.raw:
        return frame
    score = frame.raw["ranker"].copy()
    for segment, (slope, intercept) in scales.items():
        inside = frame.found.owned == (segment == "repeat")
        odds = logit(np.clip(score[inside], EDGE, 1.0 - EDGE))
        score[inside] = expit(slope * odds + intercept)
    return _scored(frame, score)
