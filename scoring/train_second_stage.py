"""Training of the second stage: windows before the cut, sampled pairs, calibration on the latest window, gate.

With cut T and horizon H: the ranker learns from label windows [T-2H, T-H), [T-3H, T-2H), ...; the calibrators and the
gate use [T-H, T), which is later than all of them; nothing at or after T is ever read. Each window has its own item
side, fitted before that window.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from features.errors import DataError
from features.interactions import Interactions
from models.als import fit_als
from models.calibration import Calibrator, fit_calibrator
from models.ease import fit_ease
from models.gate import Verdict, passes
from models.ranker import Matrix, Ranker, fit_ranker, sample_negatives
from models.recommender_params import RankerParams
from recommend.candidates import FoldInParams, Sources, build_candidates, taste_matrix
from recommend.catalogue import Catalogue
from recommend.dealings import Dealings, as_dealings
from recommend.fresh import fill_factors, find_fresh, similar_stand_ins
from recommend.histories import Histories, Ints, bought_between, histories_before, is_in, take
from recommend.item_side import fit_item_side
from recommend.pair_features import FEATURES, pair_features
from recommend.sources.context import Context
from recommend.sources.registry import fit_parts
from scoring.recommender_params import Level, StageParams
from scoring.second_stage import (
    MODES,
    SEGMENTS,
    Scored,
    SecondStage,
    kinds_of,
    n_kinds,
    segment_of,
)
from scoring.stage_gate import Frame, gate, top_rows, with_raw_scores

Say = Callable[[str], None]
CALIBRATION_DEPTH = 30  # rows per customer and segment, best first, that calibrators are fitted on
KIND_POSITIVES = 20  # bought pairs, seen or expected, from which a kind has a calibrator of its own


@dataclass(frozen=True)
class Trained:
    """The fitted stage, the latest labelled window, and what the gate saw per segment."""

    stage: SecondStage
    latest: Frame | None
    verdicts: dict[str, list[Verdict]]
    notes: tuple[str, ...]


def fit_sources(data: Dealings, catalogue: Catalogue, h: Histories, params: StageParams) -> Sources:
    """Item side at the cut of `h`, from the histories of all customers; `data` has the catalogue's product axis."""
    fold = FoldInParams(
        params.als.alpha,
        params.als.regularization,
        params.als.half_life_days,
        params.als.weight,
        params.als.cap,
        params.als.bias,
    )
    taste = taste_matrix(h, fold)
    # rare items teach the factors little and cost as much as the others; theirs stay zero, which folds in as absent
    kept = np.flatnonzero(np.bincount(taste.indices, minlength=h.n_items) >= params.candidates.min_customers)
    factors = np.zeros((h.n_items, params.als.columns), dtype=np.float32)
    if len(kept):
        als = replace(params.als, threads=params.threads)
        factors[kept] = fit_als(taste[:, kept].tocsr(), catalogue.items[kept], als).item_factors
    ease = fit_ease(data.purchases.before(h.cut), h.cut, params.ease)
    fresh = find_fresh(h, catalogue, params.candidates)
    factors = fill_factors(factors, kept, h, catalogue, fresh)
    parts = fit_parts(h, catalogue, params.candidates, Context(data.tags.products, data.rules))
    parts |= similar_stand_ins(ease.kept, h, catalogue, fresh)
    true_counts = data.counts.get(h.cut)
    side = fit_item_side(h, factors, ease.kept, ease.weights, params.candidates, parts, fresh.offered, true_counts)
    return Sources.of(side, catalogue, params.candidates, fold)


def build_frame(
    data: Dealings, catalogue: Catalogue, cut: int, params: StageParams, share: float | None
) -> tuple[Frame, Matrix]:
    """The window that starts at `cut`, and the weights of its rows; with `share`, only that much of what was not
    bought is kept (features are computed for kept rows only)."""
    every = histories_before(data, catalogue, cut)
    sources = fit_sources(data, catalogue, every, params)
    learners = _customers(every, params.ranker)
    h = take(every, learners)
    with threadpool_limits(limits=1, user_api="blas"):  # many small systems: threads would wait for each other
        found = build_candidates(h, sources)
    number = np.full(data.n_customers, -1, dtype=np.int64)
    number[learners] = np.arange(h.n)
    bought_by = data.purchases
    labels = bought_by.where(number[bought_by.customer] >= 0)
    truth = bought_between(labels, catalogue, cut, cut + params.horizon_days)
    who, item = np.divmod(truth, len(catalogue))
    truth = number[who] * len(catalogue) + item
    bought = is_in(truth, found.customer * len(catalogue) + found.item)
    weight = np.ones(len(bought), dtype=np.float32)
    if share is not None:
        rows, weight = sample_negatives(bought, share, params.ranker.seed + cut)
        found, bought = found.take(rows), bought[rows]
    x = pair_features(h, catalogue, sources.side, found.customer, found.item, found.scores)
    return Frame(h, sources, found, x, bought, truth), weight


