"""Slots whose filler is computed per post: dates, weeks and ages as people write them.

Dates come without a year, so a year of 365 days is enough.
"""

from __future__ import annotations

import numpy as np

from jobs.simulate.draws import Array

_LENGTHS = np.array((31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31))
_STARTS = np.concatenate([[0], np.cumsum(_LENGTHS)])
_MONTH = np.repeat(np.arange(12), _LENGTHS)  # month (from 0) per day of the year
_DAY = np.concatenate([np.arange(1, n + 1) for n in _LENGTHS])
_HAN = ("一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二")
_MOST_DAYS = 400
_MOST_AGE = 730
_NEAR = ("今天", "明天", "后天", "过几天", "月底", "这个月", "下个月", "下下个月")


def _age(days: int) -> str:
    if 28 <= days <= 33:
        return "满月"
    if 97 <= days <= 103:
        return "百天"
    if days < 60:
        return f"{max(days, 1)}天"
    if 360 <= days <= 372:
        return "一周岁"
    return f"{round(days / 30.4)}个月" if days < 540 else "一岁半多"


# slot: its fillers, in the order of the index that `date_slots` gives
FILLERS: dict[str, tuple[str, ...]] = {
    "e_month": tuple(f"{m}月" for m in range(1, 13)),
    "e_month_han": tuple(f"{m}月" for m in _HAN),
    "e_date": tuple(f"{m + 1}月{d}{'号' if d % 3 else '日'}" for m, d in zip(_MONTH, _DAY, strict=True)),
    "e_date_dot": tuple(f"{m + 1}.{d}" for m, d in zip(_MONTH, _DAY, strict=True)),
    "e_days": tuple(str(d) for d in range(_MOST_DAYS + 1)),
    "e_weeks": tuple(str(max(d // 7, 1)) for d in range(_MOST_DAYS + 1)),
    "e_rel": (*(f"{m}月" for m in range(1, 13)), *(f"明年{m}月" for m in range(1, 13)), *_NEAR),
    "gest_week": tuple(str(min(max(40 - d // 7, 5), 40)) for d in range(_MOST_DAYS + 1)),
    "baby_age": tuple(_age(d) for d in range(_MOST_AGE + 1)),
}
NAMES = tuple(FILLERS)


def date_slots(month: Array, day: Array, days_to_event: Array) -> Array:
    """int32[len(NAMES), n]: index into FILLERS of each slot, for posts written on `month` (1 to 12) and `day`."""
    today = _STARTS[month - 1] + np.minimum(day, _LENGTHS[month - 1]) - 1
    then = (today + days_to_event) % 365
    ahead = np.clip(days_to_event, 0, _MOST_DAYS)
    at = {
        "e_month": _MONTH[then],
        "e_month_han": _MONTH[then],
        "e_date": then,
        "e_date_dot": then,
        "e_days": ahead,
        "e_weeks": ahead,
        "e_rel": _relative(month - 1, _MONTH[then], _DAY[then], days_to_event),
        "gest_week": ahead,
        "baby_age": np.clip(-days_to_event, 0, _MOST_AGE),
    }
    return np.stack([at[name] for name in NAMES]).astype(np.int32)


def _relative(month: Array, event_month: Array, event_day: Array, days: Array) -> Array:
    """Index into the fillers of `e_rel`: the nearest way of saying when."""
    apart = (event_month - month) % 12
    first = 24  # of the nearest, after the months of this year and of the next
    return np.select(
        [
            days <= 0,
            days == 1,
            days == 2,
            days <= 6,
            (apart == 0) & (days < 31) & (event_day >= 25),
            (apart == 0) & (days < 31),
            (apart == 1) & (days < 62),
            (apart == 2) & (days < 93),
            days > 300,
        ],
        [*range(first, first + len(_NEAR)), 12 + event_month],
        event_month,
    )
