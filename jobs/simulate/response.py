"""The response function: what a contact really does, as a function of who, what, where, when and what came before.

One function, `contact`, gives every chance and effect of a contact; the past, played futures and closed forms all use
it. A contact that is opened adds to her boost, a log factor on shopping that decays with a half-life; a sleeping dog's
falls. Fatigue (sends in memory) and sameness (sends of the same kind) lower opening and raise unsubscribing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from jobs.simulate import draws
from jobs.simulate.channels import per_channel
from jobs.simulate.model import CHANNELS, OFFER_KINDS, UPLIFT_TYPES, Array, People, State

if TYPE_CHECKING:
    from jobs.simulate.world import World

COUPON, NEW_ARRIVAL = OFFER_KINDS.index("coupon"), OFFER_KINDS.index("new_arrival")
PARCEL = CHANNELS.index("parcel_insert")
SLEEPING_DOG = UPLIFT_TYPES.index("sleeping_dog")


@dataclass(frozen=True)
class ResponseParams:
    """How contacts work. Pairs are ranges from which each world draws its own value."""

    boost_half_life_days: tuple[float, float] = (4.0, 9.0)  # of what an opened contact does to shopping
    fatigue_half_life_days: tuple[float, float] = (12.0, 18.0)  # of the memory of sends
    sameness_half_life_days: tuple[float, float] = (10.0, 20.0)  # of the memory of sends of one kind
    sameness: tuple[float, float] = (0.15, 0.3)  # fall in opening per send of the same kind in memory
    cross_channel: float = 0.3  # weight of sends through other channels in a channel's fatigue
    hour_width: float = 3.0  # hours from her reading hour at which the match has fallen to .6 of its range
    hour_floor: float = 0.7  # opening at the worst hour, as a share of that at the best
    taste_power: float = 0.5  # exponent on (her share of demand / everybody's) of the category an offer is about
    taste_range: tuple[float, float] = (0.35, 2.0)  # bounds of that factor
    strength: float = 2.2  # factor on all effects on shopping
    boost_limit: float = 2.0  # the boost stays within plus and minus this
    category_pull: float = 4.0  # factor on demand for the offer's category is 1 + this x boost
    unsubscribe_fatigue: float = 1.5  # rise in unsubscribing at the fatigue that halves opening
    unsubscribe_sleeping_dog: float = 3.0  # factor on unsubscribing of sleeping dogs
    complaint_share: float = 0.1  # complaints per unsubscribing
    redeem_floor: float = 0.2  # P(redeems | could) without love of deals; with all of it: 0.9
    open_delay_minutes: float = 90.0  # mean time from send to open
    credit_days: int = 14  # a purchase so many days after an open is credited to the send
    parcel_days: int = 35  # an order so many days back at most gives a parcel to put something into
    unsubscribe_loss: float = 0.08  # share of a year's margin that losing one channel costs

    def __post_init__(self) -> None:
        for name in ("boost_half_life_days", "fatigue_half_life_days", "sameness_half_life_days", "sameness"):
            low, high = getattr(self, name)
            if not 0 < low <= high <= 365:
                raise ValueError(f"{name} must be two rising numbers within (0, 365]; found {low}, {high}")
        if not 0 < self.taste_range[0] <= self.taste_range[1] <= 10:
            raise ValueError(f"taste_range must be two rising numbers within (0, 10]; found {self.taste_range}")
        limits: dict[str, float] = {
            "hour_width": 24,
            "strength": 10,
            "boost_limit": 3,
            "category_pull": 50,
            "taste_power": 3,
        }
        limits |= {"unsubscribe_fatigue": 20, "unsubscribe_sleeping_dog": 20, "open_delay_minutes": 1440}
        limits |= {"credit_days": 60, "cross_channel": 1, "hour_floor": 1, "complaint_share": 1, "redeem_floor": 0.9}
        limits |= {"unsubscribe_loss": 1, "parcel_days": 365}
        for name, high in limits.items():
            if not 0 <= getattr(self, name) <= high:
                raise ValueError(f"{name} must lie within 0 and {high}; found {getattr(self, name)}")
        if self.hour_width == 0 or self.open_delay_minutes == 0:
            raise ValueError("hour_width and open_delay_minutes must be above 0")


@dataclass(frozen=True)
class Constants:
    """What this world drew from the ranges."""

    boost_decay: float  # per day
    fatigue_decay: float
    sameness_decay: float
    sameness: float


def constants(world: World) -> Constants:
    """Values of this world's seed."""
    p = world.params.response

    def drawn(name: str) -> float:
        low, high = getattr(p, name)
        return float(low + (high - low) * draws.uniform(world.seed, f"response:{name}"))

    def decay(name: str) -> float:
        return float(0.5 ** (1 / drawn(name)))

    return Constants(
        decay("boost_half_life_days"),
        decay("fatigue_half_life_days"),
        decay("sameness_half_life_days"),
        drawn("sameness"),
    )


@dataclass(frozen=True)
class Odds:
    """Chances and effect of one contact for each row."""

    delivered: Array  # P(delivered)
    opened: Array  # P(open | delivered)
    clicked: Array  # P(click | open)
    effect: Array  # added to her boost if she opens
    unsubscribed: Array  # P(unsubscribe | open)
    complained: Array  # P(complaint | open)


