"""Days that differ: Chinese festivals, promotions, pay days and days off, as one factor on shopping per day.

The factor leaves weekdays out: persons carry weekday habits of their own. Dates of the lunar festivals are those of the
official Chinese calendar, 2024 to 2028.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from jobs.simulate.draws import Array, normal
from jobs.simulate.errors import WorldError
from jobs.simulate.model import Calendar, Catalogue

YEARS = range(2024, 2029)
# month and day of lunar festivals and of Qingming, one per year of YEARS
_MOVING = {
    "spring_festival": ((2, 10), (1, 29), (2, 17), (2, 6), (1, 26)),
    "lantern_festival": ((2, 24), (2, 12), (3, 3), (2, 20), (2, 9)),
    "qingming": ((4, 4), (4, 4), (4, 5), (4, 5), (4, 4)),
    "dragon_boat": ((6, 10), (5, 31), (6, 19), (6, 9), (5, 28)),
    "qixi": ((8, 10), (8, 29), (8, 19), (8, 8), (8, 26)),
    "mid_autumn": ((9, 17), (10, 6), (9, 25), (9, 15), (10, 3)),
}
_FIXED = {
    "new_year": (1, 1),
    "valentines_day": (2, 14),
    "womens_day": (3, 8),
    "labour_day": (5, 1),
    "childrens_day": (6, 1),
    "school_start": (9, 1),
    "national_day": (10, 1),
}
PROMOTIONS = {"618": (6, 18), "singles_day": (11, 11), "double_twelve": (12, 12)}
# event: (first day, last day, factor) around its date; several stretches may follow each other
_SHAPES: dict[str, tuple[tuple[int, int, float], ...]] = {
    "spring_festival": ((-24, -4, 1.35), (-3, -1, 0.8), (0, 6, 0.5), (7, 14, 0.85)),
    "qixi": ((-5, 0, 1.25),),
    "mid_autumn": ((-10, -1, 1.15),),
    "valentines_day": ((-4, 0, 1.15),),
    "womens_day": ((-3, 0, 1.35),),
    "mothers_day": ((-5, 0, 1.2),),
    "childrens_day": ((-4, 0, 1.15),),
    "labour_day": ((0, 4, 1.2),),
    "national_day": ((0, 6, 1.2),),
    "618": ((-17, -1, 1.12), (0, 0, 2.2), (1, 9, 0.8)),
    "singles_day": ((-10, -1, 1.1), (0, 0, 3.0), (1, 12, 0.72)),
    "double_twelve": ((-1, 0, 1.5), (1, 4, 0.88)),
}
# event: (first day, last day, category -> factor) on the category's share of demand
_CATEGORY_SHAPES: dict[str, tuple[int, int, dict[str, float]]] = {
    "spring_festival": (-24, -1, {"gift_food": 5.0, "snacks": 1.6, "women_outerwear": 1.4, "kids_clothing": 1.5}),
    "mid_autumn": (-14, -1, {"gift_food": 6.0}),
    "qixi": (-7, 0, {"jewellery": 3.5, "fragrance": 3.0, "bags": 1.8}),
    "valentines_day": (-6, 0, {"jewellery": 3.0, "fragrance": 3.0, "gift_food": 2.0}),
    "womens_day": (-4, 1, {"skincare": 1.8, "makeup": 2.0, "dresses": 1.5}),
    "mothers_day": (-6, 0, {"jewellery": 2.5, "skincare": 1.4, "home_medical": 2.0}),
    "childrens_day": (-6, 1, {"toys": 4.0, "kids_clothing": 1.8}),
    "school_start": (-18, 4, {"school_supplies": 4.0, "kids_shoes": 2.0, "office": 1.6}),
    "singles_day": (0, 0, {"skincare": 1.6, "small_appliances": 1.8, "household_paper": 1.5}),
    "618": (0, 0, {"small_appliances": 1.8, "household_paper": 1.4}),
}


@dataclass(frozen=True)
class CalendarParams:
    """The world's time."""

    end: date = date(2026, 7, 1)  # first day after the world
    future_days: int = 120  # days after the end for which decisions can still be played
    payday_lift: float = 0.12  # rise on a pay day and the day after
    festival_strength: float = 1.0  # exponent on the effects of festivals and promotions; 0 for none
    noise: float = 0.05  # spread of the day's own factor (weather and the like)

    def __post_init__(self) -> None:
        """Check ranges."""
        if not 28 <= self.future_days <= 400:
            raise ValueError(f"future_days must be in [28, 400], found {self.future_days}")
        for name, high in (("payday_lift", 2.0), ("festival_strength", 3.0), ("noise", 0.5)):
            if not 0 <= getattr(self, name) <= high:
                raise ValueError(f"{name} must be in [0, {high}], found {getattr(self, name)}")


