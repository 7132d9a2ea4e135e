"""From scores to P(bought within the horizon as things stand): a calibrator per kind, learned on the latest windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from models.calibration import Calibrator, fit_calibrator
from recommend.histories import Floats, Ints
from scoring.presence import calibrated, presence_calibrators, regular_rows
from scoring.recommender_params import Level
from scoring.second_stage import SEGMENTS, Scored, SecondStage, kinds_of, n_kinds, presence_of, segment_of
from scoring.stage_gate import Frame, top_rows

CALIBRATION_DEPTH = 30  # rows per customer and segment, best first, that calibrators are fitted on
SHARED_POSITIVES = 100.0  # purchases of the other kinds of its segment that stand beside a kind's own
NOTHING_KNOWN = Calibrator("constant", y=(0.01,))


def fit_calibrators(level: Level, frames: Sequence[Frame], modes: Mapping[str, str]) -> dict[str, Calibrator]:
    """A calibrator per kind for the mode of its segment, on each customer's best rows in the windows of `frames`.

    A kind learns from its own rows and, with little weight, from those of the other kinds of its segment, which decide
    where it has few purchases. Customers who are new, or as long away, have calibrators of their own
    (`scoring/presence.py`). With no window at all p_buy is a low constant.
    """
    out: dict[str, Calibrator] = {}
    for segment in SEGMENTS:
        mode = modes[segment]
        kinds = [k for k in range(n_kinds(level)) if segment_of(level, k) == segment]
        parts = [_best_rows(level, frame, segment, mode) for frame in frames if mode in frame.raw]
        raw, bought, kind, present = (
            (np.concatenate(column) for column in zip(*parts, strict=True)) if parts else _no_rows()
        )
        known = regular_rows(present)
        for k in kinds:
            out[f"{mode}.{k}"] = _of_kind(raw[known], bought[known], kind[known] == k)
        out |= presence_calibrators(out, [f"{mode}.{k}" for k in kinds], raw, bought, kind - min(kinds), present)
    return out


def _of_kind(raw: Floats, bought: Floats, own: Ints) -> Calibrator:
    """The calibrator of the rows where `own` holds, among those of the whole segment."""
    if not len(raw):
        return NOTHING_KNOWN
    others = float(bought[~own].sum())
    lent = min(1.0, SHARED_POSITIVES / others) if others > 0 else 1.0
    return fit_calibrator(raw, bought, np.where(own, 1.0, lent))


def _best_rows(level: Level, frame: Frame, segment: str, mode: str) -> tuple[Floats, Floats, Ints, Ints]:
    """Score, whether bought, and kind of each customer's best rows, and how present she is."""
    inside = np.flatnonzero((frame.found.owned == (segment == "repeat")) & np.isfinite(frame.raw[mode]))
    customer, item = frame.found.customer[inside], frame.found.item[inside]
    rows = inside[top_rows(customer, item, frame.raw[mode][inside], CALIBRATION_DEPTH)]
    kind = kinds_of(level, frame.found.take(rows), frame.x[rows])
    return frame.raw[mode][rows], frame.bought[rows].astype(np.float64), kind, presence_of(frame.x[rows])


def _no_rows() -> tuple[Floats, Floats, Ints, Ints]:
    none = np.empty(0, dtype=np.int64)
    return np.empty(0), np.empty(0), none, none


def rescored(stage: SecondStage, frame: Frame) -> Scored:
    """The pairs of `frame` scored by `stage` (its modes and calibrators, and the scores of `frame.raw`)."""
    kind, present = kinds_of(stage.level, frame.found, frame.x), presence_of(frame.x)
    raw, p = np.zeros(len(kind)), np.zeros(len(kind))
    for segment in SEGMENTS:
        rows = frame.found.owned == (segment == "repeat")
        raw[rows] = frame.raw[stage.modes[segment]][rows]
        for k in np.unique(kind[rows]):
            at = rows & (kind == k)
            p[at] = calibrated(stage.calibrators, f"{stage.modes[segment]}.{k}", raw[at], present[at])
    return Scored(frame.found, frame.x, raw, kind, np.round(p, 6))
