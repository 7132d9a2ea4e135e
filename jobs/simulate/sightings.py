"""Sightings of identifiers, noted one by one with the traps that are set among them.

A sighting is a row of numbers (person, account, kind, key of the value) until it is written; `identifier_text.py`
turns keys into text as people type it. `is_valid` marks evidence that really tells two accounts of one person together.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.simulate.accounts import CARD, DAY_MINUTES, NEVER, Touchpoints, home_store
from jobs.simulate.draws import bits, exponential, integers, uniform
from jobs.simulate.model import CHANNELS, People

if TYPE_CHECKING:
    from jobs.simulate.world import World

Array = np.ndarray[Any, Any]

KINDS = (
    "member_no",
    "user_id",
    "phone",
    "email",
    "unionid",
    "openid",
    "weibo_id",
    "device",
    "cookie",
    "address",
    "household",
)
MEMBER_NO, USER_ID, PHONE, EMAIL, UNIONID, OPENID, WEIBO_ID, DEVICE, COOKIE_VALUE, ADDRESS, HOUSEHOLD = range(11)
TRAPS = (
    "",
    "hub",
    "tablet",
    "family_device",
    "couple_mailbox",
    "reissued",
    "typo",
    "placeholder",
    "late_available",
    "late_login",
)
NO_TRAP, HUB, TABLET, FAMILY_DEVICE, COUPLE_MAILBOX, REISSUED, TYPO, PLACEHOLDER, LATE_AVAILABLE, LATE_LOGIN = range(10)
SHARED = (HUB, TABLET, FAMILY_DEVICE, COUPLE_MAILBOX, TYPO, PLACEHOLDER)  # never evidence of one person
FIRST_PHONE = 13_000_000_000
PHONES = 7_000_000_000  # 130... to 199...


@dataclass
class Sightings:
    """Equal arrays, one element per sighting. `person` is the position in the block."""

    person: Array = field(default_factory=lambda: np.empty(0, np.int64))
    account: Array = field(default_factory=lambda: np.empty(0, np.int8))  # kinds of account of the accounts module
    part: Array = field(default_factory=lambda: np.empty(0, np.int64))  # which cookie or receipt
    kind: Array = field(default_factory=lambda: np.empty(0, np.int8))  # code of KINDS
    key: Array = field(default_factory=lambda: np.empty(0, np.uint64))  # equal for equal values
    minute: Array = field(default_factory=lambda: np.empty(0, np.int64))  # since day 0
    available: Array = field(default_factory=lambda: np.empty(0, np.int64))  # minute since day 0
    trap: Array = field(default_factory=lambda: np.empty(0, np.int8))  # code of TRAPS
    is_valid: Array = field(default_factory=lambda: np.empty(0, bool))
    store: Array = field(default_factory=lambda: np.empty(0, np.int64))  # -1 outside stores

    def __len__(self) -> int:
        return len(self.person)


@dataclass
class Phones:
    """Telephone numbers of a block: the one until `change_day` and the one from then."""

    before: Array
    after: Array
    change_day: Array
    lost: Array  # bool; the old number was later given to somebody else
    taken: Array  # bool; the new number was somebody else's

    def at(self, person: Array, day: Array) -> tuple[Array, Array, Array]:
        """Number on the day, its trap and whether it is evidence of one person."""
        new = day >= self.change_day[person]
        number = np.where(new, self.after[person], self.before[person])
        lost, taken = self.lost[person] & ~new, self.taken[person] & new
        return number, np.where(lost | taken, REISSUED, NO_TRAP), ~lost


def phones(world: World, people: People) -> Phones:
    """Numbers of the block's persons. Persons 2k and 2k + 1 may be old and new owner of a reissued number."""
    p, seed, number = world.params.accounts, world.seed, people.number

    def own(who: Array, turn: int) -> Array:
        return bits(seed, "phone", who, turn) % np.uint64(PHONES) + np.uint64(FIRST_PHONE)

    pair, newer = number // 2, number % 2 == 1
    traded = (uniform(seed, "reissued", pair) < p.reissued) & (pair * 2 + 1 < world.n)
    reissue = world.days // 2 + integers(seed, "reissued:day", max(world.days // 2, 1), pair)
    moved = uniform(seed, "phone:moved", number) < p.phone_change
    change = np.where(moved, integers(seed, "phone:day", world.days, number), NEVER)
    change = np.where(traded, np.where(newer, reissue, reissue - p.reissue_gap_days), change)
    after = np.where(traded & newer, own(number - 1, 0), own(number, 1))
    return Phones(own(number, 0), after, change, traded & ~newer, traded & newer)


