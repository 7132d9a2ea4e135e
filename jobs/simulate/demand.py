"""How much a person wants to shop on a day, and of what: rhythm, calendar, what has run out, life events, contacts."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

from jobs.simulate.life_events import EventFactor, event_factor
from jobs.simulate.model import MODES, PAID, Array, People, State
from jobs.simulate.response import taste

if TYPE_CHECKING:
    from jobs.simulate.world import World


_KEPT_DAYS = 40  # days of life events that are kept
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
        self.order_rate = (self.usual * (people.mode * paid).sum(axis=1)).astype(np.float32)
        self.regularity = (people.regularity * world.params.behaviour.rhythm).astype(np.float32)
        due = self.other_taste + (1 - self.other_taste) * world.params.behaviour.due_ceiling
        self.most = (due * (1 + self.regularity * (_AT_DUE - 1)) * 1.001).astype(np.float32)
        self._events: dict[int, EventFactor] = {}

    @cached_property
    def log_complement(self) -> csr_array:
        """float32[C, C]: log factor on row c once column c was bought lately."""
        factor = np.maximum(self.world.catalogue.complement, 1e-3)
        return csr_array(np.log(factor).astype(np.float32).T)

    @cached_property
    def weekday(self) -> Array:
        """float32[7, n]"""
        return np.ascontiguousarray(self.people.weekday.T)

    def events(self, day: int) -> EventFactor:
        """Life events of the day; a few weeks are kept for branches that live the same days."""
        if day not in self._events:
            if len(self._events) > _KEPT_DAYS:
                self._events.clear()
            self._events[day] = event_factor(self.world, self.people, day)
        return self._events[day]

    def ramp(self, age: Array, per_day: Array) -> Array:
        """Demand for consumables bought `age` days ago, as a share of the usual."""
        p = self.world.params.behaviour
        return np.clip(age * per_day, np.float32(p.due_floor), np.float32(p.due_ceiling))

    def usual_on(self, day: int) -> Array:
        """float32[n]: trips by her frequency, weekday, calendar and life events."""
        calendar = self.world.calendar
        today = self.usual * self.weekday[calendar.weekday[day]] * np.float32(calendar.factor[day])
        return np.asarray(today * self.events(day).intensity)

    def goers(self, state: State, day: int, u: Array) -> Array:
        """Positions of the persons who go on a trip: whose `u` is below P(trip)."""
        usual = self.usual_on(day) * np.exp(state.boost) * state.alive
        # cheap first cut by the most that memory can make of the usual
        rows = np.flatnonzero(u < usual * self.most)
        return rows[u[rows] < -np.expm1(-usual[rows] * self.memory(state, rows, day))]

    def memory(self, state: State, rows: Array, day: int) -> Array:
        """float32[rows]: factor on trips of what has run out and of the time since the last order."""
        age = (day - state.last_bought[rows][:, self.consumed].astype(np.int32)).astype(np.float32)
        ramp = self.ramp(age, self.per_day)
        due = np.einsum("nc,nc->n", self.consumed_taste[rows], ramp) + self.other_taste[rows]
        since = np.minimum((day - state.last_order[rows]).astype(np.float32) * self.order_rate[rows], 1)
        return np.asarray(due * self.rhythm(since, rows))

    def rhythm(self, since: Array, rows: Array) -> Array:
        """Who is regular is quiet after an order and comes when the next is due. Averages about 1 over time.

        `since`: time since the last order as a share, at most 1, of her mean time between orders.
        """
        return np.asarray(1 + self.regularity[rows] * (np.float32(_AT_DUE) * since - 1))

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
        weight *= np.exp(np.clip((self.log_complement @ recent.T).T, -3, 2))
        return np.asarray(weight * world.category_factor[day])

    def pull(self, boost: Array) -> Array:
        """Factor of a boost on the demand for the category it is about."""
        return np.asarray(1 + self.world.params.response.category_pull * np.maximum(boost, 0))
