"""What lies in a basket: the product of each line, how many, at what price and with what margin.

Within a category a person draws a few candidates by popularity and keeps one by how it fits her (price band, style,
colour, season, launches). Many lines repeat her favourite of the category, a product fixed by a hash, so that repeat
purchases need no memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from jobs.simulate import draws
from jobs.simulate.model import MODES, Array, Lines, People

if TYPE_CHECKING:
    from jobs.simulate.world import World

CHUNK = 1 << 17  # lines at a time


@dataclass(frozen=True)
class BehaviourParams:
    """How persons shop once they want to."""

    outcome: dict[str, tuple[float, float, float, float]] = field(
        default_factory=lambda: {
            "store": (0.42, 0.0, 0.0, 0.58),
            "web": (0.66, 0.11, 0.04, 0.19),
            "app": (0.6, 0.13, 0.05, 0.22),
            "mini_program": (0.62, 0.12, 0.05, 0.21),
        }
    )  # per mode: shares of trips that end browsed, with a cart left, placed and unpaid, paid
    due_floor: float = 0.2  # demand for a consumable bought just now, as a share of the usual
    due_ceiling: float = 1.3  # demand for one that ran out long ago
    rhythm: float = 0.25  # how far the regular keep to their rhythm; 0: nobody does
    complement_days: int = 21  # a purchase so many days back raises demand for what goes with it
    hour_spread: float = 2.5  # hours about her favourite hour
    lines_limit: int = 12  # lines of a trip at most
    repeat: float = 0.6  # share of consumable lines that repeat her favourite product
    repeat_other: float = 0.08  # the same for all else
    candidates: int = 4  # products looked at before one is taken
    band_pull: float = 0.9  # fall in log weight per price band away from hers
    style_pull: float = 0.6  # rise in log weight of her style, and of her colour
    off_season: float = 0.3  # weight of products out of season
    launch_days: int = 30  # a product is new so long
    launch_pull: float = 3.0  # rise in weight of new products for the greatest love of novelty
    offer_product_share: float = 0.4  # share of lines in its category that go to the product an opened offer is about
    more_than_one: float = 0.15  # chance that a consumable is bought twice at once
    promotion_depth: tuple[float, float] = (0.1, 0.3)  # discount of promotions
    category_promotions: float = 0.1  # share of category weeks under promotion
    leave_annoyance: float = 1.0  # rise of the chance to leave per send in memory beyond her tolerance, relative

    def __post_init__(self) -> None:
        if set(self.outcome) != set(MODES):
            raise ValueError(f"outcome must name exactly the modes {', '.join(MODES)}; found {sorted(self.outcome)}")
        for mode, shares in self.outcome.items():
            if min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
                raise ValueError(f"outcome.{mode} must be four shares that sum to 1; found {shares}")
        if not 0 < self.due_floor <= 1 <= self.due_ceiling <= 5:
            raise ValueError("due_floor must lie within 0 and 1, due_ceiling within 1 and 5")
        if not 0 <= self.promotion_depth[0] <= self.promotion_depth[1] < 0.9:
            raise ValueError(f"promotion_depth must be two rising numbers below 0.9; found {self.promotion_depth}")
        limits: dict[str, tuple[float, float]] = {
            "complement_days": (0, 365),
            "hour_spread": (0, 12),
            "lines_limit": (1, 100),
            "candidates": (1, 50),
        }
        limits |= {"launch_days": (0, 365), "launch_pull": (0, 100), "band_pull": (0, 5), "style_pull": (0, 5)}
        parts = (
            "rhythm",
            "repeat",
            "repeat_other",
            "off_season",
            "offer_product_share",
            "more_than_one",
            "category_promotions",
        )
        limits |= dict.fromkeys(parts, (0, 1)) | {"leave_annoyance": (0, 100)}
        for name, (low, high) in limits.items():
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} must lie within {low} and {high}; found {getattr(self, name)}")


@dataclass(frozen=True)
class Picks:
    """What is known of lines before their product: one element per line."""

    trip: Array  # row in the trips
    person: Array  # position in the block
    day: Array
    place: Array  # 0, 1, … within the trip
    category: Array
    wanted: Array  # product an opened offer is about, -1 none


def as_lines(world: World, people: People, picks: Picks, replication: int = 0) -> Lines:
    """Lines with products, quantities, prices and margins; a product stands once in a trip. No coupons yet."""
    suffix = f":{replication}" if replication else ""
    parts = []
    for start in range(0, len(picks.trip), CHUNK):
        rows = slice(start, start + CHUNK)
        parts.append(_products(world, people, Picks(*(v[rows] for v in vars(picks).values())), suffix))
    product = np.concatenate(parts) if parts else np.empty(0, np.int64)
    once = _first_of(picks.trip, product)
    trip, product, category = picks.trip[once], product[once], picks.category[once]
    person, day = picks.person[once], picks.day[once]
    ids = (people.number[person], day, picks.place[once])
    twice = (draws.uniform(world.seed, f"line:quantity{suffix}", *ids) < world.params.behaviour.more_than_one) & (
        world.catalogue.interval_days[category] > 0
    )
    quantity = 1 + twice.astype(np.int16)
    listed = np.round(world.catalogue.list_price[product] * quantity, 2)
    amount = np.round(listed * (1 - discount(world, day, category)), 2)
    return Lines(
        trip=trip,
        category=category.astype(np.int16),
        product=product.astype(np.int32),
        quantity=quantity,
        list_amount=listed,
        amount=amount,
        coupon=np.zeros(len(trip)),
        margin=np.round(amount - listed * (1 - world.catalogue.margin_rate[product]), 2),
    )


def discount(world: World, day: Array, category: Array) -> Array:
    """Share taken off: promotion days for all (the eve included), and weeks under promotion per category."""
    p = world.params.behaviour
    low, high = p.promotion_depth
    whole = np.zeros(world.horizon)
    for at, _, kind in world.calendar.events:
        if kind == "promotion":
            whole[max(at - 1, 0) : at + 1] = high
    week = day // 7
    on = draws.uniform(world.seed, "promotion:on", category, week) < p.category_promotions
    depth = low + (high - low) * draws.uniform(world.seed, "promotion:depth", category, week)
    return np.maximum(whole[day], np.where(on, np.round(depth * 20) / 20, 0.0))


def _first_of(trip: Array, product: Array) -> Array:
    """Rows of the first line of each product of each trip, in order."""
    _, first = np.unique(trip.astype(np.int64) * (1 << 32) + product, return_index=True)
    return np.sort(first)


def _products(world: World, people: People, picks: Picks, suffix: str) -> Array:
    p, seed = world.params.behaviour, world.seed
    number = people.number[picks.person]
    ids = (number, picks.day, picks.place)
    product = pick(world, people, picks.person, picks.category, picks.day, ids, f"line:product{suffix}")
    share = np.where(world.catalogue.interval_days > 0, p.repeat, p.repeat_other)[picks.category]
    again = np.flatnonzero(draws.uniform(seed, f"line:repeat{suffix}", *ids) < share)
    if len(again):
        person, category = picks.person[again], picks.category[again]
        day = np.full(len(again), -1)
        product[again] = pick(world, people, person, category, day, (number[again], category), "favourite")
    led = (picks.wanted >= 0) & (draws.uniform(seed, f"line:offer{suffix}", *ids) < p.offer_product_share)
    return np.where(led, picks.wanted, product)


def pick(
    world: World, people: People, person: Array, category: Array, day: Array, ids: tuple[Array, ...], purpose: str
) -> Array:
    """One product per row; draws are named by `purpose` and `ids`. Day -1: what was on sale on day 0, no season."""
    p, c = world.params.behaviour, world.catalogue
    column = tuple(np.asarray(i)[:, None] for i in ids)
    u = draws.uniform(world.seed, purpose, *column, np.arange(p.candidates + 1)[None, :])
    candidates = _by_popularity(world, category[:, None], u[:, 1:])
    log_weight = -p.band_pull * np.abs(c.band[candidates].astype(np.int16) - people.band[person][:, None])
    log_weight = log_weight + p.style_pull * (c.style[candidates] == people.style[person][:, None])
    log_weight += p.style_pull * (c.colour[candidates] == people.colour[person][:, None])
    weight = np.exp(log_weight)
    at = np.maximum(day, 0)
    since = at[:, None] - c.launch_day[candidates]
    fresh = (since >= 0) & (since < p.launch_days) & (day >= 0)[:, None]
    weight *= 1 + p.launch_pull * people.novelty[person][:, None] * fresh
    season = (world.calendar.month[at].astype(np.int16) - 3) % 12 // 3 + 1
    worn = c.product_season[candidates]
    weight *= np.where((worn == 0) | (worn == season[:, None]) | (day < 0)[:, None], 1.0, p.off_season)
    weight *= since >= 0
    total = np.cumsum(weight, axis=1)
    kept = candidates[np.arange(len(candidates)), draws.choose(total, u[:, 0])]
    return np.where(total[:, -1] > 0, kept, _staple(world)[category])


def _by_popularity(world: World, category: Array, u: Array) -> Array:
    """Products of the categories by their share, one per element of u."""
    c = world.catalogue
    cumulative = np.cumsum(c.popularity)
    start = np.concatenate([[0.0], cumulative])[c.first_product]
    target = start[category] + u * (start[category + 1] - start[category])
    found = np.searchsorted(cumulative, target, side="right")
    return np.clip(found, c.first_product[category], c.first_product[category + 1] - 1)


def _staple(world: World) -> Array:
    """int64[C]: the most popular product of each category among those that were on sale before day 0, if any."""
    c = world.catalogue
    known = np.where(c.launch_day <= 0, c.popularity, c.popularity - 10)
    spans = zip(c.first_product[:-1], c.first_product[1:], strict=True)
    return np.array([start + int(np.argmax(known[start:stop])) for start, stop in spans])
