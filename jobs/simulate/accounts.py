"""Accounts of a person: what a retailer sees in place of her, and under which of them a fact is recorded.

An account is a hash of the person's number and its kind, so that every row is found without a list of accounts.
A cookie lives until it is deleted; what it saw before its log-in stays the cookie's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.simulate.columns import hex_words
from jobs.simulate.draws import bits, exponential, integers, uniform
from jobs.simulate.model import CHANNELS, People

if TYPE_CHECKING:
    from jobs.simulate.world import World

Array = np.ndarray[Any, Any]

NEVER = 2**30  # a day that does not come
DAY_MINUTES = 1440
DEVICES = 2  # browsers of a person: telephone and computer
STORE, WEB, APP, MINI = range(4)  # codes of MODES
# what is bought needs an account; what is looked at only a cookie
BUYING = frozenset({"transaction", "order", "payment", "return", "review", "case", "points", "redemption"})

CARD, WEB_ACCOUNT, APP_ACCOUNT, SERVICE, MINI_ACCOUNT, WEIBO, COOKIE, RECEIPT = range(8)
PREFIXES = ("mc-", "wb-", "ap-", "wx-", "mp-", "wo-", "ck-", "ps-")
ACCOUNT_KINDS = ("member", "web", "app", "wechat", "wechat", "weibo", "cookie", "pos")


@dataclass(frozen=True)
class Touchpoints:
    """Accounts of a block of n persons: the day from which each exists, `NEVER` where there is none."""

    number: Array  # int64[n]
    card_day: Array  # int32[n]
    web_day: Array
    app_day: Array
    service_day: Array  # WeChat service account
    mini_day: Array  # WeChat mini program
    weibo_day: Array
    receipt_day: Array  # anonymous till receipts: who shops in stores
    cookie_life: Array  # float64[n, DEVICES]; days from one deletion of cookies to the next, 0 without a browser
    cookie_start: Array  # float64[n, DEVICES]; how many days before day 0 the cookie of day 0 was set

    def __len__(self) -> int:
        return len(self.number)


def touchpoints(world: World, people: People) -> Touchpoints:
    """The accounts of `people`; a pure function of seed, parameters and persons."""
    p, seed, number = world.params.accounts, world.seed, people.number
    first = people.first_day.astype(np.int64)
    buyer = ~people.is_follower_only

    def has(purpose: str, share: float) -> Array:
        return np.asarray(uniform(seed, f"account:{purpose}", number) < share)

    def late(purpose: str, share: float, days: float) -> Array:
        lag = 1 + exponential(seed, f"account:{purpose}:days", number) * days
        return np.where(has(f"{purpose}:late", share), lag, 0).astype(np.int64)

    def day(there: Array, since: Array) -> Array:
        return np.where(there, np.minimum(since, NEVER), NEVER).astype(np.int32)

    address = {name: people.has_address[:, code] for code, name in enumerate(CHANNELS)}
    moves = people.migration_day < world.days
    mode = np.where(moves[:, None], np.maximum(people.mode, people.mode_later), people.mode)
    used = mode >= p.least_mode_share
    weibo = address["weibo_message"] | (people.posts_rate > 0)
    service = address["wechat_service"] & (buyer | ~weibo | has("service", p.follower_share))
    service |= people.is_follower_only & ~weibo & ~service  # a follower follows somewhere
    # rare deleters give many cookies a year
    deletes = has("deleter", p.deleter_share)
    browser = np.stack([used[:, WEB], used[:, WEB] & has("computer", 0.5)], axis=1)
    device = np.arange(DEVICES)[None, :]
    spread = 0.6 + 0.8 * uniform(seed, "cookie:life", number[:, None], device)
    life = np.where(deletes, p.deleter_days, p.cookie_days)[:, None] * spread
    return Touchpoints(
        number,
        day(buyer & has("card", p.card_share), first + late("card", p.card_late_share, p.card_late_days)),
        day(buyer & used[:, WEB] & has("web", p.web_share), first + late("web", p.web_late_share, p.web_late_days)),
        day(used[:, APP] | (buyer & address["app_push"]), first),
        day(service, first),
        day(used[:, MINI], first),
        day(weibo, first),
        day(buyer & used[:, STORE], first),
        np.where(browser, life, 0.0),
        uniform(seed, "cookie:start", number[:, None], device) * life,
    )


def account_bits(world: World, kind: int, number: Array, part: Array | int = 0) -> Array:
    """64 bits of the account of `kind` (codes of PREFIXES); `part` tells cookies and receipts of a person apart."""
    return bits(world.seed, f"id:account:{PREFIXES[kind]}", number, part)


def account_words(kind: Array, word: Array) -> pa.Array:
    """Account ids of kind codes and their 64 bits."""
    text = hex_words(word, "xx-")
    data = np.frombuffer(text.buffers()[2], np.uint8).reshape(-1, 19).copy()
    leads = np.frombuffer("".join(PREFIXES).encode(), np.uint8).reshape(-1, 3)
    data[:, :3] = leads[kind]
    return pa.StringArray.from_buffers(len(word), text.buffers()[1], pa.py_buffer(data))


def member_account(world: World, people: People, points: Touchpoints | None = None) -> pa.Array:
    """The account of contacts, consents, points and tiers: the card, else web, app, WeChat, Weibo; null without any."""
    t = points if points is not None else touchpoints(world, people)
    kind = np.full(len(t), -1, np.int8)
    open_days = (
        (WEIBO, t.weibo_day),
        (SERVICE, t.service_day),
        (MINI_ACCOUNT, t.mini_day),
        (APP_ACCOUNT, t.app_day),
        (WEB_ACCOUNT, t.web_day),
        (CARD, t.card_day),
    )
    for code, since in open_days:
        kind[since < NEVER] = code
    missing = kind < 0
    kind[missing] = CARD
    account = account_words(kind, _words(world, kind, t.number, np.zeros(len(t), np.int64)))
    return pc.if_else(pa.array(~missing), account, pa.scalar(None, pa.string()))


def record_account(
    world: World, people: People, points: Touchpoints, person: Array, day: Array, minute: Array, mode: Array, kind: str
) -> pa.Array:
    """Account id under which each fact is recorded.

    `person` is the position in the block, `mode` a code of MODES, `kind` one of BUYING or what is only looked at
    ("browsing", "cart", "visit"). In stores: the card once she has one and shows it, else a till receipt.
    On the web: what is bought under the web account once there is one; what is looked at under the cookie, from its
    log-in on under the web account.
    """
    number, day = points.number[person], day.astype(np.int64)
    account = np.full(len(person), RECEIPT, np.int8)
    part = receipt_part(world, number, day)
    p = world.params.accounts
    carded = day >= points.card_day[person]
    if kind != "visit":  # a visit is recognised by the card or not at all
        carded &= uniform(world.seed, "card:shown", number, day) < p.card_shown
    account[carded] = CARD
    account[mode == APP] = APP_ACCOUNT
    account[mode == MINI] = MINI_ACCOUNT
    web = np.flatnonzero(mode == WEB)
    device, turn, login = cookie_at(world, points, person[web], day[web])
    registered = day[web] >= points.web_day[person[web]]
    known = registered if kind in BUYING else registered & (day[web] * DAY_MINUTES + minute[web] >= login)
    account[web] = np.where(known, WEB_ACCOUNT, COOKIE)
    part[web] = cookie_part(device, turn)
    part[(account != COOKIE) & (account != RECEIPT)] = 0
    return account_words(account, _words(world, account, number, part))


def receipt_part(world: World, number: Array, day: Array) -> Array:
    """Which till token a receipt of the day carries; payment cards are replaced at a day of the person's own."""
    days = world.params.accounts.receipt_days
    return np.asarray((day + integers(world.seed, "receipt:start", days, number)) // days)


def cookie_part(device: Array | int, turn: Array) -> Array:
    """The part of `account_bits` that tells a person's cookies apart."""
    return np.asarray(turn * DEVICES + device)


def cookie_at(world: World, points: Touchpoints, person: Array, day: Array) -> tuple[Array, Array, Array]:
    """Browser used on the day, turn of its cookie and minute (since day 0) at which that cookie logs in."""
    number = points.number[person]
    life = points.cookie_life[person]
    both = life[:, 1] > 0
    device = np.where(both & (uniform(world.seed, "browser", number, day) < 0.5), 1, 0)
    turn = cookie_turn(world, points, person, device, day)
    return device, turn, login_minute(world, points, person, device, turn)


def cookie_turn(world: World, points: Touchpoints, person: Array, device: Array, day: Array) -> Array:
    """How many times the browser's cookies were deleted by the day, counted from the cookie of day 0."""
    life = points.cookie_life[person, device]
    life = np.where(life > 0, life, world.params.accounts.cookie_days)
    return np.floor((day + points.cookie_start[person, device]) / life).astype(np.int64)


def cookie_days(world: World, points: Touchpoints, person: Array, device: Array, turn: Array) -> tuple[Array, Array]:
    """First day of a cookie and the first day after it, never before the person came."""
    life = points.cookie_life[person, device]
    life = np.where(life > 0, life, world.params.accounts.cookie_days)
    start = points.cookie_start[person, device]
    return np.ceil(turn * life - start).astype(np.int64), np.ceil((turn + 1) * life - start).astype(np.int64)


def login_minute(world: World, points: Touchpoints, person: Array, device: Array, turn: Array) -> Array:
    """Minute since day 0 at which the cookie logs in to the web account; beyond all days where it never does."""
    p, seed, number = world.params.accounts, world.seed, points.number[person]
    first, end = cookie_days(world, points, person, device, turn)
    web_day = points.web_day[person].astype(np.int64)
    part = cookie_part(device, turn)
    at = np.maximum(first, web_day) + (exponential(seed, "login:days", number, part) * p.login_days).astype(np.int64)
    # who registers does it in the browser before her
    at = np.where((web_day >= first) & (web_day < end), web_day, at)
    logs_in = (uniform(seed, "login", number, part) < p.login_share) | (at == web_day)
    logs_in &= (at < end) & (points.cookie_life[person, device] > 0)
    minute = at * DAY_MINUTES + 480 + integers(seed, "login:minute", 900, number, part)
    return np.where(logs_in, minute, np.int64(NEVER) * DAY_MINUTES)


def home_store(world: World, people: People) -> Array:
    """The store (0 to stores - 1) that a person goes to: one of three of her region."""
    near = people.region.astype(np.int64) * 3 + integers(world.seed, "store", 3, people.number)
    return np.asarray(near % world.params.accounts.stores)


def store_ids(world: World) -> list[str]:
    """Ids of the stores."""
    return [f"st-{i + 1:02d}" for i in range(world.params.accounts.stores)]


def _words(world: World, kind: Array, number: Array, part: Array) -> Array:
    out = np.empty(len(number), np.uint64)
    for code in np.unique(kind).tolist():
        rows = kind == code
        out[rows] = account_bits(world, code, number[rows], part[rows])
    return out
