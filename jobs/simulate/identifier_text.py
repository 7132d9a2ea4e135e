"""Identifiers as systems store them and as people type them: equal keys give equal values, not equal text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.simulate.columns import hex_words
from jobs.simulate.draws import bits, choose, integers, uniform
from jobs.simulate.sightings import (
    ADDRESS,
    COOKIE_VALUE,
    DEVICE,
    EMAIL,
    HOUSEHOLD,
    MEMBER_NO,
    OPENID,
    PHONE,
    PLACEHOLDER,
    UNIONID,
    USER_ID,
    WEIBO_ID,
    Sightings,
)

Array = np.ndarray[Any, Any]

DUMMY_PHONES = ("13800138000", "00000000000", "000", "11111111111", "12345678901")
DUMMY_EMAILS = ("info@shop.example", "none@none.com", "test@test.com")
DOMAINS = ("qq.com", "163.com", "126.com", "gmail.com", "sina.cn", "outlook.com", "foxmail.com", "139.com")
DOMAIN_WEIGHTS = np.cumsum([40, 25, 10, 8, 6, 5, 4, 2])
SYLLABLES = ("li", "wang", "zhang", "chen", "xiao", "mei", "jing", "hua", "yu", "lin", "tao", "min", "fang", "lei")
_DIGITS = {MEMBER_NO: (10, "88"), USER_ID: (11, "6"), WEIBO_ID: (9, "5")}
_TOKENS = {UNIONID: "oUq", OPENID: "o5x"}  # as WeChat begins them
STREETS = ("人民路", "中山路", "建设大道", "解放街", "文三路", "长江路", "学院路", "和平里", "幸福巷", "新华西路")
TOWNS = ("翠苑", "金水湾", "阳光花园", "万科城", "锦绣苑", "碧桂园", "绿地", "丽景", "银河小区", "东湖")


def identifier_text(seed: int, seen: Sightings, number: Array) -> pa.Array:
    """The identifier of each sighting as it arrives; `number` is the person's number per sighting."""
    out = np.empty(len(seen), dtype=object)
    for kind in np.unique(seen.kind).tolist():
        rows = np.flatnonzero(seen.kind == kind)
        key = seen.key[rows]
        style = uniform(seed, "identifier:style", number[rows], seen.minute[rows], seen.account[rows])
        dummy = seen.trap[rows] == PLACEHOLDER
        if kind == PHONE:
            out[rows] = _phones(key, style, dummy)
        elif kind == EMAIL:
            out[rows] = _emails(seed, key, style, dummy)
        elif kind == ADDRESS:
            out[rows] = _addresses(seed, key, style)
        else:
            out[rows] = _code(seed, kind, key)
    return pa.array(out, pa.string())


def _code(seed: int, kind: int, key: Array) -> Array:
    if kind in _DIGITS:
        return _digits(key, *_DIGITS[kind])
    if kind in _TOKENS:
        return _token(key, _TOKENS[kind])
    word = bits(seed, "device:tail", key.view(np.int64)) if kind == DEVICE else key
    return _objects(hex_words(word, {COOKIE_VALUE: "GA1.", HOUSEHOLD: "hh-"}.get(kind, "")))


def _digits(key: Array, digits: int, lead: str) -> Array:
    number = pc.cast(pa.array(key % np.uint64(10**digits) + np.uint64(10**digits)), pa.string())
    return _objects(pc.binary_join_element_wise(lead, pc.utf8_slice_codeunits(number, 1), ""))


def _token(key: Array, lead: str) -> Array:
    # 28 characters, as WeChat hands them out
    tail = pc.utf8_slice_codeunits(hex_words(bits(0, "token", key.view(np.int64)), ""), 0, 9)
    return _objects(pc.binary_join_element_wise(hex_words(key, lead), tail, ""))


def _phones(key: Array, style: Array, dummy: Array) -> Array:
    plain = pc.cast(pa.array(key), pa.string())
    out = _objects(plain)
    parts = [pc.utf8_slice_codeunits(plain, a, b) for a, b in ((0, 3), (3, 7), (7, 11))]
    wide = plain
    for digit in range(10):
        wide = pc.replace_substring(wide, str(digit), chr(0xFF10 + digit))
    shapes = (
        (0.62, 0.72, pc.binary_join_element_wise(*parts, " ")),
        (0.72, 0.78, pc.binary_join_element_wise(*parts, "-")),
        (0.78, 0.90, pc.binary_join_element_wise("+86", plain, "")),
        (0.90, 0.95, pc.binary_join_element_wise("+86 ", pc.binary_join_element_wise(*parts, " "), "")),
        (0.95, 0.97, pc.binary_join_element_wise("0086", plain, "")),
        (0.97, 1.00, wide),
    )
    for low, high, text in shapes:
        rows = (style >= low) & (style < high)
        out[rows] = _objects(text)[rows]
    out[dummy] = np.array(DUMMY_PHONES, object)[key[dummy].astype(np.int64)]
    return out


def _emails(seed: int, key: Array, style: Array, dummy: Array) -> Array:
    owner = (key & ~np.uint64(1 << 20)).view(np.int64)  # a wrong letter changes the number, not the name
    name = [pa.array(SYLLABLES).take(pa.array(integers(seed, f"email:{i}", len(SYLLABLES), owner))) for i in range(2)]
    number = pc.cast(pa.array(key % np.uint64(89_999_999) + np.uint64(10_000_000)), pa.string())
    domain = pa.array(DOMAINS).take(pa.array(choose(DOMAIN_WEIGHTS, uniform(seed, "email:domain", owner))))
    local = pc.binary_join_element_wise(*name, number, "")
    plain = pc.binary_join_element_wise(local, domain, "@")
    out = _objects(plain)
    for low, high, text in (
        (0.80, 0.88, pc.utf8_upper(plain)),
        (0.88, 0.95, pc.utf8_capitalize(plain)),
        (0.95, 1.00, pc.binary_join_element_wise(" ", plain, " ", "")),
    ):
        rows = (style >= low) & (style < high)
        out[rows] = _objects(text)[rows]
    out[dummy] = np.array(DUMMY_EMAILS, object)[key[dummy].astype(np.int64)]
    return out


def _addresses(seed: int, key: Array, style: Array) -> Array:
    home = key.view(np.int64)

    def drawn(what: str, n: int) -> Array:
        return integers(seed, f"address:{what}", n, home)

    street = pa.array(STREETS).take(pa.array(drawn("street", len(STREETS))))
    town = pa.array(TOWNS).take(pa.array(drawn("town", len(TOWNS))))
    parts = [pc.cast(pa.array(drawn(what, n) + 1), pa.string()) for what, n in (("no", 900), ("house", 60))]
    room = pc.cast(pa.array((drawn("floor", 30) + 1) * 100 + drawn("door", 6) + 1), pa.string())
    long = pc.binary_join_element_wise(street, parts[0], "号", town, parts[1], "栋", room, "室", "")
    short = pc.binary_join_element_wise(street, parts[0], "号 ", town, parts[1], "-", room, "")
    return np.where(style < 0.8, _objects(long), _objects(short))


def _objects(text: pa.Array) -> Array:
    return np.asarray(text.to_numpy(zero_copy_only=False), dtype=object)
