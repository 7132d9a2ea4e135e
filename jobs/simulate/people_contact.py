"""What contacts do to a person: persuasion by offer kind, opening by channel, tolerance, addresses and consents.

Each person is of one uplift type. Behind the types stand three indices; `predictable_share` of the variance of each
comes from habits that a shop can observe (love of deals, frequency, online share, age, pull of launches) and the rest
from nothing anybody can see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr

from jobs.simulate.channels import open_rates
from jobs.simulate.draws import Array, choose, normal, uniform
from jobs.simulate.model import CHANNELS, MODES, OFFER_KINDS, UPLIFT_TYPES
from jobs.simulate.people_hidden import Hidden, hidden

if TYPE_CHECKING:
    from jobs.simulate.world import World

PERSUADABLE, SURE_THING, LOST_CAUSE, SLEEPING_DOG = range(len(UPLIFT_TYPES))
_REFERENCE = 8192  # persons outside the world over which shares and means are taken
# share of persons with an address, given that the channel fits how they shop
_ADDRESS = dict(zip(CHANNELS, (0.88, 0.45, 0.6, 0.25, 0.6, 0.85, 0.75, 0.6, 1.0, 0.7), strict=True))
_CONSENT = dict(zip(CHANNELS, (0.8, 0.7, 0.9, 0.85, 0.75, 0.6, 1.0, 0.8, 1.0, 0.75), strict=True))


def contact_latents(world: World, number: Array, h: Hidden, mode: Array, follower: Array) -> dict[str, Array]:
    """Fields of `People` about contacts."""
    seed, p, controls = world.seed, world.params.people, world.params.controls
    kind = uplift_types(world, number, h)
    persuasion = _persuasion(world, number, h, kind)
    spread, differ = p.open_sigma, 1.0
    if controls.no_heterogeneity:
        kind = np.full(len(number), PERSUADABLE, np.int8)
        persuasion = np.broadcast_to(_mean_persuasion(world), persuasion.shape).copy()
        spread, differ = 0.0, 0.0
    if controls.quiet_market:
        persuasion = np.zeros_like(persuasion)
    address = _addresses(world, number, h, mode, follower)
    consent = uniform(seed, "person.consent", number[:, None], np.arange(len(CHANNELS)))
    dislike = np.where(kind == SLEEPING_DOG, 0.75, 1.0)[:, None]
    free = np.array([_CONSENT[c] == 1.0 for c in CHANNELS])
    return {
        "uplift_type": kind,
        "persuasion": persuasion,
        "open_rate": _open_rates(world, number, h, spread),
        "has_address": address,
        "consents": address & (free | (consent < np.array([_CONSENT[c] for c in CHANNELS]) * dislike)),
        "send_hour": _send_hour(seed, number),
        "fatigue_tolerance": (
            p.fatigue_tolerance
            * np.exp(0.4 * differ * normal(seed, "person.tolerance", number))
            * (0.7 + 0.3 * dislike[:, 0])
        ).astype(np.float32),
        "unsubscribe_rate": np.minimum(
            p.unsubscribe_rate * np.exp(0.7 * differ * normal(seed, "person.unsubscribe", number)) / dislike[:, 0] ** 4,
            0.3,
        ).astype(np.float32),
    }


def uplift_types(world: World, number: Array, h: Hidden) -> Array:
    """int8[n] into UPLIFT_TYPES, by thresholds on three indices: put off, persuadable, buys anyway, in this order."""
    outside = -1 - np.arange(_REFERENCE)
    dog, persuadable, sure = _indices(world, number, h).T
    limits = _thresholds(world, _indices(world, outside, hidden(world.seed, outside)))
    picked = np.select(
        [dog > limits[0], persuadable > limits[1], sure > limits[2]],
        [SLEEPING_DOG, PERSUADABLE, SURE_THING],
        LOST_CAUSE,
    )
    return np.asarray(picked, np.int8)


def _indices(world: World, number: Array, h: Hidden) -> Array:
    """float64[n, 3]: inclination to be put off, to be persuaded, to buy anyway."""
    observed = np.stack(
        [
            0.8 * h.age - 0.6 * h.deal,
            (0.7 * h.deal + 0.5 * h.online + 0.4 * h.novelty) / 0.98,
            0.8 * h.value - 0.6 * h.deal,
        ],
        axis=1,
    )
    unseen = normal(world.seed, "person.uplift", number[:, None], np.arange(3))
    share = world.params.people.predictable_share
    return np.asarray(np.sqrt(share) * observed + np.sqrt(1 - share) * unseen)


def _thresholds(world: World, reference: Array) -> Array:
    """float64[3]: limits of the indices at which the types have their shares among persons outside the world."""
    p = world.params.people
    shares = np.array([p.sleeping_dog, p.persuadable, p.sure_thing])
    limits, free = np.empty(3), np.ones(len(reference), bool)
    for step in range(3):
        # whoever is of an earlier type is no longer there to be of this one
        wanted = round(shares[step] * len(reference))
        ordered = np.sort(reference[free, step])[::-1]
        limits[step] = np.inf if not wanted else ordered[wanted] if wanted < len(ordered) else -np.inf
        free &= reference[:, step] <= limits[step]
    return limits


def _persuasion(world: World, number: Array, h: Hidden, kind: Array) -> Array:
    """float32[n, kinds]: log factor on intensity; what moves her differs by offer kind."""
    seed = world.seed
    deal, novelty = ndtr(h.deal), ndtr(h.novelty)
    lean = uniform(seed, "person.lean", number)
    liking = np.stack(
        [
            0.3 + 1.3 * deal,  # coupon
            0.1 + 1.0 * lean,  # content
            0.1 + 1.4 * novelty,  # new arrival
            0.2 + 0.7 * novelty + 0.5 * (1 - lean),  # sample
            0.2 + 0.6 * ndtr(h.value) + 0.4 * deal,  # points
        ],
        axis=1,
    )
    own = np.exp(0.3 * normal(seed, "person.persuasion", number[:, None], np.arange(len(OFFER_KINDS))))
    strength = np.array([1.0, 0.1, 0.05, -0.55])[kind][:, None]
    # who is put off by contacts is put off by all of them
    liking = np.where((kind == SLEEPING_DOG)[:, None], 1.0, liking)
    return np.asarray(world.params.people.persuasion * strength * liking * own, np.float32)


def _mean_persuasion(world: World) -> Array:
    """float32[kinds]: mean over persons drawn outside the world."""
    number = -1 - np.arange(_REFERENCE)
    h = hidden(world.seed, number)
    return _persuasion(world, number, h, uplift_types(world, number, h)).mean(axis=0)


def _open_rates(world: World, number: Array, h: Hidden, most: float) -> Array:
    """float32[n, channels]: the world's rate x a person's factor of mean 1; who shops online reads online channels."""
    digital = np.array([c not in ("sms", "direct_mail", "parcel_insert", "store_staff") for c in CHANNELS])
    own = normal(world.seed, "person.opens", number)[:, None]
    channel = normal(world.seed, "person.open", number[:, None], np.arange(len(CHANNELS)))
    lean = np.where(digital, 0.5, -0.2) * h.online[:, None]
    # the three parts sum to variance 1
    z = lean + 0.5 * own + np.sqrt(0.75 - np.where(digital, 0.25, 0.04)) * channel
    rate = open_rates(world.params.channels, world.seed)
    spread = most * (1 - rate)  # where nearly everybody opens, persons differ less
    return np.minimum(rate * np.exp(spread * z - spread**2 / 2), 0.97).astype(np.float32)


def _addresses(world: World, number: Array, h: Hidden, mode: Array, follower: Array) -> Array:
    """bool[n, channels]: who can be reached where; followers by their network and by display only."""
    seed = world.seed
    share = dict(zip(MODES, mode.T, strict=True))
    online = 1 - share["store"]
    fits = {
        "sms": ~follower,
        "email": ~follower & (online > 0.2),
        "wechat_service": (share["mini_program"] > 0.08) | follower | (h.online > 0),
        "wechat_message": ~follower & (share["store"] > 0.1),
        "weibo_message": (h.novelty > 0.3) | follower,
        "app_push": ~follower & (share["app"] > 0.12),
        "display": online > 0.15,
        "direct_mail": ~follower,
        "parcel_insert": ~follower & (online > 0.05),
        "store_staff": ~follower & (share["store"] > 0.15),
    }
    u = uniform(seed, "person.address", number[:, None], np.arange(len(CHANNELS)))
    return np.stack([fits[c] for c in CHANNELS], axis=1) & (u < np.array([_ADDRESS[c] for c in CHANNELS]))


def _send_hour(seed: int, number: Array) -> Array:
    """float32[n]: noon, after work, or late."""
    place = np.array([8.2, 12.4, 18.6, 21.3])
    picked = choose(np.cumsum([0.15, 0.3, 0.2, 0.35]), uniform(seed, "person.reads", number))
    hour = place[picked] + 0.7 * normal(seed, "person.read_minute", number)
    return np.clip(hour, 7, 23.5).astype(np.float32)
