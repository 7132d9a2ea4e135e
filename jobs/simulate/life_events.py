"""Life events: who has which when, and how each moves demand before and after.

An event lifts a few categories. The lift is on the larger of her own and the population's demand, so that it also
moves categories she never bought in. Some events follow each other (pregnant, baby_due, baby_born).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from jobs.simulate.draws import Array, choose, normal, uniform
from jobs.simulate.model import Catalogue, People

if TYPE_CHECKING:
    from jobs.simulate.world import World

EVENTS = (
    "pregnant",
    "baby_due",
    "baby_born",
    "wedding",
    "engaged",
    "move",
    "new_home_decoration",
    "new_job",
    "graduation",
    "new_pet",
    "diet",
    "fitness",
    "travel",
    "illness_recovery",
    "retirement",
    "new_car",
    "child_starts_school",
)
SLOTS = 3  # events of a person at most
BEFORE, AFTER = 120, 300  # days around an event on which it can act
LOOK_BACK = 240  # events begin up to so many days before day 0

# event: stretches of (first day, last day, category -> factor at the height)
_BABY = {"diapers": 9.0, "infant_formula": 8.0, "baby_care": 9.0}
SHIFTS: dict[str, tuple[tuple[int, int, dict[str, float]], ...]] = {
    "pregnant": ((-20, 160, {"maternity": 12.0, "vitamins": 4.0, "skincare": 1.5, "baby_gear": 4.0}),),
    "baby_due": ((-60, 45, {"baby_gear": 12.0, "diapers": 6.0, "baby_care": 6.0, "maternity": 5.0}),),
    "baby_born": ((-10, 300, _BABY), (0, 60, {"baby_gear": 6.0})),
    "wedding": (
        (-60, 3, {"wedding_supplies": 12.0, "jewellery": 6.0, "dresses": 3.0, "gift_food": 5.0}),
        (3, 40, {"luggage": 5.0, "bedding": 4.0}),
    ),
    "engaged": ((-20, 60, {"jewellery": 9.0, "wedding_supplies": 6.0, "fragrance": 4.0}),),
    "move": ((-20, 45, {"furniture": 10.0, "bedding": 6.0, "kitchenware": 6.0, "cleaning": 3.0, "luggage": 3.0}),),
    "new_home_decoration": ((-15, 75, {"home_decor": 10.0, "furniture": 8.0, "small_appliances": 6.0}),),
    "new_job": ((-15, 45, {"office": 9.0, "men_tops": 3.0, "women_tops": 3.0, "bags": 5.0, "tea_coffee": 3.0}),),
    "graduation": ((-25, 30, {"office": 6.0, "luggage": 6.0, "phone_accessories": 5.0, "dresses": 3.0}),),
    "new_pet": ((-5, 240, {"pet_food": 9.0}), (-7, 45, {"pet_supplies": 12.0})),
    "diet": ((-5, 60, {"slimming": 12.0, "vitamins": 3.0, "snacks": 0.35}),),
    "fitness": ((-10, 75, {"fitness_gear": 10.0, "sportswear": 5.0, "slimming": 4.0}),),
    "travel": ((-28, 3, {"luggage": 12.0, "outdoor": 6.0, "skincare": 1.8, "phone_accessories": 3.0}),),
    "illness_recovery": ((-7, 60, {"home_medical": 12.0, "vitamins": 6.0, "dairy": 1.6}),),
    "retirement": ((-15, 120, {"outdoor": 6.0, "tea_coffee": 3.5, "home_medical": 5.0, "vitamins": 3.0}),),
    "new_car": ((-10, 60, {"car_accessories": 12.0, "outdoor": 4.0}),),
    "child_starts_school": ((-30, 30, {"school_supplies": 10.0, "kids_shoes": 4.0, "kids_clothing": 3.0}),),
}
# how often each comes first (before age and sex), and which one follows after how many days
_WEIGHT = dict(zip(EVENTS, (20, 0, 0, 3, 8, 9, 6, 9, 12, 9, 11, 9, 13, 6, 12, 5, 7), strict=True))
_FOLLOWS = {"pregnant": ("baby_due", 130), "baby_due": ("baby_born", 45), "engaged": ("wedding", 130)}
_MAY_FOLLOW = {"move": ("new_home_decoration", 25), "graduation": ("new_job", 40), "diet": ("fitness", 20)}
_SEASONAL = {"graduation": (6, 20), "child_starts_school": (9, 1)}  # month and day about which it falls


@dataclass(frozen=True)
class LifeEventParams:
    """How common life events are and how strongly they move demand."""

    yearly_share: float = 0.25  # persons who have one begin in a year
    strength: float = 1.0  # exponent on the factors of demand; 0 for none
    most_intensity: float = 3.0  # most that events can multiply a person's shopping by

    def __post_init__(self) -> None:
        """Check ranges."""
        for name, low, high in (("yearly_share", 0, 0.5), ("strength", 0, 3), ("most_intensity", 1, 20)):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} must be in [{low}, {high}], found {getattr(self, name)}")


@dataclass(frozen=True)
class EventFactor:
    """What life events do to demand on one day; all other persons have factor 1."""

    intensity: Array  # float32[n]; factor on trips
    rows: Array  # int64[m]; positions in the block of persons with shifted demand
    taste: Array  # float32[m, C]; their shares of demand on that day, rows sum to 1


def draw_events(world: World, number: Array, female: Array, age: Array) -> tuple[Array, Array]:
    """int8[n, SLOTS] kinds (-1 none) and int32[n, SLOTS] days; a later slot follows from the one before."""
    seed, p = world.seed, world.params.life_events
    window = LOOK_BACK + world.horizon
    some = uniform(seed, "event.some", number) < p.yearly_share * window / 365
    weights = np.repeat(np.array([list(_WEIGHT.values())], np.float32), len(number), axis=0)
    for name, low, high, sex in (
        ("pregnant", 22, 40, female),
        ("engaged", 22, 38, None),
        ("wedding", 22, 38, None),
        ("graduation", 18, 26, None),
        ("new_job", 20, 50, None),
        ("retirement", 54, 66, None),
        ("child_starts_school", 28, 45, None),
    ):
        fits = (age >= low) & (age <= high) & (True if sex is None else sex)
        weights[:, EVENTS.index(name)] *= fits
    kind = np.full((len(number), SLOTS), -1, np.int8)
    day = np.zeros((len(number), SLOTS), np.int32)
    kind[:, 0] = np.where(some, choose(np.cumsum(weights, axis=1), uniform(seed, "event.kind", number)), -1)
    day[:, 0] = np.floor(uniform(seed, "event.day", number) * window) - LOOK_BACK
    for name, (month, of_month) in _SEASONAL.items():
        rows = np.flatnonzero(kind[:, 0] == EVENTS.index(name))
        about = _nearest(world.first_day, day[rows, 0], month, of_month)
        day[rows, 0] = about + np.round(10 * normal(seed, "event.season", number[rows]))
    for slot in range(1, SLOTS):
        for chain, chance in ((_FOLLOWS, 1.0), (_MAY_FOLLOW, 0.5)):
            for name, (then, gap) in chain.items():
                follows = kind[:, slot - 1] == EVENTS.index(name)
                rows = np.flatnonzero(follows & (uniform(seed, "event.follows", number, slot) < chance))
                kind[rows, slot] = EVENTS.index(then)
                spread = 1 + 0.12 * np.clip(normal(seed, "event.gap", number[rows], slot), -2, 2)
                day[rows, slot] = day[rows, slot - 1] + np.round(gap * spread)
    return kind, day


def _nearest(first_day: date, day: Array, month: int, of_month: int) -> Array:
    """The day nearest to each `day` that falls on a date of the year."""
    years = range(first_day.year - 2, first_day.year + 6)
    dates = np.array([(date(y, month, of_month) - first_day).days for y in years])
    return dates[np.abs(day[:, None] - dates).argmin(axis=1)] if len(day) else day


def shift_table(params: LifeEventParams, catalogue: Catalogue) -> Array:
    """float32[events, BEFORE + AFTER + 1, C]: factor on demand per category, by day from the event."""
    column = {c: i for i, c in enumerate(catalogue.category)}
    log = np.zeros((len(EVENTS), BEFORE + AFTER + 1, len(column)), np.float32)
    offset = np.arange(-BEFORE, AFTER + 1)
    for kind, name in enumerate(EVENTS):
        for first, last, lifted in SHIFTS[name]:
            # rises within a week, fades over the last third
            rise = (offset - first + 1) / min(max((last - first) / 5, 1), 7)
            fade = (last + 1 - offset) / max((last - first) / 3, 1)
            height = np.clip(np.minimum(rise, fade), 0, 1)
            for category, factor in lifted.items():
                log[kind, :, column[category]] += np.log(factor) * height
    return np.exp(params.strength * log)


def event_factor(world: World, people: People, day: int) -> EventFactor:
    """What life events do to the demand of a block on `day`; nothing in a world of silent posts."""
    intensity = np.ones(len(people), np.float32)
    nothing = EventFactor(intensity, np.empty(0, np.int64), np.empty((0, people.taste.shape[1]), np.float32))
    if world.params.controls.silent_posts:
        return nothing
    offset = day - people.event_day
    acts = (people.event_kind >= 0) & (offset >= -BEFORE) & (offset <= AFTER)
    acts &= world.event_reach[people.event_kind, np.clip(offset, -BEFORE, AFTER) + BEFORE]
    rows = np.flatnonzero(acts.any(axis=1))
    if not len(rows):
        return nothing
    factor = np.ones((len(rows), people.taste.shape[1]), np.float32)
    for slot in range(people.event_kind.shape[1]):
        here = acts[rows, slot]
        at = rows[here]
        factor[here] *= world.event_shift[people.event_kind[at, slot], offset[at, slot] + BEFORE]
    own = people.taste[rows]
    base = np.where(factor > 1, np.maximum(own, world.catalogue.appeal.astype(np.float32)), own)
    demand = np.maximum(own + (factor - 1) * base, 0)
    total = demand.sum(axis=1)
    intensity[rows] = np.minimum(total, world.params.life_events.most_intensity)
    return EventFactor(intensity, rows, demand / total[:, None])
