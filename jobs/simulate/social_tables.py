"""Source tables `social_tags`, `social_stats`, `social_interactions` of a block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from jobs.simulate.accounts import NEVER, SERVICE, WEIBO, Touchpoints, account_bits, account_words
from jobs.simulate.columns import expand, hex_words, numbers, order_by, stamps, table, utc, words
from jobs.simulate.draws import bits, choose, exponential, integers, normal, uniform
from jobs.simulate.model import People
from jobs.simulate.post_contents import interest_categories

if TYPE_CHECKING:
    from jobs.simulate.world import World

Array = np.ndarray[Any, Any]

KINDS = ("follow", "unfollow", "like", "comment", "share", "mention")
ACT_SHARES = np.cumsum([0.68, 0.15, 0.12, 0.05])  # of likes, comments, shares, mentions
STATS_DAYS = 91  # from one look at an account's reach to the next
GIVERS = ("weibo", "listening_tool")


def social_tags(world: World, people: People, points: Touchpoints) -> pa.Table:
    """Tags that the network and a tool gave to authors: interests, of which `tag_noise` are wrong."""
    p, seed = world.params.social, world.seed
    author = np.flatnonzero((people.posts_rate > 0) & (points.weibo_day < world.days))
    number = people.number[author]
    count = (exponential(seed, "tag:count", number) * p.tags).astype(np.int64)
    row, k = expand(np.minimum(count, 12))
    number, person = number[row], author[row]
    place = {name: i for i, name in enumerate(world.catalogue.category)}
    topics = list(interest_categories().items())
    column = np.array([place.get(c or "", -1) for _, c in topics])
    weight = np.where(column >= 0, people.taste[author][:, column], 0.01)
    right = choose(np.cumsum(weight, axis=1)[row], uniform(seed, "tag:topic", number, k))
    wrong = integers(seed, "tag:wrong", len(topics), number, k)
    topic = np.where(uniform(seed, "tag:noise", number, k) < p.tag_noise, wrong, right)
    first = np.maximum(points.weibo_day[person].astype(np.int64), 0)
    day = first + (uniform(seed, "tag:day", number, k) * (world.days - first)).astype(np.int64)
    us = utc(world.first_day, day, 180 + integers(seed, "tag:minute", 60, number, k))
    tie = bits(seed, "order:tag", number, k)
    score = np.round(0.3 + 0.7 * uniform(seed, "tag:score", number, k), 3)
    columns = {
        "account_id": _weibo(world, number),
        "tag": words([t for t, _ in topics], topic),
        "event_ts": stamps(us),
        "available_ts": stamps(us + 6 * 3_600_000_000),
        "score": pa.array(score),
        "given_by": words(GIVERS, (uniform(seed, "tag:by", number, k) < 0.3).astype(np.int64)),
    }
    # a tag is given to an account once a moment
    name = account_bits(world, WEIBO, number)
    _, once = np.unique(np.stack([name, topic.astype(np.uint64), us.view(np.uint64)]), axis=1, return_index=True)
    keep = np.zeros(len(row), bool)
    keep[once] = True
    order = order_by(us, tie)
    return table(columns, order[keep[order]])


def social_stats(world: World, people: People, points: Touchpoints) -> pa.Table:
    """Reach of every Weibo account, looked at every `STATS_DAYS` days."""
    seed = world.seed
    there = np.flatnonzero(points.weibo_day < NEVER)
    day = np.arange(0, world.days, STATS_DAYS)
    row, k = expand(np.full(len(there), len(day)))
    person = there[row]
    keep = points.weibo_day[person] <= day[k]
    person, k = person[keep], k[keep]
    number = people.number[person]
    growth = np.exp(0.15 * normal(seed, "stats:growth", number) * day[k] / 365)
    followers = np.maximum(people.reach[person] * growth, 0).astype(np.int64)
    following = (np.exp(4.6 + 0.9 * normal(seed, "stats:following", number))).astype(np.int64)
    before = exponential(seed, "stats:before", number) * 1500
    posts = ((before + day[k]) * people.posts_rate[person] * 2).astype(np.int64)
    us = utc(world.first_day, day[k], 120 + integers(seed, "stats:minute", 90, number, k))
    tie = bits(seed, "order:stats", number, k)
    columns = {
        "account_id": _weibo(world, number),
        "event_ts": stamps(us),
        "available_ts": stamps(us + 3_600_000_000),
        "followers": numbers(followers, pa.int64()),
        "following": numbers(following, pa.int64()),
        "posts": numbers(posts, pa.int64()),
        "is_verified": pa.array((people.reach[person] > 20_000) & (uniform(seed, "stats:verified", number) < 0.6)),
    }
    return table(columns, order_by(us, tie))


def social_interactions(world: World, people: People, points: Touchpoints, last_day: Array | None = None) -> pa.Table:
    """Following the brand, and likes, comments, shares and mentions: the more, the more she buys here."""
    seed, number = world.seed, people.number
    end = np.full(len(people), world.days) if last_day is None else np.minimum(last_day + 1, world.days)
    parts = []
    for network, page, since in (("weibo", WEIBO, points.weibo_day), ("wechat", SERVICE, points.service_day)):
        there = np.flatnonzero(since < end)
        follows = there[uniform(seed, f"follow:{network}", number[there]) < 0.8]
        parts.append((follows, since[follows].astype(np.int64), np.zeros(len(follows), np.int64), page))
        # who left the shop often leaves its page too, some weeks later; few others do
        gone = end[follows] < world.days
        chance = np.where(gone, 0.3, 0.03)
        day = np.where(gone, end[follows] + 20, integers(seed, f"unfollow:{network}:day", world.days, number[follows]))
        out = (uniform(seed, f"unfollow:{network}", number[follows]) < chance) & (day > since[follows])
        out &= day < world.days
        parts.append((follows[out], day[out].astype(np.int64), np.ones(int(out.sum()), np.int64), page))
        parts.append((*_acts(world, people, follows, since, end, network), page))
    person, day, kind = (np.concatenate([p[i] for p in parts]) for i in range(3))
    account = np.concatenate([np.full(len(p[0]), p[3], np.int8) for p in parts])
    who = number[person]
    us = utc(world.first_day, day, 480 + integers(seed, "act:minute", 900, who, day, kind, account))
    key = bits(seed, "id:interaction", who, day, kind, account)
    word = np.where(account == WEIBO, account_bits(world, WEIBO, who), account_bits(world, SERVICE, who))
    columns = {
        "interaction_id": hex_words(key, "si-"),
        "account_id": account_words(account, word),
        "network": words(("weibo", "wechat"), (account == SERVICE).astype(np.int64)),
        "event_ts": stamps(us),
        "available_ts": stamps(us + 3_600_000_000),
        "interaction_kind": words(KINDS, kind),
    }
    return table(columns, order_by(us, key))


def _acts(
    world: World, people: People, follows: Array, since: Array, end: Array, network: str
) -> tuple[Array, Array, Array]:
    """Person, day and kind of what followers do: Poisson by loyalty, at most one of a kind a day."""
    seed, number = world.seed, people.number[follows]
    loyalty = np.log1p(365 * people.rate[follows] * people.wallet_share[follows]) / 3
    spread = np.exp(0.8 * normal(seed, f"act:{network}", number) - 0.32)
    mean = world.params.social.acts_per_year / 365 * (0.4 + loyalty) * spread
    days = np.arange(world.days)
    hit = uniform(seed, f"act:{network}:day", number[:, None], days) < mean[:, None]
    row, day = np.nonzero(hit & (days >= since[follows][:, None]) & (days < end[follows][:, None]))
    kind = 2 + choose(ACT_SHARES, uniform(seed, f"act:{network}:kind", number[row], day))
    return follows[row], day, kind


def _weibo(world: World, number: Array) -> pa.Array:
    return account_words(np.full(len(number), WEIBO, np.int8), account_bits(world, WEIBO, number))
