"""The static part of a world: calendar, catalogue, offers and its size. People are made block by block from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from jobs.simulate.calendar_days import category_factors, make_calendar
from jobs.simulate.campaigns import make_offers
from jobs.simulate.catalogue import make_catalogue
from jobs.simulate.draws import Array
from jobs.simulate.errors import WorldError
from jobs.simulate.life_events import shift_table
from jobs.simulate.model import Calendar, Catalogue, Offers
from jobs.simulate.params import WorldParams


@dataclass(frozen=True)
class World:
    """What all persons of a world share. `calendar` and launches reach `params.calendar.future_days` past the end."""

    seed: int
    params: WorldParams
    days: int  # days that are written, 0 to days - 1
    first_day: date
    calendar: Calendar
    catalogue: Catalogue
    offers: Offers
    n: int  # persons
    category_factor: Array  # float32[D, C]; season and festivals, per day and category
    event_shift: Array  # float32[events, days around, C]; see life_events.shift_table
    event_reach: Array  # bool[events, days around]; where event_shift differs from 1

    @property
    def horizon(self) -> int:
        """Days that can be lived: the written ones and those for which decisions are played."""
        return len(self.calendar.factor)

    @property
    def end(self) -> date:
        """First day after the written ones."""
        return self.first_day + timedelta(self.days)


def make_world(seed: int, customers: int, days: int, params: WorldParams, end: date | None = None) -> World:
    """A world of `customers` persons whose `days` days end before `end` (default `params.calendar.end`).

    Raises `WorldError` that lists every value out of range.
    """
    faults = [
        f"{name} must be in [{low}, {high}], found {value}"
        for name, value, low, high in (("customers", customers, 1, 20_000_000), ("days", days, 28, 1100))
        if not low <= value <= high
    ]
    if not 0 <= seed < 2**62:
        faults.append(f"seed must be in [0, 2**62), found {seed}")
    if faults:
        raise WorldError("\n".join(faults))
    first_day = (end or params.calendar.end) - timedelta(days)
    horizon = days + params.calendar.future_days
    calendar = make_calendar(params.calendar, seed, first_day, horizon)
    catalogue = make_catalogue(params.catalogue, seed, horizon)
    shift = shift_table(params.life_events, catalogue)
    return World(
        seed=seed,
        params=params,
        days=days,
        first_day=first_day,
        calendar=calendar,
        catalogue=catalogue,
        offers=make_offers(params, seed, days, catalogue),
        n=customers,
        category_factor=category_factors(calendar, catalogue),
        event_shift=shift,
        event_reach=(shift != 1).any(axis=2),
    )
