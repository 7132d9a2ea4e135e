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
# shares up to which a shape is written: plain, blanks, dashes, +86, +86 and blanks, 0086, full width
PHONE_SHAPES = np.array([0.62, 0.72, 0.78, 0.90, 0.95, 0.97])
EMAIL_SHAPES = np.array([0.80, 0.88, 0.95])  # plain, upper case, capitalised, with blanks around
SYLLABLES = ("li", "wang", "zhang", "chen", "xiao", "mei", "jing", "hua", "yu", "lin", "tao", "min", "fang", "lei")
_DIGITS = {MEMBER_NO: (10, "88"), USER_ID: (11, "6"), WEIBO_ID: (9, "5")}
_TOKENS = {UNIONID: "oUq", OPENID: "o5x"}  # as WeChat begins them
STREETS = ("人民路", "中山路", "建设大道", "解放街", "文三路", "长江路", "学院路", "和平里", "幸福巷", "新华西路")
TOWNS = ("翠苑", "金水湾", "阳光花园", "万科城", "锦绣苑", "碧桂园", "绿地", "丽景", "银河小区", "东湖")


def identifier_text(seed: int, seen: Sightings, number: Array) -> pa.Array:
    """The identifier of each sighting as it arrives; `number` is the person's number per sighting."""
    parts, places = [pa.array([], pa.string())], [np.empty(0, np.int64)]
    for kind in np.unique(seen.kind).tolist():
        rows = np.flatnonzero(seen.kind == kind)
        key = seen.key[rows]
        style = uniform(seed, "identifier:style", number[rows], seen.minute[rows], seen.account[rows])
        dummy = seen.trap[rows] == PLACEHOLDER
        if kind == PHONE:
            text = _phones(key, style, dummy)
        elif kind == EMAIL:
            text = _emails(seed, key, style, dummy)
        elif kind == ADDRESS:
            text = _addresses(seed, key, style)
        else:
            text = _code(seed, kind, key)
        parts.append(text)
        places.append(rows)
    back = np.empty(len(seen), np.int64)
    back[np.concatenate(places)] = np.arange(len(seen))
    return pa.concat_arrays(parts).take(pa.array(back))


def _code(seed: int, kind: int, key: Array) -> pa.Array:
    if kind in _DIGITS:
        return _digits(key, *_DIGITS[kind])
    if kind in _TOKENS:
        return _token(key, _TOKENS[kind])
    word = bits(seed, "device:tail", key.view(np.int64)) if kind == DEVICE else key
    return hex_words(word, {COOKIE_VALUE: "GA1.", HOUSEHOLD: "hh-"}.get(kind, ""))


def _digits(key: Array, digits: int, lead: str) -> pa.Array:
    number = pc.cast(pa.array(key % np.uint64(10**digits) + np.uint64(10**digits)), pa.string())
    return pc.binary_join_element_wise(lead, pc.utf8_slice_codeunits(number, 1), "")


def _token(key: Array, lead: str) -> pa.Array:
    # 28 characters, as WeChat hands them out
    tail = pc.utf8_slice_codeunits(hex_words(bits(0, "token", key.view(np.int64)), ""), 0, 9)
    return pc.binary_join_element_wise(hex_words(key, lead), tail, "")


def _phones(key: Array, style: Array, dummy: Array) -> pa.Array:
    plain = pc.cast(pa.array(key), pa.string())
    first, middle, last = (pc.utf8_slice_codeunits(plain, a, b) for a, b in ((0, 3), (3, 7), (7, 11)))
    spaced = pc.binary_join_element_wise(first, middle, last, " ")
    wide = plain
    for digit in range(10):
        wide = pc.replace_substring(wide, str(digit), chr(0xFF10 + digit))
    shapes = (
        plain,
        spaced,
        pc.binary_join_element_wise(first, middle, last, "-"),
        pc.binary_join_element_wise("+86", plain, ""),
        pc.binary_join_element_wise("+86 ", spaced, ""),
        pc.binary_join_element_wise("0086", plain, ""),
        wide,
    )
    shape = np.searchsorted(PHONE_SHAPES, style, side="right")
    return _picked(shapes, shape, DUMMY_PHONES, key, dummy)


def _emails(seed: int, key: Array, style: Array, dummy: Array) -> pa.Array:
    owner = (key & ~np.uint64(1 << 20)).view(np.int64)  # a wrong letter changes the number, not the name
    name = [pa.array(SYLLABLES).take(pa.array(integers(seed, f"email:{i}", len(SYLLABLES), owner))) for i in range(2)]
    number = pc.cast(pa.array(key % np.uint64(89_999_999) + np.uint64(10_000_000)), pa.string())
    domain = pa.array(DOMAINS).take(pa.array(choose(DOMAIN_WEIGHTS, uniform(seed, "email:domain", owner))))
    plain = pc.binary_join_element_wise(pc.binary_join_element_wise(*name, number, ""), domain, "@")
    padded = pc.binary_join_element_wise(" ", plain, " ", "")
    shape = np.searchsorted(EMAIL_SHAPES, style, side="right")
    return _picked((plain, pc.utf8_upper(plain), pc.utf8_capitalize(plain), padded), shape, DUMMY_EMAILS, key, dummy)


def _addresses(seed: int, key: Array, style: Array) -> pa.Array:
    home = key.view(np.int64)

    def drawn(what: str, n: int) -> Array:
        return integers(seed, f"address:{what}", n, home)

    street = pa.array(STREETS).take(pa.array(drawn("street", len(STREETS))))
    town = pa.array(TOWNS).take(pa.array(drawn("town", len(TOWNS))))
    parts = [pc.cast(pa.array(drawn(what, n) + 1), pa.string()) for what, n in (("no", 900), ("house", 60))]
    room = pc.cast(pa.array((drawn("floor", 30) + 1) * 100 + drawn("door", 6) + 1), pa.string())
    long = pc.binary_join_element_wise(street, parts[0], "号", town, parts[1], "栋", room, "室", "")
    short = pc.binary_join_element_wise(street, parts[0], "号 ", town, parts[1], "-", room, "")
    return pc.if_else(pa.array(style < 0.8), long, short)


def _picked(shapes: tuple[pa.Array, ...], shape: Array, dummies: tuple[str, ...], key: Array, dummy: Array) -> pa.Array:
    """Of each row the shape drawn, or the made-up value that its key numbers."""
    n = len(shape)
    row = shape * n + np.arange(n)
    row[dummy] = len(shapes) * n + key[dummy].astype(np.int64)
    return pa.concat_arrays([*shapes, pa.array(dummies)]).take(pa.array(row))
