"""Which identifiers are seen with which account, from cards to cookies. The traps are set in `sightings.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.simulate.accounts import (
    APP_ACCOUNT,
    CARD,
    COOKIE,
    DAY_MINUTES,
    DEVICES,
    MINI_ACCOUNT,
    NEVER,
    RECEIPT,
    SERVICE,
    WEB_ACCOUNT,
    WEIBO,
    Touchpoints,
    cookie_days,
    cookie_part,
    cookie_turn,
    login_minute,
    receipt_part,
)
from jobs.simulate.columns import expand
from jobs.simulate.draws import bits, exponential, integers
from jobs.simulate.model import People
from jobs.simulate.sightings import (
    ADDRESS,
    COOKIE_VALUE,
    DEVICE,
    HOUSEHOLD,
    LATE_LOGIN,
    MEMBER_NO,
    NO_TRAP,
    OPENID,
    TABLET,
    UNIONID,
    USER_ID,
    WEIBO_ID,
    Book,
    Sightings,
)

if TYPE_CHECKING:
    from jobs.simulate.world import World

Array = np.ndarray[Any, Any]


def sightings(world: World, people: People, points: Touchpoints) -> Sightings:
    """All sightings of a block's accounts before the end of the world, by person."""
    book = Book(world, people, points)
    _cards(book)
    _web(book)
    _apps(book)
    _wechat(book)
    _weibo(book)
    _cookies(book)
    _receipts(book)
    return book.closed()


def _chosen(book: Book, since: Array, purpose: str, share: float) -> tuple[Array, Array]:
    person = np.flatnonzero(since < book.world.days)
    person = person[book.chance(purpose, person) < share]
    return person, since[person].astype(np.int64)


def _later(book: Book, person: Array, day: Array, purpose: str, days: float) -> Array:
    return np.asarray(day + (exponential(book.seed, f"later:{purpose}", book.number(person)) * days).astype(np.int64))


def _cards(book: Book) -> None:
    since = book.points.card_day
    everyone, day = _chosen(book, since, "card", 1.0)
    book.add(everyone, CARD, MEMBER_NO, book.value("member_no", everyone), day, in_store=True)
    book.phone(*_accounted(book, since, "card:phone", 0.9, CARD), in_store=True)
    book.email(*_accounted(book, since, "card:email", 0.3, CARD))
    again = book.again("card", since, 0.6)
    book.phone(again[0], CARD, again[1])
    home, day = _chosen(book, since, "card:address", 0.45)
    book.add(home, CARD, ADDRESS, bits(book.seed, "address", book.people.household[home]), day)
    family, day = _chosen(book, since, "card:household", 0.1)
    book.add(family, CARD, HOUSEHOLD, bits(book.seed, "household", book.people.household[family]), day)


def _web(book: Book) -> None:
    since = book.points.web_day
    everyone, day = _chosen(book, since, "web", 1.0)
    book.add(everyone, WEB_ACCOUNT, USER_ID, book.value("user_id", everyone), day)
    book.phone(*_accounted(book, since, "web:phone", 0.75, WEB_ACCOUNT))
    book.email(*_accounted(book, since, "web:email", 0.6, WEB_ACCOUNT))
    again = book.again("web", since, 0.6)
    book.phone(again[0], WEB_ACCOUNT, again[1])
    bound, day = _chosen(book, np.maximum(since, book.points.card_day), "web:card", 0.45)
    book.add(bound, WEB_ACCOUNT, MEMBER_NO, book.value("member_no", bound), _later(book, bound, day, "web:card", 20))
    book.device(*_accounted(book, since, "web:device", 0.2, WEB_ACCOUNT))
    person, day = book.again("web:device", since, 0.7)
    has = book.chance("web:device", person) < 0.2
    book.device(person[has], WEB_ACCOUNT, day[has])
    tablet, day = _chosen(book, since, "tablet", book.params.tablet_share)
    key = bits(book.seed, "tablet", book.store[tablet])
    book.add(tablet, WEB_ACCOUNT, DEVICE, key, day, trap=TABLET, in_store=True)
    home, day = _chosen(book, since, "web:address", 0.5)
    book.add(home, WEB_ACCOUNT, ADDRESS, bits(book.seed, "address", book.people.household[home]), day)


