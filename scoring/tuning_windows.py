"""The windows on which settings are tuned, all before the one that calibration and gate use.

With cut T and horizon H the window [T-H, T) is left to calibration and gate. Sources are judged on the earliest of the
windows that the ranker learns from, so that what their settings owe to a window tells the ranker little; the ranker on
the latest of them, from as many windows before each as it will learn from in the end. Nothing at or after T-H is read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from models.search_space import Params
from recommend.dealings import Dealings
from recommend.histories import Histories, Ints, is_in
from scoring.recommender_params import StageParams
from scoring.stage_gate import own_keys
from scoring.train_second_stage import _window_starts as window_starts


@dataclass(frozen=True)
class Plan:
    """First days of windows, earliest first: those that sources are judged on, those that the ranker is judged on, and
    per such window those that it learns from. `gate` begins the window that nothing here reads."""

    gate: int
    sources: tuple[int, ...]
    ranker: tuple[int, ...]
    learned: tuple[tuple[int, ...], ...]


def plan_windows(data: Dealings, cut: int, params: StageParams, windows: int) -> Plan | None:
    """The windows of tuning before `cut`; None when the history is too short for one and a window to learn from."""
    count = params.ranker.windows
    longer = replace(params, ranker=replace(params.ranker, windows=count + windows))
    bought = data.purchases.before(cut)
    if not len(bought):
        return None
    starts = window_starts(int(bought.day.min()), cut, longer)
    if len(starts) < 3:
        return None
    usual = starts[1 : 1 + count]
    judged = [s for j, s in enumerate(starts[1:], start=1) if j <= windows and starts[j + 1 :]][::-1]
    learned = [tuple(s for s in starts if s < day)[:count] for day in judged]
    return Plan(starts[0], tuple(sorted(usual[-windows:])), tuple(judged), tuple(learned))


def with_section(params: StageParams, section: str, changed: Params) -> StageParams:
    """`params` with values of one section replaced."""
    return replace(params, **{section: replace(getattr(params, section), **changed)})


def new_ones(h: Histories, truth: Ints) -> Ints:
    """Keys of `truth` that the customers had not bought before."""
    return truth[~is_in(own_keys(h), truth)]


def served_customers(customers: Ints, truth: Ints, n_items: int) -> Ints:
    """Those of the sorted `customers` who have a truth."""
    return np.intersect1d(customers, np.unique(truth // max(n_items, 1)))


def renumbered(truth: Ints, chosen: Ints, h: Histories) -> Ints:
    """Keys of the customers at the sorted positions `chosen`, numbered by their places in it."""
    who, item = np.divmod(truth, max(h.n_items, 1))
    inside = np.isin(who, chosen)
    return np.searchsorted(chosen, who[inside]).astype(np.int64) * h.n_items + item[inside]