def drifted(world: World, people: People, rows: Array, day: int) -> Array:
    """bool[rows]: in the control world with drift, half of the people in the last third of the days and after."""
    turned = world.params.controls.drift and day >= world.days * 2 // 3
    return (draws.uniform(world.seed, "drift", people.number[rows]) < 0.5) & turned


def taste(world: World, people: People, rows: Array, day: int) -> Array:
    """float32[rows, C]: her tastes on the day; under drift they move on by a third of the categories."""
    own = people.taste[rows]
    if not world.params.controls.drift:
        return own
    moved = np.roll(own, own.shape[1] // 3, axis=1)
    return np.where(drifted(world, people, rows, day)[:, None], moved, own)


def reachable(world: World, people: People, state: State, day: int) -> Array:
    """bool[n, channels]: an address, not unsubscribed; for a parcel insert an order not long ago.

    Who left for good without a word is reached as before: nobody told the shop.
    """
    out = people.has_address & state.subscribed & (people.first_day <= day)[:, None]
    out[:, PARCEL] &= day - state.last_order <= world.params.response.parcel_days
    return np.asarray(out)


def contact(
    world: World,
    people: People,
    state: State,
    rows: Array,
    day: int,
    offer: Array | int,
    channel: Array | int,
    minute: Array,
) -> Odds:
    """What one contact does to each of `rows` (positions in the block), given the state before that day's sends.

    `offer`, `channel` and `minute` (local, of the day) are scalars or one per row.
    """
    p, controls = world.params.response, world.params.controls
    offer, channel = np.broadcast_to(offer, rows.shape), np.broadcast_to(channel, rows.shape)
    minute = np.broadcast_to(minute, rows.shape)
    kind = world.offers.kind[offer]
    fits = reachable(world, people, state, day)[rows, channel]
    own = state.fatigue[rows, channel]
    load = own + p.cross_channel * (state.fatigue[rows].sum(axis=1) - own)
    load = load / people.fatigue_tolerance[rows]
    same = constants(world).sameness * state.sameness[rows, kind]
    apart = np.abs((minute / 60 - people.send_hour[rows] + 12) % 24 - 12)
    at_hour = p.hour_floor + (1 - p.hour_floor) * np.exp(-0.5 * (apart / p.hour_width) ** 2)
    opened = people.open_rate[rows, channel] * at_hour / ((1 + load) * (1 + same))
    fit = _fit(world, people, rows, day, offer, kind)
    unsubscribed = people.unsubscribe_rate[rows] * (1 + p.unsubscribe_fatigue * load) * (1 + same)
    dog = (people.uplift_type[rows] == SLEEPING_DOG) & (not controls.no_heterogeneity)
    unsubscribed = np.minimum(unsubscribed * np.where(dog, p.unsubscribe_sleeping_dog, 1.0), 0.5)
    click = per_channel(world.params.channels.click_rate)[channel] * np.sqrt(fit)
    return Odds(
        delivered=fits * (1 - per_channel(world.params.channels.bounce_rate)[channel]),
        opened=state.alive[rows] * np.minimum(opened, 1.0),
        clicked=np.minimum(click, 1.0),
        effect=_effect(world, people, rows, day, kind, channel, fit),
        unsubscribed=unsubscribed,
        complained=unsubscribed * p.complaint_share,
    )


def _fit(world: World, people: People, rows: Array, day: int, offer: Array, kind: Array) -> Array:
    """How well an offer fits her: taste for its category, love of deals for coupons, novelty for launches. Mean ~1."""
    p = world.params.response
    if world.params.controls.no_heterogeneity:
        return np.ones(len(rows))
    category = world.offers.category[offer]
    own = taste(world, people, rows, day)[np.arange(len(rows)), category]
    appeal = world.catalogue.appeal[category] / world.catalogue.appeal.sum()
    match = np.clip((own / appeal) ** p.taste_power, *p.taste_range)
    match = np.where(category >= 0, match, 1.0)
    match = match * np.where(kind == COUPON, 0.5 + people.deal_love[rows], 1.0)
    return np.asarray(match * np.where(kind == NEW_ARRIVAL, 0.5 + people.novelty[rows], 1.0), dtype=np.float64)


def _effect(world: World, people: People, rows: Array, day: int, kind: Array, channel: Array, fit: Array) -> Array:
    """What opening adds to the boost. Where persuasion is negative, fit does not make it better: more, worse."""
    if world.params.controls.quiet_market:
        return np.zeros(len(rows))
    own = people.persuasion[rows, kind]
    # under drift, half of the people answer to each kind as they did to the next one, and the other way round
    turned = -people.persuasion[rows, (kind + 1) % len(OFFER_KINDS)]
    persuasion = np.where(drifted(world, people, rows, day), turned, own)
    potency = per_channel(world.params.channels.potency)[channel]
    return np.asarray(persuasion * fit * potency * world.params.response.strength, dtype=np.float64)


def redeem_chance(world: World, people: People, rows: Array) -> Array:
    """P(redeems | an opened offer can be redeemed with this basket)."""
    floor = world.params.response.redeem_floor
    love = 0.5 if world.params.controls.no_heterogeneity else people.deal_love[rows]
    return np.asarray(floor + (0.9 - floor) * love + np.zeros(len(rows)))
