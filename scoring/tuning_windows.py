"""The windows on which settings are tuned, all before the one that calibration and gate use.

With cut T and horizon H the labels of the window [T-H, T) are left to calibration and gate, and nothing from the end
of its history on is read. Sources are judged on the earliest of the windows that the ranker learns from, so that what
their settings owe to a window tells the ranker little; the ranker on the latest of them, from as many windows before
each as it will learn from in the end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from models.search_space import Params
from recommend.dealings import Dealings
from recommend.histories import Histories, Ints, is_in
from scoring.recommender_params import StageParams
from scoring.stage_gate import own_keys
from scoring.stage_windows import known_at, tuning_starts


@dataclass(frozen=True)
class Plan:
    """Ends of histories, earliest first: of the windows that sources are judged on, of those that the ranker is judged
    on, and per such window of those that it learns from. `gate` is that of the window which nothing here reads."""

    gate: int
    sources: tuple[int, ...]
    ranker: tuple[int, ...]
    learned: tuple[tuple[int, ...], ...]

    @property
    def days(self) -> list[int]:
        """Of all windows whose pairs the ranker needs."""
        return sorted({*self.ranker, *(day for days in self.learned for day in days)})


def plan_windows(data: Dealings, cut: int, params: StageParams, windows: int) -> Plan | None:
    """The windows of tuning before `cut`; None when the history is too short for one and a window to learn from."""
    count = params.ranker.windows
    bought = data.purchases.before(cut)
    if not len(bought):
        return None
    starts = tuning_starts(int(bought.day.min()), cut, params, windows)
    known = known_at(starts, starts[0], params) if starts else []
    learned = {day: tuple(known_at(starts, day, params)[:count]) for day in known[:windows]}
    judged = sorted(day for day, days in learned.items() if days)
    if not judged:
        return None
    sources = sorted(known[:count][-windows:])
    return Plan(starts[0], tuple(sources), tuple(judged), tuple(learned[day] for day in judged))


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
