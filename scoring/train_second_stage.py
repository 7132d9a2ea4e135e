"""Training of the second stage: windows before the cut, sampled pairs, calibration on the latest window, gate.

With cut T and horizon H the label windows are [T-H, T), [T-2H, T-H), ... (`scoring/stage_windows.py`). The gate is held
on the latest, with rankers that learned from the windows before it; their objectives, and the single source that they
must beat, were chosen on the one before. The calibrators learn from both. What goes into use is then fitted on all
windows. Nothing at or after T is ever read. Each window has its own item side, fitted before that window.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from features.errors import DataError
from features.interactions import Interactions
from models.gate import Verdict, passes
from models.ranker import Matrix, sample_negatives
from recommend.candidates import Sources, build_candidates
from recommend.catalogue import Catalogue
from recommend.dealings import Dealings, as_dealings
from recommend.fresh import find_fresh
from recommend.histories import bought_between, histories_before, is_in, take
from recommend.pair_features import pair_features
from scoring.learners import learning_customers
from scoring.recommender_params import Level, StageParams
from scoring.second_stage import SEGMENTS, SecondStage
from scoring.stage_calibration import fit_calibrators
from scoring.stage_gate import Frame, best_single, gate, with_single_scores
from scoring.stage_learning import (
    Lesson,
    Rankers,
    Trial,
    compare_objectives,
    fit_rankers,
    lesson_of,
    on_one_scale,
    rescale_raw,
    with_ranker,
)
from scoring.stage_sources import counts_at, fit_sources
from scoring.stage_windows import known_at, labels_of, window_starts

Say = Callable[[str], None]
TOGETHER = 5_000_000  # purchase days up to which two windows are built at once, as two take the memory of two


@dataclass(frozen=True)
class Trained:
    """The fitted stage, the two latest labelled windows, what the gate saw per segment, the single source that was to
    be beaten there, and what the objectives were worth."""

    stage: SecondStage
    latest: Frame | None
    verdicts: dict[str, list[Verdict]]
    notes: tuple[str, ...]
    earlier: Frame | None = None
    champions: Mapping[str, str] = field(default_factory=dict)
    trials: tuple[Trial, ...] = ()


def build_frame(
    data: Dealings,
    catalogue: Catalogue,
    cut: int,
    params: StageParams,
    share: float | None,
    customers: int | None = None,
) -> tuple[Frame, Matrix]:
    """The window whose history ends at `cut`, and the weights of its rows.

    With `share`, only that much of what was new and not bought is kept, and `ranker.negatives_repeat` of what was
    owned and not bought (features are computed for kept rows only), and only items with as many orders by then as any
    item of the catalogue has by now. `customers` is how many are sampled when there are more, by default
    `ranker.max_customers`.
    """
    every = histories_before(data, catalogue, cut)
    sources = fit_sources(data, catalogue, every, params)
    learners = learning_customers(every, data.tags.products, params.ranker, customers)
    h = take(every, learners)
    with threadpool_limits(limits=1, user_api="blas"):  # many small systems: threads would wait for each other
        found = build_candidates(h, sources)
    number = np.full(data.n_customers, -1, dtype=np.int64)
    number[learners] = np.arange(h.n)
    bought_by = data.purchases
    labels = bought_by.where(number[bought_by.customer] >= 0)
    truth = bought_between(labels, catalogue, *labels_of(cut, params))
    who, item = np.divmod(truth, len(catalogue))
    truth = number[who] * len(catalogue) + item
    bought = is_in(truth, found.customer * len(catalogue) + found.item)
    weight = np.ones(len(bought), dtype=np.float32)
    allowed = established(data, cut, find_fresh(every, catalogue, params.candidates, counts_at(data, cut)).offered)
    if share is not None:
        inside = np.flatnonzero(allowed[found.item])
        kept = np.where(found.owned[inside], max(share, params.ranker.negatives_repeat), share)
        rows, weight = sample_negatives(bought[inside], kept, params.ranker.seed + cut)
        found, bought = found.take(inside[rows]), bought[inside[rows]]
    x = pair_features(h, catalogue, sources.side, found.customer, found.item, found.scores)
    said = replace(found, scores={})  # what the sources say is in `x` now, at half the size
    return Frame(h, sources, said, x, bought, truth, allowed=allowed), weight


def established(data: Dealings, cut: int, offered: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
    """(n_items,) whether an item had as many orders before `cut` as the least bought of what was ever sold has by now,
    or is among `offered` (n_items,), those that were new at the cut and offered unsold.

    A catalogue of items with many orders by now knows of an earlier day which items would come up: to learn from
    those that had not yet would teach that rare items rise. What is new at a cut is offered whatever becomes of it.
    """
    by_now = data.purchases.baskets_per_product()
    least = by_now[by_now > 0].min() if by_now.any() else 0
    kept = np.asarray(data.purchases.before(cut).baskets_per_product() >= least)
    return kept if offered is None else kept | offered


def fit_second_stage(
    data: Dealings | Interactions, catalogue: Catalogue, cut: int, level: Level, params: StageParams, say: Say
) -> Trained:
    """Rankers, calibrators and gate before `cut`, and the item side at `cut`. `data` may reach beyond the cut.

    The product axis of `data` is the catalogue. Raises `DataError` when nothing was bought before the cut.
    """
    data = as_dealings(data).before(cut)
    if not len(data.purchases):
        raise DataError("no purchases before the cut; choose a later --as-of")
    windows = _build_windows(data, catalogue, cut, params, say)
    latest, earlier = windows.latest, windows.earlier
    trials: list[Trial] = []
    champions = {segment: best_single(earlier, segment) for segment in SEGMENTS}
    rankers: Rankers = {}
    if latest is not None:
        chosen: dict[str, str] = {}
        if earlier is not None:
            say("comparing objectives")
            lessons = windows.lessons_before(earlier, params)
            chosen, trials, earlier = compare_objectives(lessons, earlier, params.ranker, params.gate, params.threads)
        objectives = {segment: chosen.get(segment, params.ranker.objectives[0]) for segment in SEGMENTS}
        rankers = fit_rankers(windows.lessons_before(latest, params), objectives, params.ranker, params.threads)
        latest = with_ranker(latest, rankers, params.threads)
        say(f"{level.name}: {len(latest.bought):,} candidate pairs, {int(latest.bought.sum()):,} bought, in the window")
    verdicts = gate(latest, champions, rankers, params.gate) if latest is not None else {}
    modes = {s: "ranker" if passes(verdicts.get(s, [])) else champions[s] for s in SEGMENTS}
    frames = [f for f in (latest, earlier) if f is not None]
    scales = on_one_scale(rankers, frames)
    frames = [rescale_raw(f, scales) for f in frames]
    calibrators = fit_calibrators(level, frames, modes)
    if rankers:
        # what goes into use learns from the latest window too
        objectives = {segment: ranker.objective for segment, ranker in rankers.items()}
        rankers = fit_rankers(list(windows.lessons.values()), objectives, params.ranker, params.threads)
        rankers = {s: r.rescaled(*scales[s]) if s in scales else r for s, r in rankers.items()}
    stage = SecondStage(level, catalogue, windows.sources, rankers, modes, calibrators)
    notes = () if rankers else ("too few purchases before the cut for a ranker: a single source ranks",)
    latest, earlier = ([*frames, None, None])[:2]
    return Trained(stage, latest, verdicts, notes, earlier, champions, tuple(trials))


@dataclass(frozen=True)
class _Windows:
    """Samples of all windows by the day on which their history ends; with all pairs the latest window, and the latest
    of those that a ranker judged there may learn from; the item side at the cut."""

    lessons: dict[int, Lesson]
    latest: Frame | None
    earlier: Frame | None
    sources: Sources

    def lessons_before(self, judged: Frame, params: StageParams) -> list[Lesson]:
        """What a ranker judged on a window may learn from."""
        return [self.lessons[start] for start in known_at(list(self.lessons), judged.h.cut, params)]


def _build_windows(data: Dealings, catalogue: Catalogue, cut: int, params: StageParams, say: Say) -> _Windows:
    """Candidates and features of each window before `cut`, once, and the item side at the cut."""
    starts = window_starts(int(data.purchases.day.min()), cut, params)
    judged = starts[:1] + known_at(starts, starts[0], params)[:1] if starts else []

    def build(start: int) -> tuple[Lesson, Frame | None]:
        if start in judged:
            frame, _ = build_frame(data, catalogue, start, params, None, params.ranker.judged_customers)
            return lesson_of(frame, params.ranker), with_single_scores(frame)
        frame, weight = build_frame(data, catalogue, start, params, params.ranker.negatives)
        return Lesson(frame.x, frame.bought, weight, frame.found.owned, frame.found.customer), None

    def at_cut() -> Sources:
        return fit_sources(data, catalogue, histories_before(data, catalogue, cut), params)

    lessons: dict[int, Lesson] = {}
    whole: dict[int, Frame] = {}
    # windows know nothing of each other; factors learned outside come from an engine that is asked for one at a time
    few = len(data.purchases) <= TOGETHER and params.threads != 1 and params.outside is None
    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(2 if few else 1) as pool:
        coming = {start: pool.submit(build, start) for start in _light_between(starts, judged)}
        sources = pool.submit(at_cut)
        for number, (start, found) in enumerate(coming.items()):
            say(f"candidates and features of window {number + 1} of {len(starts)}")
            lessons[start], frame = found.result()
            if frame is not None:
                whole[start] = frame
        lessons = {start: lessons[start] for start in starts}
        frames = [whole.get(start) for start in judged] + [None, None]
        return _Windows(lessons, frames[0], frames[1], sources.result())


def _light_between(starts: list[int], judged: list[int]) -> list[int]:
    """The windows in an order in which those with all their pairs, which take most memory, are not built together."""
    light = [start for start in starts if start not in judged]
    out: list[int] = []
    for start in judged:
        out += [start, *light[:1]]
        light = light[1:]
    return out + light
