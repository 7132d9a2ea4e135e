"""The words of a post as its author meant them: one spelling, own words only.

Order: NFKC; zero-width characters, URLs, @names, `#topic#` (kept apart), Weibo's [emotion] tokens (kept apart) and
the `//@` retweet chain out; `(pinyin)` glosses after a Han character out, until nothing changes; letters spelled
with blanks between them joined; traditional to simplified; lower case.

Most posts need little of this and hold no word of the lexicon. `lightly` spells a whole batch well enough to find
those that may hold one: every word that `normalise` would show stands in the light text too, or the text is special.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import opencc

HAN_RANGES = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF))
ZERO_WIDTH_RANGES = (
    *[(c, c) for c in (0xAD, 0x34F, 0x61C, 0x115F, 0x180E, 0xFEFF)],
    *[(0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x2064), (0x2066, 0x206F), (0xFE00, 0xFE0F)],
)
SEPARATORS = " .·*_|-"  # marks that hide a word when they stand between its letters
HAN = "".join(f"{chr(a)}-{chr(b)}" for a, b in HAN_RANGES)
ZERO_WIDTH = "".join(f"{chr(a)}-{chr(b)}" for a, b in ZERO_WIDTH_RANGES)
# full-width marks that nearly every post has; replaced one for one, so that positions stand
MARKS = {"，": ",", "！": "!", "？": "?", "：": ":", "；": ";", "（": "(", "）": ")", "～": "~", "\u3000": " "}
# OpenCC changes phrases of these though they stand alone unchanged
IN_PHRASES = "瞭覆藉沈"

_ZERO = re.compile(f"[{ZERO_WIDTH}]")
_URL = re.compile(r"(?:https?://|www\.)[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
_CHAIN = re.compile(r"//\s*@")
_NAME = re.compile(rf"@[\w\-{HAN}]{{1,30}}[:\s]?")
_TOPIC = re.compile(r"#([^#\n]{1,40})#|#([^#\s]{1,20})(?=\s|$)")
_EMOTION = re.compile(rf"\[([\w{HAN}]{{1,8}})\]")
_STRIPPED = re.compile(r"[@#\[]|//|www\.")
_GLOSS = re.compile(rf"([{HAN}])\(\s*[a-z\u00e0-\u01dc\u0251\u0261]+(?:[\s'’][a-z\u00e0-\u01dc]+)*[1-5]?\s*\)", re.I)
_SPACED = re.compile(rf"(?<![{HAN}])[{HAN}](?:[{re.escape(SEPARATORS)}][{HAN}]){{2,}}(?![{HAN}])")
_MAY_BE_SPACED = re.compile(rf"[{re.escape(SEPARATORS)}][{HAN}][{re.escape(SEPARATORS)}]")


class Own(NamedTuple):
    """A post's own words, and what was taken out of them but still tells something."""

    text: str
    topics: tuple[str, ...] = ()
    emotions: tuple[str, ...] = ()
    chain: str = ""  # what others wrote, passed on: for the guard against draws alone


def normalise(text: str) -> Own:
    """`text` in one spelling, see the module.

    >>> normalise("怀(huái)孕啦！#孕期日记#[哈哈]//@朋友:恭喜")
    Own(text='怀孕啦!    ', topics=('孕期日记',), emotions=('哈哈',), chain='朋友:恭喜')
    """
    return spelled(*stripped(text))


def own_words(text: str, light: str) -> Own:
    """`normalise(text)` of a text that is not special, sooner where its light spelling is all it needs."""
    if _STRIPPED.search(light) is None and unicodedata.is_normalized("NFKC", light):
        return Own(light)
    return normalise(text)


