"""The persons of a world: every latent of a block as a pure function of seed, parameters and person number.

The hidden normals of `people_hidden` carry the correlations; everything else hangs on them or is drawn alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr

from jobs.simulate.catalogue import BAND_PRICES, BAND_SHARES, COLOUR_SHARES, STYLE_SHARES, category_table
from jobs.simulate.draws import Array, choose, integers, normal, uniform
from jobs.simulate.life_events import draw_events
from jobs.simulate.model import MODES, PAID, People
from jobs.simulate.people_contact import contact_latents
from jobs.simulate.people_hidden import Hidden, hidden, joining_days
from jobs.simulate.people_social import followers, households, reach_of, referrers

if TYPE_CHECKING:
    from jobs.simulate.world import World

SOURCES = ("organic", "search", "wechat_ad", "kol", "store", "referral", "event")
SOURCE_SHARES = np.array([0.2, 0.17, 0.18, 0.1, 0.17, 0.1, 0.08])
SOURCE_COSTS = np.array([0.0, 14.0, 22.0, 30.0, 6.0, 10.0, 18.0])  # mean cost of winning an account
_SOURCE_QUALITY = np.array([1.0, 0.95, 0.7, 0.6, 1.25, 1.5, 0.8])  # factor on frequency
_SOURCE_LEAVING = np.array([0.9, 1.0, 1.4, 1.6, 0.8, 0.6, 1.3])  # factor on the hazard of leaving
REGION_SHARES = np.array([0.16, 0.1, 0.16, 0.14, 0.13, 0.09, 0.07, 0.06, 0.05, 0.04])
# shoppers by weekday, Monday first: even, weekend, Saturday, Friday evening, working days
_WEEKDAYS = np.array(
    [
        [1, 1, 1, 1, 1, 1, 1],
        [5, 5, 5, 5, 8, 16, 14],
        [3, 3, 3, 3, 5, 30, 7],
        [4, 4, 4, 5, 22, 10, 6],
        [6, 6, 7, 6, 5, 2, 2],
    ]
)
_WEEKDAY_SHARES = np.array([0.3, 0.32, 0.12, 0.08, 0.18])
_KEPT = 0.85  # what discounts, and waiting for consumables to run out, leave of a year's margin
_HOURS = np.array([10.0, 12.5, 15.5, 20.5, 22.8])
_HOUR_SHARES = np.array([0.14, 0.2, 0.24, 0.3, 0.12])


def make_people(world: World, numbers: Array) -> People:
    """Latents of the persons with these numbers, in this order."""
    number = np.asarray(numbers, np.int64)
    seed, p = world.seed, world.params.people
    h = hidden(seed, number)
    home = households(world, number)
    female = uniform(seed, "person.female", number) < 0.58
    age = np.clip(np.round(36 + 11.5 * h.age), 18, 78).astype(np.int16)
    kids = _kids(seed, home, age)
    pet = uniform(seed, "home.pet", home) < 0.24
    taste = _taste(world, number, female, kids, pet)
    follower = followers(world, number)
    source = choose(np.cumsum(SOURCE_SHARES), uniform(seed, "person.source", number))
    mode, later, migration = _modes(world, number, h.online)
    orders = _order_rate(world, h, source) * ~follower
    wallet = _wallet_share(p.wallet_share, 0.5 * h.value + np.sqrt(0.75) * normal(seed, "person.wallet", number))
    further = (p.lines_per_order - 1) * np.exp(
        p.basket_sigma * (0.4 * h.value + np.sqrt(0.84) * normal(seed, "person.basket", number)) - p.basket_sigma**2 / 2
    )
    band = choose(np.cumsum(BAND_SHARES), ndtr(h.band)).astype(np.int8)
    kinds, days = draw_events(world, number, female, age)
    region = choose(np.cumsum(REGION_SHARES), uniform(seed, "home.region", home)).astype(np.int8)
    hour = choose(np.cumsum(_HOUR_SHARES), uniform(seed, "person.hour", number))
    contact = contact_latents(world, number, h, mode, follower)
    return People(
        number=number,
        taste=taste,
        rate=orders / np.einsum("nm,m->n", mode, _paid_shares(world)) / wallet,
        basket=further,
        regularity=np.clip(0.35 + 0.2 * h.value + 0.25 * normal(seed, "person.rhythm", number), 0, 0.95).astype(
            np.float32
        ),
        band=band,
        style=choose(np.cumsum(STYLE_SHARES), uniform(seed, "person.style", number)).astype(np.int8),
        colour=choose(np.cumsum(COLOUR_SHARES), uniform(seed, "person.colour", number)).astype(np.int8),
        size=np.clip(np.round(normal(seed, "person.size", number) + np.where(female, 1.7, 3.2)), 0, 5).astype(np.int8),
        weekday=_weekdays(seed, number),
        hour=np.clip(_HOURS[hour] + 0.8 * normal(seed, "person.minute", number), 7, 23.9).astype(np.float32),
        mode=mode,
        mode_later=later,
        migration_day=migration,
        wallet_share=wallet,
        deal_love=ndtr(h.deal),
        novelty=ndtr(h.novelty),
        first_day=joining_days(world, number),
        leave_hazard=_leave_hazard(world, number, h.value, source),
        is_follower_only=follower,
        source=source.astype(np.int8),
        event_kind=kinds,
        event_day=days,
        posts_rate=_posts_rate(world, number, follower),
        reach=reach_of(seed, number),
        referrer=referrers(world, number, source == SOURCES.index("referral")),
        household=home,
        region=region,
        female=female,
        age=age,
        kids=kids,
        pet=pet,
        lifetime_value=_yearly_margin(world, orders, further, taste, band),
        **contact,
    )


def _kids(seed: int, home: Array, age: Array) -> Array:
    """int8[n]: 0 no child, 1 a baby, 2 a child of 3 to 12."""
    chance = np.interp(age, [22, 26, 32, 40, 48, 52], [0, 0.15, 0.5, 0.6, 0.3, 0.1])
    baby = np.interp(age, [24, 30, 38, 44], [0.5, 0.4, 0.15, 0.0])
    has = uniform(seed, "home.child", home) < chance
    return np.where(has, np.where(uniform(seed, "home.baby", home) < baby, 1, 2), 0).astype(np.int8)


def _taste(world: World, number: Array, female: Array, kids: Array, pet: Array) -> Array:
    """float32[n, C]: the population's shares x demography x her own spread, some favourites lifted."""
    p, seed, c = world.params.people, world.seed, world.catalogue
    factor = {
        "any": np.ones(len(number)),
        "women": np.where(female, 1.0, 0.12),
        "men": np.where(female, 0.25, 1.0),
        "kids": np.where(kids == 2, 1.8, 0.1),
        "baby": np.where(kids == 1, 6.0, 0.03),
        "pet": np.where(pet, 3.0, 0.02),
    }
    audience = [r["audience"] for r in category_table()]
    taste = np.stack([factor[a] for a in factor], axis=1).astype(np.float32)[
        :, [list(factor).index(a) for a in audience]
    ]
    taste = np.ascontiguousarray(taste) * c.appeal.astype(np.float32)
    columns = np.arange(len(c.category))
    taste *= np.exp(p.taste_sigma * normal(seed, "person.taste", number[:, None], columns).astype(np.float32))
    rows = np.arange(len(number))
    for slot in range(p.favourites):
        favourite = integers(seed, "person.favourite", len(columns), number, slot)
        taste[rows, favourite] *= p.favourite_boost
    return taste / taste.sum(axis=1, keepdims=True)


