"""The days before a cut at which training and tuning of both levels take histories: what is collected reaches there."""

from __future__ import annotations

from scoring.recommender_params import RecommenderParams
from scoring.stage_windows import tuning_starts, window_starts

EVER = -(10**6)  # a first day so early that no window is left out


def learned_days(params: RecommenderParams, horizon_days: int, cut: int) -> list[int]:
    """Days since 1970-01-01, earliest first, the last one being `cut`: ends of histories, as far back as there may be
    data."""
    (_, products), (_, categories) = (level(horizon_days, 1) for level in (params.products, params.category_level))
    days = {cut, *window_starts(cut + EVER, cut, products), *window_starts(cut + EVER, cut, categories)}
    if params.tuning.trials:
        days.update(tuning_starts(cut + EVER, cut, products, params.tuning.windows))
        days.update(tuning_starts(cut + EVER, cut, categories, 1))  # where the winners must not lose
    return sorted(days)


def view_history_days(params: RecommenderParams, horizon_days: int) -> int:
    """Days of views that training reads: those that count, before the earliest window of either level."""
    return params.view_days - learned_days(params, horizon_days, 0)[0]
