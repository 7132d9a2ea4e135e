"""Source tables about account holders: `customers`, `consents`, `referrals`."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.simulate.account_tables import account_bits_of
from jobs.simulate.accounts import CARD, WEB_ACCOUNT, Touchpoints, account_words, member_account, touchpoints
from jobs.simulate.columns import constant, hex_words, order_by, stamps, table, utc, words
from jobs.simulate.draws import bits, integers, uniform
from jobs.simulate.model import ANSWERS, CHANNELS, Log, People
from jobs.simulate.people import make_people

if TYPE_CHECKING:
    from jobs.simulate.world import World

Array = np.ndarray[Any, Any]

REGIONS = ("Shanghai", "Zhejiang", "Jiangsu", "Guangdong", "Beijing", "Sichuan", "Hubei", "Shandong", "Fujian", "Henan")
CITIES = (
    ("Shanghai",),
    ("Hangzhou", "Ningbo", "Wenzhou"),
    ("Nanjing", "Suzhou", "Wuxi"),
    ("Guangzhou", "Shenzhen", "Foshan"),
    ("Beijing",),
    ("Chengdu", "Mianyang"),
    ("Wuhan", "Yichang"),
    ("Jinan", "Qingdao"),
    ("Xiamen", "Fuzhou"),
    ("Zhengzhou", "Luoyang"),
)
POSTCODES = (20, 31, 21, 51, 10, 61, 43, 25, 35, 45)  # first two digits per region
SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
GIVEN = {
    0: "芳娜敏静秀丽娟英慧巧美玲雪琳晶茜莉佳嘉琼婷怡颖瑶妍欣悦梦雨思",
    1: "伟强磊军洋勇艳杰涛明超刚平辉鹏华飞鑫波斌宇浩凯健俊帆志建文博",
}
TWIN = dict(zip("芳静丽英慧莉佳嘉怡颖妍伟杰明辉华鑫宇浩俊", "方婧莉瑛惠丽嘉佳仪影研玮洁铭晖桦欣雨昊峻", strict=True))
AGE_BANDS = ("18-24", "25-34", "35-44", "45-54", "55+")
_BAND_STARTS = np.array([25, 35, 45, 55])


def customers_table(world: World, people: People, points: Touchpoints) -> pa.Table:
    """What card and web accounts state of their holders: incomplete, and typed wrongly at times."""
    person, kind = _holders(world, points)
    number, seed = people.number[person], world.seed
    since = np.where(kind == CARD, points.card_day[person], points.web_day[person])
    word = account_bits_of(world, kind, number, np.zeros(len(person), np.int64))

    def chance(what: str) -> Array:
        return uniform(seed, f"customer:{what}", number, kind)

    def own(what: str, n: int) -> Array:
        return integers(seed, f"holder:{what}", n, number)

    is_man = ~people.female[person]
    age = people.age[person].astype(np.int64)
    born = _born(world, age, own("birthday", 365), chance("birth:slip"))
    region = people.region[person].astype(np.int64) % len(REGIONS)
    home = people.household[person]
    # the delivery address of a web account states region and postcode, a card rarely
    told = np.where(kind == WEB_ACCOUNT, 0.85, 0.6)
    us = utc(world.first_day, since, 600 + integers(seed, "customer:minute", 600, number, kind))
    columns = {
        "account_id": account_words(kind, word),
        "available_ts": stamps(us),
        "age_band": words(AGE_BANDS, np.where(chance("age") < 0.6, np.searchsorted(_BAND_STARTS, age, "right"), -1)),
        "region": words(REGIONS, np.where(chance("region") < told, region, -1)),
        "city": _cities(seed, region, home, chance("region") < told),
        "gender": words(("female", "male"), np.where(chance("gender") < 0.7, is_man.astype(np.int64), -1)),
        "full_name": _names(own, is_man, chance("name"), chance("name:slip")),
        "birth_date": pa.array(born, mask=chance("birth") < np.where(kind == CARD, 0.25, 0.5)).view(pa.date32()),
        "postcode": _postcodes(seed, region, home, chance("postcode") < told - 0.15, chance("postcode:slip")),
    }
    return table(columns, order_by(us, word))


def consents_table(world: World, people: People, points: Touchpoints, log: Log | None = None) -> pa.Table:
    """Consents given when a person came, and marketing consents withdrawn by unsubscribing in `log`."""
    seed, number = world.seed, people.number
    given = people.consents & people.has_address
    person, channel = np.nonzero(given)
    what = [(person, channel, np.zeros(len(person), np.int64))]
    for code, share in ((1, 0.75), (2, 0.12)):
        agreed = np.flatnonzero(given.any(axis=1) & (uniform(seed, f"consent:{code}", number) < share))
        what.append((agreed, np.full(len(agreed), len(CHANNELS)), np.full(len(agreed), code)))
    person, channel, purpose = (np.concatenate(c) for c in zip(*what, strict=True))
    day = people.first_day[person].astype(np.int64)
    minute = integers(seed, "consent:minute", 60, number[person])
    granted = np.ones(len(person), bool)
    if log is not None:
        out = np.flatnonzero(log.answers.kind == ANSWERS.index("unsubscribe"))
        send = log.answers.send[out]
        person = np.concatenate([person, log.sends.person[send]])
        channel = np.concatenate([channel, log.sends.channel[send]])
        purpose = np.concatenate([purpose, np.zeros(len(out), np.int64)])
        day = np.concatenate([day, log.answers.day[out]])
        minute = np.concatenate([minute, log.answers.minute[out]])
        granted = np.concatenate([granted, np.zeros(len(out), bool)])
    account = member_account(world, people, points).take(pa.array(person))
    tie = bits(seed, "consent:order", number[person], channel, purpose, granted)
    us = utc(world.first_day, day, minute, integers(seed, "consent:second", 60, number[person], channel, purpose))
    columns = {
        "account_id": account,
        "channel": words((*CHANNELS, "any"), channel),
        "purpose": words(("marketing", "profiling", "sensitive"), purpose),
        "action": words(("withdrawn", "granted"), granted.astype(np.int64)),
        "event_ts": stamps(us),
        "available_ts": stamps(us + 60_000_000),
        "evidence": constant(None, len(person)),
    }
    keep = (day < world.days) & np.asarray(pc.is_valid(account))
    order = order_by(us, tie)
    return table(columns, order[keep[order]])


def referrals_table(world: World, people: People, points: Touchpoints) -> pa.Table:
    """Who brought whom, under the member accounts of both."""
    rows = np.flatnonzero((people.referrer >= 0) & (people.first_day < world.days))
    known, at = np.unique(people.referrer[rows], return_inverse=True)
    if not len(known):
        brought = pa.array([], pa.string())
    else:
        referrers = make_people(world, known)
        brought = member_account(world, referrers, touchpoints(world, referrers)).take(pa.array(at))
    came = member_account(world, people, points).take(pa.array(rows))
    number = people.number[rows]
    us = utc(world.first_day, people.first_day[rows], 480 + integers(world.seed, "referral:minute", 800, number))
    key = bits(world.seed, "id:referral", number)
    columns = {
        "referral_id": hex_words(key, "rf-"),
        "account_id": brought,
        "referred_account_id": came,
        "event_ts": stamps(us),
        "available_ts": stamps(us + 3_600_000_000),
    }
    keep = np.asarray(pc.and_(pc.is_valid(brought), pc.is_valid(came)))
    order = order_by(us, key)
    return table(columns, order[keep[order]])


def _holders(world: World, points: Touchpoints) -> tuple[Array, Array]:
    card = np.flatnonzero(points.card_day < world.days)
    web = np.flatnonzero(points.web_day < world.days)
    kind = np.concatenate([np.full(len(card), CARD, np.int8), np.full(len(web), WEB_ACCOUNT, np.int8)])
    return np.concatenate([card, web]), kind


def _born(world: World, age: Array, birthday: Array, slip: Array) -> Array:
    """Days since 1970 of the dates of birth as stated: a day or a year beside the true one now and then."""
    start = world.first_day.toordinal() - date(1970, 1, 1).toordinal()
    true = start - (age * 365.25).astype(np.int64) - birthday
    step = np.select([slip < 0.01, slip < 0.015, slip < 0.02], [1, 365, -10], 0)
    return np.asarray((true + step).astype(np.int32))


def _names(own: Any, is_man: Array, chance: Array, slip: Array) -> pa.Array:
    surname = np.array(list(SURNAMES))[_skewed(own("surname", 10**6), len(SURNAMES))]
    pools = np.array([list(GIVEN[0]), list(GIVEN[1])])
    first = pools[is_man.astype(np.int64), own("given", pools.shape[1])]
    second = np.where(own("two", 10) < 8, pools[is_man.astype(np.int64), own("given2", pools.shape[1])], "")
    twin = np.array([TWIN.get(c, c) for c in first.tolist()], dtype=first.dtype)
    name = np.char.add(np.char.add(surname, np.where(slip < 0.02, twin, first)), second)
    return pa.array(name.astype(object), pa.string(), mask=chance < 0.12)


def _skewed(drawn: Array, n: int) -> Array:
    return np.minimum((drawn / 10**6) ** 1.7 * n, n - 1).astype(np.int64)


def _cities(seed: int, region: Array, home: Array, told: Array) -> pa.Array:
    size = np.array([len(c) for c in CITIES])
    city = (np.cumsum(size) - size)[region] + integers(seed, "home:city", 60, home) % size[region]
    return words([city for of_region in CITIES for city in of_region], np.where(told, city, -1))


def _postcodes(seed: int, region: Array, home: Array, told: Array, slip: Array) -> pa.Array:
    lead = np.array(POSTCODES)[region]
    code = lead * 10_000 + integers(seed, "home:postcode", 400, home) * 25
    code = np.where(slip < 0.015, code + 1, code)
    return pc.if_else(pa.array(told), pa.array(code).cast(pa.string()), pa.scalar(None, pa.string()))