class Book:
    """Collects sightings of one block."""

    def __init__(self, world: World, people: People, points: Touchpoints) -> None:
        self.world, self.people, self.points = world, people, points
        self.params, self.seed = world.params.accounts, world.seed
        self.phones = phones(world, people)
        self.store = home_store(world, people)
        self.hub = _hubs(world, people.number)
        household = people.household
        self.couple = uniform(self.seed, "couple_mailbox", household) < self.params.couple_mailbox
        self.family = uniform(self.seed, "family_device", household) < self.params.family_device
        self.parts: list[Sightings] = []

    def number(self, person: Array) -> Array:
        return np.asarray(self.people.number[person])

    def chance(self, purpose: str, person: Array, part: Array | int = 0) -> Array:
        return uniform(self.seed, f"seen:{purpose}", self.number(person), part)

    def add(
        self,
        person: Array,
        account: int,
        kind: int,
        key: Array,
        day: Array,
        *,
        part: Array | int = 0,
        minute: Array | None = None,
        trap: Array | int = NO_TRAP,
        valid: Array | None = None,
        in_store: bool = False,
    ) -> None:
        """Notes one sighting per element of `person`; `minute` since day 0 stands above `day`."""
        n = len(person)
        if minute is None:
            at = integers(self.seed, f"seen:minute:{account}:{kind}", 840, self.number(person), day, part) + 540
            minute = day.astype(np.int64) * DAY_MINUTES + at
        trap = np.broadcast_to(np.asarray(trap, np.int8), (n,))
        good = ~np.isin(trap, SHARED) if valid is None else valid & ~np.isin(trap, SHARED)
        store = self.store[person] if in_store else np.full(n, -1)
        columns = (person, np.full(n, account, np.int8), np.broadcast_to(np.asarray(part, np.int64), (n,)))
        self.parts.append(Sightings(*columns, np.full(n, kind, np.int8), key, minute, minute, trap.copy(), good, store))

    def phone(self, person: Array, account: int, day: Array, *, part: Array | int = 0, in_store: bool = False) -> None:
        """A number as given: at the till sometimes the store's own, or a placeholder; typed wrongly now and then."""
        reached = self.people.has_address[person, CHANNELS.index("sms")]
        person, day = person[reached], day[reached]
        part = part[reached] if isinstance(part, np.ndarray) else part
        key, trap, valid = self.phones.at(person, day)
        wrong = self.chance(f"typo:{account}", person, day)
        place = integers(self.seed, "seen:typo:place", 9, self.number(person), day)
        step = np.uint64(10) ** place.astype(np.uint64)
        digit = (key // step) % np.uint64(10)
        turned = key - digit * step + (digit + np.uint64(1)) % np.uint64(10) * step
        key = np.where(wrong < self.params.typos, turned, key)
        trap = np.where(wrong < self.params.typos, TYPO, trap)
        dummy = self.chance(f"placeholder:{account}", person, day) < self.params.placeholders
        key = np.where(dummy, integers(self.seed, "placeholder", 5, self.number(person)).astype(np.uint64), key)
        trap = np.where(dummy, PLACEHOLDER, trap)
        if account == CARD:
            hub = self.hub[person]
            key = np.where(
                hub >= 0, bits(self.seed, "hub:phone", hub) % np.uint64(PHONES) + np.uint64(FIRST_PHONE), key
            )
            trap = np.where(hub >= 0, HUB, trap)
        self.add(person, account, PHONE, key, day, part=part, trap=trap, valid=valid, in_store=in_store)

    def email(self, person: Array, account: int, day: Array) -> None:
        """A mailbox as given; couples share one."""
        reached = self.people.has_address[person, CHANNELS.index("email")]
        person, day = person[reached], day[reached]
        couple = self.couple[person]
        owner = np.where(couple, self.people.household[person], self.number(person))
        key = bits(self.seed, "email", owner, couple.astype(np.int64))
        wrong = self.chance(f"email:typo:{account}", person, day) < self.params.typos
        key = np.where(wrong, key ^ np.uint64(1 << 20), key)
        dummy = self.chance(f"email:placeholder:{account}", person, day) < self.params.placeholders
        key = np.where(dummy, integers(self.seed, "placeholder:email", 3, self.number(person)).astype(np.uint64), key)
        trap = np.select([dummy, wrong, couple], [PLACEHOLDER, TYPO, COUPLE_MAILBOX], NO_TRAP)
        self.add(person, account, EMAIL, key, day, trap=trap)

    def device(self, person: Array, account: int, day: Array) -> None:
        """The telephone, or the tablet of the family."""
        family = self.family[person]
        owner = np.where(family, self.people.household[person], self.number(person))
        key = bits(self.seed, "device", owner, family.astype(np.int64))
        self.add(person, account, DEVICE, key, day, trap=np.where(family, FAMILY_DEVICE, NO_TRAP))

    def value(self, purpose: str, person: Array) -> Array:
        return bits(self.seed, f"value:{purpose}", self.number(person))

    def again(self, purpose: str, since: Array, share: float) -> tuple[Array, Array]:
        """Who is asked once more within the world (a delivery, a form), and on which day."""
        person = np.flatnonzero(since < self.world.days)
        day = integers(self.seed, f"again:{purpose}", self.world.days, self.number(person))
        asked = (self.chance(f"again:{purpose}", person) < share) & (day > since[person])
        return person[asked], day[asked]

    def closed(self) -> Sightings:
        """Everything noted before the end, with the time from which it could be known."""
        fields = list(Sightings.__dataclass_fields__)
        seen = Sightings(*(np.concatenate([getattr(p, f) for p in self.parts]) for f in fields))
        end = self.world.days * DAY_MINUTES
        keep = seen.minute < end
        seen = Sightings(*(getattr(seen, f)[keep] for f in fields))
        number = self.number(seen.person)
        delay = 60 + (exponential(self.seed, "seen:delay", number, seen.minute, seen.kind) * 240).astype(np.int64)
        late = uniform(self.seed, "seen:late", number, seen.minute, seen.kind) < self.params.late_available
        late &= (seen.trap == NO_TRAP) & (seen.kind != COOKIE_VALUE)
        after = end + DAY_MINUTES * (1 + integers(self.seed, "seen:after", 60, number, seen.minute))
        seen.available = np.where(late, after, seen.minute + delay)
        seen.trap = np.where(late, LATE_AVAILABLE, seen.trap).astype(np.int8)
        days = np.full(len(KINDS), self.world.days + 100 * 366)
        days[PHONE] = self.params.link_phone_days
        days[[DEVICE, COOKIE_VALUE]] = self.params.link_device_days
        old = seen.minute < end - days[seen.kind] * DAY_MINUTES
        household = np.isin(seen.kind, (OPENID, ADDRESS, HOUSEHOLD))
        seen.is_valid = seen.is_valid & (seen.available < end) & ~old & ~household
        return seen


def _hubs(world: World, number: Array) -> Array:
    """Which store telephone a person's card was registered with, -1 for her own."""
    p = world.params.accounts
    hubs = max(p.hubs, world.n // 20_000)
    low, high = np.log(p.hub_low), np.log(p.hub_high)
    size = np.exp(low + (high - low) * uniform(world.seed, "hub:size", np.arange(hubs)))
    edges = np.cumsum(size / (0.7 * world.n))  # about seven in ten have a card and a number
    edges = edges * min(1.0, 0.5 / edges[-1])  # tiny worlds
    where = np.searchsorted(edges, uniform(world.seed, "hub", number), side="right")
    return np.where(where < hubs, where, -1)