def nth_sunday(year: int, month: int, nth: int) -> date:
    """The nth Sunday of a month.

    >>> nth_sunday(2026, 5, 2)
    datetime.date(2026, 5, 10)
    """
    first = date(year, month, 1)
    return first + timedelta((6 - first.weekday()) % 7 + 7 * (nth - 1))


def dated_events(year: int) -> Iterator[tuple[date, str, str]]:
    """(day, event, event kind) of one year, pay days and days off included."""
    for name, dates in _MOVING.items():
        yield date(year, *dates[year - YEARS.start]), name, "festival"
    for name, month_day in _FIXED.items():
        yield date(year, *month_day), name, "festival"
    for name, month_day in PROMOTIONS.items():
        yield date(year, *month_day), name, "promotion"
    yield nth_sunday(year, 5, 2), "mothers_day", "festival"
    yield nth_sunday(year, 6, 3), "fathers_day", "festival"
    for month in range(1, 13):
        for day in (10, 15, 25):
            yield date(year, month, day), "payday", "payday"
    spring = date(year, *_MOVING["spring_festival"][year - YEARS.start])
    for start, off in ((spring, range(-1, 7)), (date(year, 10, 1), range(7)), (date(year, 5, 1), range(5))):
        for d in off:
            yield start + timedelta(d), "day_off", "day_off"


def make_calendar(params: CalendarParams, seed: int, first_day: date, days: int) -> Calendar:
    """The calendar of `days` days from `first_day`; the factor averages 1 over the years it touches.

    Raises `WorldError` for years without a table.
    """
    last = first_day + timedelta(days - 1)
    if first_day.year not in YEARS or last.year not in YEARS:
        raise WorldError(f"the calendar knows {YEARS[0]} to {YEARS[-1]}; {first_day} to {last} asked")
    events = sorted({e for y in range(first_day.year, last.year + 1) for e in dated_events(y)})
    start = date(first_day.year, 1, 1)
    factor = np.ones((date(last.year, 12, 31) - start).days + 1)
    for day, event, kind in events:
        at = (day - start).days
        if kind == "payday":
            factor[at : at + 2] *= 1 + params.payday_lift
        for first, end, effect in _SHAPES.get(event, ()):
            factor[max(at + first, 0) : at + end + 1] *= effect**params.festival_strength
    ordinals = start.toordinal() + np.arange(len(factor))
    factor *= np.exp(params.noise * normal(seed, "calendar.day", ordinals))
    factor /= factor.mean()
    offset = (first_day - start).days
    stretch = [first_day + timedelta(i) for i in range(days)]
    return Calendar(
        first_day=first_day,
        factor=factor[offset : offset + days],
        weekday=np.array([d.weekday() for d in stretch], np.int8),
        month=np.array([d.month for d in stretch], np.int8),
        events=tuple(((d - first_day).days, e, k) for d, e, k in events if first_day <= d <= last),
    )


def category_factors(calendar: Calendar, catalogue: Catalogue) -> Array:
    """float32[D, C]: factor per day and category on demand, by season (months) and festival."""
    factors = catalogue.season[:, calendar.month - 1].T.astype(np.float32)
    column = {c: i for i, c in enumerate(catalogue.category)}
    last = calendar.first_day + timedelta(len(calendar.factor) - 1)
    years = [y for y in range(calendar.first_day.year - 1, last.year + 2) if y in YEARS]
    for day, event, _ in sorted({e for y in years for e in dated_events(y)}):
        if event not in _CATEGORY_SHAPES:
            continue
        first, end, shifts = _CATEGORY_SHAPES[event]
        at = (day - calendar.first_day).days
        for category, effect in shifts.items():
            if category in column:
                factors[max(at + first, 0) : max(at + end + 1, 0), column[category]] *= effect
    return factors
