"""How much a person wants to shop on a day, and of what: rhythm, calendar, what has run out, life events, contacts."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from jobs.simulate.life_events import EventFactor, event_factor
from jobs.simulate.model import MODES, PAID, Array, People, State
from jobs.simulate.response import taste

if TYPE_CHECKING:
    from jobs.simulate.world import World


_AT_DUE = 1.55  # most that a regular person's demand rises to, times the usual


class Demand:
    """Demand of one block; holds only what is fixed for it, so that one object serves every branch of its future."""

    def __init__(self, world: World, people: People) -> None:
        self.world, self.people = world, people
        interval = world.catalogue.interval_days
        self.consumed = np.flatnonzero(interval > 0)
        self.per_day = (1 / interval[self.consumed]).astype(np.float32)
        self.consumed_taste = np.ascontiguousarray(people.taste[:, self.consumed])
        self.other_taste = (1 - self.consumed_taste.sum(axis=1)).astype(np.float32)
        self.usual = (people.rate * people.wallet_share).astype(np.float32)
        paid = np.array([world.params.behaviour.outcome[m][PAID] for m in MODES])
        self.order_rate = (self.usual * (people.mode @ paid)).astype(np.float32)
        self._events: dict[int, EventFactor] = {}

    @cached_property
    def log_complement(self) -> Array:
        """float32[C, C]: log factor on column c once row c was bought lately."""
        factor = np.maximum(self.world.catalogue.complement, 1e-3)
        return np.log(factor).astype(np.float32)

    @cached_property
    def weekday(self) -> Array:
        """float32[7, n]"""
        return np.ascontiguousarray(self.people.weekday.T)

    def events(self, day: int) -> EventFactor:
        """Life events of the day; only the latest day is kept."""
        if day not in self._events:
            self._events = {day: event_factor(self.world, self.people, day)}
        return self._events[day]

    def ramp(self, age: Array, per_day: Array) -> Array:
        """Demand for consumables bought `age` days ago, as a share of the usual."""
        p = self.world.params.behaviour
        return np.clip(age * per_day, np.float32(p.due_floor), np.float32(p.due_ceiling))

    def without_contacts(self, state: State, day: int) -> Array:
        """float32[n]: trips expected on the day, boosts left out."""
        age = (day - state.last_bought[:, self.consumed].astype(np.int32)).astype(np.float32)
        due = np.einsum("nc,nc->n", self.consumed_taste, self.ramp(age, self.per_day)) + self.other_taste
        calendar = self.world.calendar
        today = self.usual * self.weekday[calendar.weekday[day]] * np.float32(calendar.factor[day])
        return np.asarray(today * due * self.rhythm(state, day) * self.events(day).intensity * state.alive)

    def rhythm(self, state: State, day: int) -> Array:
        """float32[n]: who is regular is quiet after an order and comes when the next is due. Averages 1 over time."""
        return self.regular(np.minimum((day - state.last_order).astype(np.float32) * self.order_rate, 1))

    def regular(self, age: Array) -> Array:
        """The same by the time since the last order, as a share (at most 1) of her mean time between orders."""
        return np.asarray(1 + self.people.regularity * (np.float32(_AT_DUE) * age - 1))

    def mix(self, state: State, rows: Array, day: int) -> Array:
        """float32[rows, C]: weights of the categories for the lines of a trip, boosts left out."""
        world, p = self.world, self.world.params.behaviour
        events = self.events(day)
        weight = taste(world, self.people, rows, day).copy()
        if len(events.rows):
            at = np.minimum(np.searchsorted(events.rows, rows), len(events.rows) - 1)
            moved = events.rows[at] == rows
            weight[moved] = events.taste[at[moved]]
        age = (day - state.last_bought[rows].astype(np.int32)).astype(np.float32)
        weight[:, self.consumed] *= self.ramp(age[:, self.consumed], self.per_day)
        recent = (age <= p.complement_days).astype(np.float32)
        weight *= np.exp(np.clip(recent @ self.log_complement, -3, 2))
        return np.asarray(weight * world.category_factor[day])

    def pull(self, boost: Array) -> Array:
        """Factor of a boost on the demand for the category it is about."""
        return np.asarray(1 + self.world.params.response.category_pull * np.maximum(boost, 0))