def _apps(book: Book) -> None:
    since = book.points.app_day
    everyone, day = _chosen(book, since, "app", 1.0)
    book.device(everyone, APP_ACCOUNT, day)
    person, day = book.again("app", since, 0.8)
    book.device(person, APP_ACCOUNT, day)
    logged, day = _chosen(book, since, "app:login", 0.7)
    day = _later(book, logged, day, "app:login", 15)
    web = book.points.web_day[logged] < NEVER
    day = np.where(web, np.maximum(day, book.points.web_day[logged]), day)
    trap = np.where(day > since[logged], LATE_LOGIN, NO_TRAP)
    book.add(logged, APP_ACCOUNT, USER_ID, book.value("user_id", logged), day, trap=trap)
    asked = book.chance("app:phone", logged) < 0.7
    book.phone(logged[asked], APP_ACCOUNT, day[asked])


def _wechat(book: Book) -> None:
    for name, account, since in (
        ("service", SERVICE, book.points.service_day),
        ("mini", MINI_ACCOUNT, book.points.mini_day),
    ):
        everyone, day = _chosen(book, since, name, 1.0)
        book.add(everyone, account, OPENID, book.value(f"openid:{name}", everyone), day)
        union, day = _chosen(book, since, f"{name}:unionid", 0.85)
        book.add(union, account, UNIONID, book.value("unionid", union), day)
        told, day = _chosen(book, since, f"{name}:phone", 0.3 if account == SERVICE else 0.6)
        book.phone(told, account, _later(book, told, day, name, 25))


def _weibo(book: Book) -> None:
    since = book.points.weibo_day
    everyone, day = _chosen(book, since, "weibo", 1.0)
    book.add(everyone, WEIBO, WEIBO_ID, book.value("weibo_id", everyone), day)
    # "log in with Weibo"
    joined, day = _chosen(book, np.maximum(since, book.points.web_day), "weibo:web", 0.35)
    book.add(joined, WEB_ACCOUNT, WEIBO_ID, book.value("weibo_id", joined), _later(book, joined, day, "weibo", 20))
    won, day = _chosen(book, since, "weibo:phone", 0.08)  # a prize sent
    book.phone(won, WEIBO, _later(book, won, day, "weibo:phone", 60))


def _cookies(book: Book) -> None:
    points, days = book.points, book.world.days
    for device in range(DEVICES):
        person = np.flatnonzero((points.cookie_life[:, device] > 0) & (book.people.first_day < days))
        start = np.maximum(book.people.first_day[person].astype(np.int64), 0)
        which = np.full(len(person), device)
        first = cookie_turn(book.world, points, person, which, start)
        last = cookie_turn(book.world, points, person, which, np.full(len(person), days - 1))
        row, k = expand(last - first + 1)
        person, turn, start = person[row], first[row] + k, start[row]
        which = np.full(len(person), device)
        part = cookie_part(which, turn)
        begin, end = cookie_days(book.world, points, person, which, turn)
        begin, last = np.maximum(begin, start), np.minimum(end, days) - 1
        key = bits(book.seed, "value:cookie", book.number(person), part)
        book.add(person, COOKIE, COOKIE_VALUE, key, begin, part=part, minute=begin * DAY_MINUTES)
        login = login_minute(book.world, points, person, which, turn)
        seen = np.flatnonzero(login < days * DAY_MINUTES)
        late = login[seen] >= (begin[seen] + 1) * DAY_MINUTES
        minute = np.maximum(login[seen], begin[seen] * DAY_MINUTES)
        trap = np.where(late, LATE_LOGIN, NO_TRAP)
        book.add(person[seen], WEB_ACCOUNT, COOKIE_VALUE, key[seen], begin[seen], minute=minute, trap=trap)
        # seen for the last time, before it is deleted
        again = book.chance("cookie:last", person, part) < 0.8
        parting = last * DAY_MINUTES + 1300
        rows = np.flatnonzero(again & (last > begin))
        book.add(person[rows], COOKIE, COOKIE_VALUE, key[rows], last[rows], part=part[rows], minute=parting[rows])
        rows = np.flatnonzero(again & (login < parting))
        book.add(person[rows], WEB_ACCOUNT, COOKIE_VALUE, key[rows], last[rows], minute=parting[rows])


def _receipts(book: Book) -> None:
    person = np.flatnonzero(book.points.receipt_day < book.world.days)
    day = integers(book.seed, "receipt:mail", book.world.days, book.number(person))
    told = (book.chance("receipt", person) < 0.08) & (day >= book.points.receipt_day[person])
    person, day = person[told], day[told]
    book.phone(person, RECEIPT, day, part=receipt_part(book.world, book.number(person), day))


def _accounted(book: Book, since: Array, purpose: str, share: float, account: int) -> tuple[Array, int, Array]:
    person, day = _chosen(book, since, purpose, share)
    return person, account, day