def stripped(text: str) -> tuple[str, tuple[str, ...], tuple[str, ...], str]:
    """The text without what others wrote or machines put in, with its topics, emotions and chain."""
    text = unicodedata.normalize("NFKC", text)
    if _ZERO.search(text):
        # a mark may have been hidden in a letter's parts
        text = unicodedata.normalize("NFKC", _ZERO.sub("", text))
    topics: tuple[str, ...] = ()
    emotions: tuple[str, ...] = ()
    passed_on = ""
    # what goes leaves two blanks, so that the words beside it are not read as one
    if "//" in text:
        chain = _CHAIN.search(text)
        if chain:
            text, passed_on = text[: chain.start()], text[chain.end() :]
    if "//" in text or "www." in text:
        text = _URL.sub("  ", text)
    if "@" in text:
        text = _NAME.sub("  ", text)
    if "#" in text:
        topics = tuple(a or b for a, b in _TOPIC.findall(text))
        text = _TOPIC.sub("  ", text)
    if "[" in text:
        emotions = tuple(_EMOTION.findall(text))
        text = _EMOTION.sub("  ", text)
    return text, topics, emotions, passed_on


def spelled(text: str, topics: tuple[str, ...], emotions: tuple[str, ...], chain: str = "") -> Own:
    """One spelling for all: glosses and blanks out, simplified, lower case."""
    if "(" in text:
        text = without_glosses(text)
    text = simplified(joined_letters(text))
    if topics:
        topics = tuple(simplified(t).lower() for t in topics)
    if emotions:
        emotions = tuple(simplified(e).lower() for e in emotions)
    return Own(text.lower(), topics, emotions, simplified(chain).lower())


def without_glosses(text: str) -> str:
    """Without `(pinyin)` after a Han character, also where glosses follow each other.

    >>> without_glosses("怀(huai)(yun)孕")
    '怀孕'
    """
    while True:
        shorter = _GLOSS.sub(r"\1", text)
        if shorter == text:
            return text
        text = shorter


def joined_letters(text: str) -> str:
    """Runs of three or more single Han characters with a mark between each are one word.

    >>> joined_letters("终于 怀 孕 了 吧"), joined_letters("好累 想 睡")
    ('终于 怀孕了吧', '好累 想 睡')
    """
    return _SPACED.sub(lambda m: m.group()[::2], text) if _MAY_BE_SPACED.search(text) else text


def simplified(text: str) -> str:
    """Traditional to simplified. Texts without any traditional character stay, also where OpenCC would change them.

    It reads 打坏 (to break) as a traditional phrase of 坯; a text in simplified characters means what it says.
    """
    return _to_simplified()(text) if _traditional().search(text) else text


def lightly(texts: list[str]) -> str:
    """All texts lower case, joined by line feeds, each as long as it was: see the module."""
    joined = "\n".join(texts)
    for mark, plain in MARKS.items():
        joined = joined.replace(mark, plain)
    # the one letter whose lower case is longer: any special character in its place
    return joined.replace("\u0130", "\u200b").lower()


@cache
def special_chars() -> frozenset[str]:
    """Characters of the first two planes that need more than `lightly` before words can be found."""
    hiding = {chr(c) for c in range(0x80, 0x20000) if _hides_a_letter(chr(c))}
    return frozenset({*hiding, *_traditional_chars(), "\u0130"})


def _hides_a_letter(c: str) -> bool:
    """Whether NFKC makes of a character letters, digits, or a mark that glosses and blanks are known by."""
    plain = unicodedata.normalize("NFKC", c)
    return plain != c and c not in MARKS and (plain in f"({SEPARATORS}" or any(p.isalnum() for p in plain))


def _char_ranges(chars: set[str]) -> str:
    """The inside of a character class."""
    codes = sorted(map(ord, chars))
    spans: list[list[int]] = []
    for code in codes:
        if spans and spans[-1][1] == code - 1:
            spans[-1][1] = code
        else:
            spans.append([code, code])
    return "".join(f"{chr(a)}-{chr(b)}" if b > a else chr(a) for a, b in spans)


@cache
def _to_simplified() -> Callable[[str], str]:
    return opencc.OpenCC("t2s").convert  # type: ignore[no-any-return]


@cache
def _traditional_chars() -> str:
    """Characters that a text in simplified script does not hold."""
    convert = _to_simplified()
    blocks = (*range(0x2E80, 0xD800), *range(0xF900, 0xFB00))
    return "".join(c for c in map(chr, blocks) if convert(c) != c) + IN_PHRASES


@cache
def _traditional() -> re.Pattern[str]:
    return re.compile(f"[{_char_ranges(set(_traditional_chars()))}\U00020000-\U0003ffff]")
