"""The label windows before a cut.

With cut T, horizon H, embargo E and step S (by default H): histories end at T-E-H, T-E-H-S, ... and the labels of each
are the H days that begin E days later, so the latest labels end where the cut is. A ranker that is judged on a window
learns from windows whose labels end before the judged window's history does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from scoring.recommender_params import StageParams


def window_starts(first_day: int, cut: int, params: StageParams) -> list[int]:
    """Days on which the histories of the windows end, latest first: those that have at least one horizon of history.

    At most `ranker.windows` and the latest one.
    """
    horizon, ranker = params.horizon_days, params.ranker
    step = ranker.step_days or horizon
    latest = cut - ranker.embargo_days - horizon
    wanted = [latest - step * j for j in range(ranker.windows + 1)]
    return [start for start in wanted if start - first_day >= horizon]


def tuning_starts(first_day: int, cut: int, params: StageParams, windows: int) -> list[int]:
    """Days on which the histories of tuning's windows end, latest first: the latest one, which calibration and gate
    use, `windows` whose labels end before its history does, and as many before each as its ranker learns from."""
    ranker = params.ranker
    apart = -(-(params.horizon_days + ranker.embargo_days) // (ranker.step_days or params.horizon_days))
    more = 2 * apart + windows - 2
    return window_starts(first_day, cut, replace(params, ranker=replace(ranker, windows=ranker.windows + more)))


def labels_of(start: int, params: StageParams) -> tuple[int, int]:
    """First label day of the window whose history ends at `start`, and the day after the last."""
    first = start + params.ranker.embargo_days
    return first, first + params.horizon_days


def known_at(starts: Sequence[int], judged: int, params: StageParams) -> list[int]:
    """The windows that a ranker judged on the window `judged` may learn from."""
    return [start for start in starts if labels_of(start, params)[1] <= judged]