def _order_rate(world: World, h: Hidden, source: Array) -> Array:
    """Paid orders a day in this shop: lognormal, better or worse by acquisition source."""
    p = world.params.people
    quality = _SOURCE_QUALITY / (_SOURCE_QUALITY @ SOURCE_SHARES)
    spread = np.exp(p.rate_sigma * h.value - p.rate_sigma**2 / 2)
    return np.asarray(p.orders_per_year / 365 * spread * quality[source])


def _paid_shares(world: World) -> Array:
    """float64[modes]: share of trips that end in a paid order."""
    return np.array([world.params.behaviour.outcome[m][PAID] for m in MODES])


def _wallet_share(median: float, z: Array) -> Array:
    logit = np.log(median / (1 - median)) + z
    return np.asarray(np.clip(1 / (1 + np.exp(-logit)), 0.03, 0.98))


def _modes(world: World, number: Array, online: Array) -> tuple[Array, Array, Array]:
    """Shares of MODES, those after her migration, and its day (beyond the horizon for who does not migrate)."""
    p, seed = world.params.people, world.seed
    noise = normal(seed, "person.mode", number[:, None], np.arange(len(MODES)))
    pull = np.outer(online, [-1.1, 0.2, 0.6, 0.5]) + np.array([0.5, -0.2, 0.1, 0.2]) + 1.1 * noise
    share = np.exp(1.3 * pull)
    offline = ndtr(online) < p.store_only_share
    share[offline, 1:] = 0
    share /= share.sum(axis=1, keepdims=True)
    later = share * np.array([0.15, 1.0, 1.6, 1.6])
    later[offline] = [0.3, 0.1, 0.2, 0.4]
    later /= later.sum(axis=1, keepdims=True)
    migrates = uniform(seed, "person.migrates", number) < p.migrating_share
    day = np.floor(uniform(seed, "person.migration", number) * world.horizon)
    return share.astype(np.float32), later.astype(np.float32), np.where(migrates, day, 2**20).astype(np.int32)


def _weekdays(seed: int, number: Array) -> Array:
    habit = choose(np.cumsum(_WEEKDAY_SHARES), uniform(seed, "person.weekday", number))
    spread = np.exp(0.15 * normal(seed, "person.weekdays", number[:, None], np.arange(7)))
    factor = (_WEEKDAYS / _WEEKDAYS.mean(axis=1, keepdims=True))[habit] * spread
    return np.asarray(factor / factor.mean(axis=1, keepdims=True), np.float32)


def _leave_hazard(world: World, number: Array, value: Array, source: Array) -> Array:
    leaving = _SOURCE_LEAVING / (_SOURCE_LEAVING @ SOURCE_SHARES)
    z = -0.4 * value + 0.6 * normal(world.seed, "person.leaving", number)
    daily = world.params.people.leave_rate / 365 * np.exp(z - 0.26) * leaving[source]
    return np.asarray(np.minimum(daily, 0.02))


def _posts_rate(world: World, number: Array, follower: Array) -> Array:
    """Posts a day: who only follows is there by a network, of buyers `social_share` are."""
    seed = world.seed
    chance = np.where(follower, 0.9, world.params.people.social_share)
    rate = 0.04 * np.exp(0.9 * normal(seed, "person.posts", number))
    return np.where(uniform(seed, "person.social", number) < chance, np.minimum(rate, 2.0), 0).astype(np.float32)


def _yearly_margin(world: World, orders: Array, further: Array, taste: Array, band: Array) -> Array:
    """Expected margin of a year: orders x lines x margin of a line at her tastes and price band."""
    c = world.catalogue
    # einsum, not a matrix product: its rounding does not depend on how many rows there are
    line = np.einsum("nc,c->n", taste, (c.price * c.margin).astype(np.float32)) * BAND_PRICES[band]
    return np.asarray(_KEPT * orders * 365 * (1 + further) * line, np.float64)