def fit_second_stage(
    data: Dealings | Interactions, catalogue: Catalogue, cut: int, level: Level, params: StageParams, say: Say
) -> Trained:
    """Ranker, calibrators and gate before `cut`, and the item side at `cut`. `data` may reach beyond the cut.

    The product axis of `data` is the catalogue. Raises `DataError` when nothing was bought before the cut.
    """
    data = as_dealings(data).before(cut)
    if not len(data.purchases):
        raise DataError("no purchases before the cut; choose a later --as-of")
    starts = _window_starts(int(data.purchases.day.min()), cut, params)
    ranker = _fit_on_windows(data, catalogue, starts[1:], params, say)
    latest = None
    if starts:
        latest, _ = build_frame(data, catalogue, starts[0], params, None)
        latest = with_raw_scores(latest, ranker, params.threads)
        say(f"{level.name}: {len(latest.bought):,} candidate pairs, {int(latest.bought.sum()):,} bought, in the window")
    verdicts = gate(latest, params.gate) if latest is not None and ranker is not None else {}
    modes = {s: MODES[int(passes(verdicts.get(s, [])))] for s in SEGMENTS}
    calibrators = fit_calibrators(level, latest, modes)
    every = histories_before(data, catalogue, cut)
    stage = SecondStage(level, catalogue, fit_sources(data, catalogue, every, params), ranker, modes, calibrators)
    notes = () if ranker is not None else ("too few purchases before the cut for a ranker: the heuristic stays",)
    return Trained(stage, latest, verdicts, notes)


def _window_starts(first_day: int, cut: int, params: StageParams) -> list[int]:
    """First days of the windows that have at least one horizon of history before them, latest first."""
    wanted = [cut - params.horizon_days * (j + 1) for j in range(params.ranker.windows + 1)]
    return [start for start in wanted if start - first_day >= params.horizon_days]


def _fit_on_windows(
    data: Dealings, catalogue: Catalogue, starts: list[int], params: StageParams, say: Say
) -> Ranker | None:
    """The ranker over the windows that begin at `starts`; None when there are none."""
    xs, ys, ws = [], [], []
    for number, start in enumerate(starts, start=1):
        say(f"candidates and features of window {number} of {len(starts)}")
        frame, weight = build_frame(data, catalogue, start, params, params.ranker.negatives)
        xs.append(frame.x)
        ys.append(frame.bought)
        ws.append(weight)
    if not xs:
        return None
    say(f"learning from {sum(map(len, ys)):,} pairs of {len(starts)} windows")
    x, y, w = np.concatenate(xs), np.concatenate(ys), np.concatenate(ws)
    return fit_ranker(x, y, w, FEATURES, params.ranker, params.threads)


def fit_calibrators(level: Level, latest: Frame | None, modes: dict[str, str]) -> dict[str, Calibrator]:
    """A calibrator per kind for the mode of its segment, on each customer's best rows in the latest window.

    A kind with few purchases shares the calibrator of its segment; with no window at all p_buy is a low constant.
    """
    out: dict[str, Calibrator] = {}
    for segment in SEGMENTS:
        mode = modes[segment]
        kinds = [k for k in range(n_kinds(level)) if segment_of(level, k) == segment]
        if latest is None:
            out |= {f"{mode}.{k}": Calibrator("constant", y=(0.01,)) for k in kinds}
            continue
        inside = np.flatnonzero(latest.found.owned == (segment == "repeat"))
        found, x, bought = latest.found.take(inside), latest.x[inside], latest.bought[inside]
        raw = latest.raw[mode][inside]
        best = top_rows(found.customer, found.item, raw, CALIBRATION_DEPTH)
        raw, bought, kind = raw[best], bought[best].astype(np.float64), kinds_of(level, found, x)[best]
        shared = fit_calibrator(raw, bought) if len(raw) else Calibrator("constant", y=(0.01,))
        for k in kinds:
            own, seen = raw[kind == k], bought[kind == k]
            # many rows of which nothing was bought say as much as a few that were
            enough = max(seen.sum(), shared.apply(own).sum()) >= KIND_POSITIVES
            out[f"{mode}.{k}"] = fit_calibrator(own, seen) if enough else shared
    return out


def rescored(stage: SecondStage, frame: Frame) -> Scored:
    """The pairs of `frame` scored by `stage` (its ranker, modes and calibrators)."""
    kind = kinds_of(stage.level, frame.found, frame.x)
    raw, p = np.zeros(len(kind)), np.zeros(len(kind))
    for segment in SEGMENTS:
        rows = frame.found.owned == (segment == "repeat")
        raw[rows] = frame.raw[stage.modes[segment]][rows]
        for k in np.unique(kind[rows]):
            at = rows & (kind == k)
            p[at] = stage.calibrators[f"{stage.modes[segment]}.{k}"].apply(raw[at])
    return Scored(frame.found, frame.x, raw, kind, np.round(p, 6))


def _customers(h: Histories, params: RankerParams) -> Ints:
    """Positions of the customers with a history to learn from, a fixed sample when there are many."""
    known = np.unique(h.customer)
    if len(known) <= params.max_customers:
        return known
    # a hash of the id, not of the position: who is in the sample does not depend on who else is a customer
    mixed = [zlib.crc32(f"{params.seed}|{h.customers[i]}".encode()) for i in known]
    return np.sort(known[np.argsort(mixed, kind="stable")[: params.max_customers]])
