"""Who posts what and when: the source table `social_posts` of a block and the truth per post."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from jobs.simulate.accounts import NEVER, WEIBO, Touchpoints, account_bits, account_words
from jobs.simulate.columns import DAY_US, constant, expand, hex_words, numbers, order_by, stamps, utc
from jobs.simulate.draws import bits, choose, exponential, integers, normal, uniform
from jobs.simulate.life_events import EVENTS
from jobs.simulate.model import People
from jobs.simulate.post_contents import all_contents, interest_categories
from jobs.simulate.posts import PostRequests, write_posts

if TYPE_CHECKING:
    from jobs.simulate.world import World

Array = np.ndarray[Any, Any]

TALK, LIKING, TRAP, LOSS, BRAND, EVENT = range(6)
_ORDER = (TRAP, LOSS, LIKING, BRAND)  # of the shares in `SocialParams`
TELLING_DAYS = (-25.0, 30.0)  # mean and spread of the days from a life event to a post about it
EARLIEST, LATEST = -150, 60
BIRTH_AFTER = {"pregnant": 175, "baby_due": 45}  # days, where the birth is none of her events
WANTS, FITS = 0.25, 0.08  # of posts about an interest


@dataclass
class Drafts:
    """Posts to be written: equal arrays. `person` is the position in the block, `slot` her life event (-1 none)."""

    person: Array
    day: Array
    slot: Array
    key: Array  # int64; names the post

    def __len__(self) -> int:
        return len(self.person)


def drafts(world: World, people: People, points: Touchpoints, last_day: Array | None = None) -> Drafts:
    """Ordinary posts by rate, and posts about life events around their day. None after `last_day` of a person."""
    p, seed, number = world.params.social, world.seed, people.number
    since = np.maximum(points.weibo_day, 0)
    end = np.full(len(people), world.days) if last_day is None else np.minimum(last_day + 1, world.days)
    author = np.flatnonzero((people.posts_rate > 0) & (points.weibo_day < NEVER) & (since < end))
    # each day at most one ordinary post: a matrix of days is cheap, and no day depends on another
    days = np.arange(world.days)
    hit = uniform(seed, "post:ordinary", number[author][:, None], days) < people.posts_rate[author][:, None]
    row, day = np.nonzero(hit & (days >= since[author][:, None]) & (days < end[author][:, None]))
    ordinary = Drafts(author[row], day, np.full(len(row), -1), np.empty(0))
    row, slot = np.nonzero(people.event_kind[author] >= 0)
    person = author[row]
    tells = uniform(seed, "post:tells", number[person], slot) < p.event_tellers
    person, slot = person[tells], slot[tells]
    count = 1 + (exponential(seed, "post:telling", number[person], slot) * (p.event_posts - 0.5)).astype(np.int64)
    of, k = expand(np.minimum(count, 8))
    person, slot = person[of], slot[of]
    offset = TELLING_DAYS[0] + TELLING_DAYS[1] * normal(seed, "post:offset", number[person], slot, k)
    offset = np.clip(np.rint(offset), EARLIEST, LATEST).astype(np.int64)
    told = people.event_day[person, slot].astype(np.int64) + offset
    fits = (told >= since[person]) & (told < end[person])
    all_of = [np.concatenate(c) for c in ((ordinary.person, person[fits]), (day, told[fits]))]
    slots = np.concatenate([ordinary.slot, slot[fits]])
    place = np.concatenate([np.zeros(len(ordinary), np.int64), 1 + k[fits]])
    key = bits(seed, "key:post", number[all_of[0]], all_of[1], slots, place).view(np.int64)
    return Drafts(all_of[0], all_of[1].astype(np.int64), slots, key)


def contents(world: World, people: People, posts: Drafts) -> Array:
    """Code of what each post is about (place in `all_contents`)."""
    p, seed = world.params.social, world.seed
    shares = {TRAP: p.trap_share, LOSS: p.loss_share, LIKING: p.interest_share, BRAND: p.brand_share}
    cut = np.cumsum([shares[g] for g in _ORDER])
    drawn = np.searchsorted(cut, uniform(seed, "post:about", posts.key), side="right")
    group = np.append(np.array(_ORDER), TALK)[drawn]
    group[posts.slot >= 0] = EVENT
    known = all_contents()
    code = np.empty(len(posts), np.int64)
    pools: dict[int, list[int]] = {TALK: [], TRAP: [], LOSS: [], BRAND: []}
    for i, c in enumerate(known):
        if c.is_loss:
            pools[LOSS].append(i)
        elif c.trap and (c.event or c.interest):
            pools[TRAP].append(i)
        elif c.name == "chatter":
            pools[TALK].append(i)
        elif not c.event and not c.interest:
            pools[BRAND].append(i)
    for kind, pool in pools.items():
        rows = np.flatnonzero(group == kind)
        code[rows] = np.array(pool)[integers(seed, f"post:{kind}", len(pool), posts.key[rows])]
    by_name = {c.name: i for i, c in enumerate(known)}
    rows = np.flatnonzero(group == EVENT)
    event = np.array([by_name[f"event/{name}"] for name in EVENTS])
    code[rows] = event[people.event_kind[posts.person[rows], posts.slot[rows]]]
    rows = np.flatnonzero(group == LIKING)
    code[rows] = _likings(world, people, posts, rows, by_name)
    return code


def social_posts(
    world: World, people: People, points: Touchpoints, last_day: Array | None = None
) -> tuple[pa.Table, pa.Table]:
    """The source table `social_posts` and the truth per post, in the same order."""
    p, seed = world.params.social, world.seed
    posts = drafts(world, people, points, last_day)
    number = people.number[posts.person]
    code = contents(world, people, posts)
    about = _days_to_event(world, people, posts)
    month, day_of_month = _dates(world, posts.day)
    texts = write_posts(seed, PostRequests(number, posts.key, code, about, month, day_of_month, p.wordings))
    evening = np.clip(20.5 + 3.2 * normal(seed, "post:hour", posts.key), 6.5, 23.9) * 60
    us = utc(world.first_day, posts.day, evening, integers(seed, "post:second", 60, posts.key))
    lag = 0.5 + exponential(seed, "post:crawl", posts.key) * p.crawl_hours
    late = uniform(seed, "post:late", posts.key) < p.late_crawl_share
    seen = (
        us
        + (lag * 3.6e9).astype(np.int64)
        + np.where(late, 7 + 30 * uniform(seed, "post:weeks", posts.key), 0).astype(np.int64) * DAY_US
    )
    n = len(posts)
    ids = hex_words(bits(seed, "id:post", posts.key), "wp-")
    account = account_words(np.full(n, WEIBO), account_bits(world, WEIBO, number))
    table = pa.table(
        {
            "post_id": ids,
            "account_id": account,
            "network": constant("weibo", n),
            "event_ts": stamps(us),
            "available_ts": stamps(seen),
            "text": texts.text,
            "is_repost": pa.array(texts.is_repost),
        }
    )
    truth = pa.table(
        {
            "post_id": ids,
            "person": pa.array(number),
            "event": texts.event,
            "interest": texts.interest,
            "trap": texts.trap,
            "holds": pa.array(texts.holds),
            "is_loss": pa.array(texts.is_loss),
            "sentiment": numbers(texts.sentiment, pa.int32()),
            "family": numbers(texts.family, pa.int32()),
            "is_held_out_family": pa.array(texts.is_held_out_family),
            "disguise": texts.disguise,
            "is_traditional": pa.array(texts.is_traditional),
            "days_to_event": numbers(about, pa.int32(), posts.slot < 0),
        }
    )
    order = pa.array(order_by(us, bits(seed, "order:post", posts.key)))
    return table.take(order), truth.take(order)


def _days_to_event(world: World, people: People, posts: Drafts) -> Array:
    """Days to the date that a post may name: of her event (of the birth, for who expects a child), else any date."""
    person, slot = posts.person, np.maximum(posts.slot, 0)
    kind, day = people.event_kind[person], people.event_day[person].astype(np.int64)
    own_kind = np.take_along_axis(kind, slot[:, None], axis=1)[:, 0]
    own_day = np.take_along_axis(day, slot[:, None], axis=1)[:, 0]
    born = kind == EVENTS.index("baby_born")
    birth = np.where(born.any(axis=1), np.take_along_axis(day, born.argmax(axis=1)[:, None], axis=1)[:, 0], -1)
    wait = np.select([own_kind == EVENTS.index(name) for name in BIRTH_AFTER], list(BIRTH_AFTER.values()), -1)
    own_day = np.where(wait < 0, own_day, np.where((birth >= own_day) & (birth > 0), birth, own_day + wait))
    drawn = TELLING_DAYS[0] + TELLING_DAYS[1] * normal(world.seed, "post:date", posts.key)
    return np.where(posts.slot >= 0, own_day - posts.day, -np.rint(drawn).astype(np.int64))


def _likings(world: World, people: People, posts: Drafts, rows: Array, by_name: dict[str, int]) -> Array:
    """Topics by the author's tastes; now and then something that she wants, or that does not fit her."""
    seed, key = world.seed, posts.key[rows]
    place = {name: i for i, name in enumerate(world.catalogue.category)}
    topics = [(t, place.get(c or "", -1)) for t, c in interest_categories().items()]
    column = np.array([c for _, c in topics])
    shared = np.array([max(int((column == c).sum()), 1) for c in column])
    known, at = np.unique(posts.person[rows], return_inverse=True)
    weight = np.where(column >= 0, people.taste[known][:, column] / shared, 0.01)
    topic = choose(np.cumsum(weight, axis=1)[at], uniform(seed, "post:topic", key))
    names = np.array(
        [[by_name.get(f"{c}/{t}", by_name[f"like/{t}"]) for t, _ in topics] for c in ("like", "want", "fit")]
    )
    kind = np.searchsorted(np.cumsum([1 - WANTS - FITS, WANTS]), uniform(seed, "post:liking", key), side="right")
    return np.asarray(names[kind, topic])


def _dates(world: World, day: Array) -> tuple[Array, Array]:
    known = [world.first_day + timedelta(d) for d in range(world.days)]
    month, of_month = (np.array([getattr(d, part) for d in known]) for part in ("month", "day"))
    return month[day], of_month[day]
