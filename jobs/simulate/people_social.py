"""How persons hang together: households, referrals, reach, and those who only follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jobs.simulate.draws import Array, bits, integers, normal, uniform
from jobs.simulate.people_hidden import joining_days

if TYPE_CHECKING:
    from jobs.simulate.world import World

_CANDIDATES = 6  # persons looked at for a referrer; the one with the largest reach has brought her


def followers(world: World, number: Array) -> Array:
    """bool[n]: follows the brand and never buys."""
    return np.asarray(uniform(world.seed, "person.follower", number) < world.params.people.follower_share)


def reach_of(seed: int, number: Array) -> Array:
    """int64[n]: followers on social networks; lognormal with a Pareto tail above."""
    body = np.exp(4.8 + 1.1 * normal(seed, "person.reach", number))
    tail = (1 - uniform(seed, "person.famous", number)) ** -0.55
    return np.minimum(body * tail, 5e6).astype(np.int64)


def shuffled(seed: int, purpose: str, number: Array, n: int) -> Array:
    """A permutation of 0 .. n - 1 applied to `number`: four Feistel rounds, walked until inside the range."""
    half = max((max(n - 1, 1).bit_length() + 1) // 2, 1)
    mask = np.int64((1 << half) - 1)
    out = np.array(number, np.int64)
    todo = np.arange(len(out))
    while len(todo):
        left, right = out[todo] >> half, out[todo] & mask
        for turn in range(4):
            mixed = (bits(seed, purpose, right, turn) >> np.uint64(40)).astype(np.int64) & mask
            left, right = right, left ^ mixed
        out[todo] = (left << half) | right
        todo = todo[out[todo] >= n]
    return out


def households(world: World, number: Array) -> Array:
    """int64[n]: equal for persons who live together (two or three); says nothing of their numbers."""
    seed = world.seed
    group, place = np.divmod(shuffled(seed, "home.place", number, world.n), 3)
    # a group of three is one home, a couple and a single, or three singles
    u = uniform(seed, "home.kind", group)
    share = world.params.people.household_share
    home = np.where(u < share / 2, 0, np.where(u < 1.25 * share, np.maximum(place - 1, 0), place))
    return (bits(seed, "home.id", group, home) >> np.uint64(1)).astype(np.int64)


def referrers(world: World, number: Array, referred: Array) -> Array:
    """int64[n]: who brought her: of some persons drawn who came before her, the one with the largest reach; -1 none."""
    out = np.full(len(number), -1, np.int64)
    rows = np.flatnonzero(referred)
    her = number[rows]
    drawn = integers(world.seed, "person.referrer", world.n, her[:, None], np.arange(_CANDIDATES))
    flat = drawn.reshape(-1)
    came = joining_days(world, flat).reshape(drawn.shape)
    fits = (came < joining_days(world, her)[:, None]) & (drawn != her[:, None])
    reach = np.where(fits, reach_of(world.seed, flat).reshape(drawn.shape), -1)
    best = reach.argmax(axis=1)
    at = np.arange(len(rows))
    out[rows] = np.where(reach[at, best] >= 0, drawn[at, best], -1)
    return out
