"""One block of persons with all that happened to them, and the keys that name it whatever the block's size."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from jobs.simulate.accounts import Touchpoints, member_account, record_account
from jobs.simulate.columns import DAY_US, encoded, rank_in, utc
from jobs.simulate.draws import bits, uniform
from jobs.simulate.identifiers import sightings
from jobs.simulate.model import MODES, Array, Log, People
from jobs.simulate.sightings import Sightings
from jobs.simulate.social_posts import social_posts
from jobs.simulate.world import World

STORE = MODES.index("store")


@dataclass(frozen=True)
class Block:
    """What every writer of tables reads. Positions are rows in `people`; trips, lines and sends are rows in `log`."""

    world: World
    people: People
    touchpoints: Touchpoints
    log: Log

    @cached_property
    def trip_key(self) -> Array:
        """int64: names a trip by its person, day and place in that day."""
        trips = self.log.trips
        number = self.people.number[trips.person]
        return keys(self.world, "trip", number, trips.day, rank_in(trips.person, trips.day))

    @cached_property
    def send_key(self) -> Array:
        """int64: names a send by its person, day, offer and channel."""
        s = self.log.sends
        again = rank_in(s.person, s.day, s.offer, s.channel)
        return keys(self.world, "send", self.people.number[s.person], s.day, s.offer, s.channel, again)

    @cached_property
    def line_no(self) -> Array:
        """Place of each line within its trip, from 0."""
        return rank_in(self.log.lines.trip)

    @cached_property
    def trip_us(self) -> Array:
        """Moment of each trip (its order, where it came to one), microseconds UTC."""
        trips = self.log.trips
        return utc(self.world.first_day, trips.day, trips.minute, self.draw("second", self.trip_key) * 60)

    @cached_property
    def trip_account(self) -> pa.DictionaryArray:
        """Account under which each trip is recorded."""
        t = self.log.trips
        return encoded(
            record_account(self.world, self.people, self.touchpoints, t.person, t.day, t.minute, t.mode, "order")
        )

    @cached_property
    def trip_amount(self) -> Array:
        """What is to be paid for each trip, coupons not taken off."""
        lines = self.log.lines
        cents = np.rint(lines.amount * 100)
        return np.bincount(lines.trip, weights=cents, minlength=len(self.log.trips.person)) / 100

    @cached_property
    def trip_coupon(self) -> Array:
        """What a coupon settled of each trip."""
        lines = self.log.lines
        return np.bincount(lines.trip, weights=np.rint(lines.coupon * 100), minlength=len(self.log.trips.person)) / 100

    @cached_property
    def member(self) -> pa.DictionaryArray:
        """Account per person to which contacts, points and tiers belong; null for who has none."""
        return encoded(member_account(self.world, self.people, self.touchpoints))

    @cached_property
    def has_account(self) -> Array:
        """bool per person: what is sent to her can be filed under an account."""
        return np.asarray(self.member.is_valid())

    @cached_property
    def sightings(self) -> Sightings:
        """Which identifiers were seen with which account."""
        return sightings(self.world, self.people, self.touchpoints)

    @cached_property
    def posts(self) -> tuple[pa.Table, pa.Table]:
        """Social posts and the truth about each."""
        return social_posts(self.world, self.people, self.touchpoints)

    @cached_property
    def yearly_spend(self) -> Array:
        """float64 per person: what she would spend in an expected year, for what happened before day 0."""
        margin = float(np.average(self.world.catalogue.margin, weights=self.world.catalogue.appeal))
        return np.maximum(self.people.lifetime_value, 0) / margin

    @cached_property
    def last_day(self) -> Array:
        """int32 per person: last day on which anything of her can be seen."""
        last = np.full(len(self.people), self.world.days - 1, np.int32)
        last[self.log.left] = self.log.left_day
        return last

    @property
    def end_us(self) -> int:
        """First moment after the simulated days."""
        return int(utc(self.world.first_day, self.world.days))

    @property
    def start_us(self) -> int:
        """First simulated moment."""
        return self.end_us - self.world.days * DAY_US

    def draw(self, purpose: str, *numbers: Array | int) -> Array:
        """Uniform draws of this world."""
        return uniform(self.world.seed, purpose, *numbers)


def keys(world: World, purpose: str, *numbers: Array | int) -> Array:
    """64-bit names of things, as int64 so that they can name further draws."""
    return bits(world.seed, f"key:{purpose}", *numbers).view(np.int64)
