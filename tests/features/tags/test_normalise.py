"""One spelling for all: each step, the order of steps, and that the quick way misses nothing."""

import random

import opencc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.tags.normalise import IN_PHRASES, normalise, own_words, simplified, special_chars
from features.tags.prefilter import Prefilter, without_longer


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("怀\u200b孕了", "怀孕了"),  # a zero-width character between letters
        ("怀(huái)孕(yùn)了", "怀孕了"),  # glosses
        ("怀（huai）（yun）孕", "怀孕"),  # glosses after each other, full-width marks
        ("懷孕了", "怀孕了"),  # traditional
        ("Ｏｆｆｅｒ到手", "offer到手"),  # full-width letters
        ("怀 孕 了", "怀孕了"),  # letters spelled apart
        ("好累 想睡", "好累 想睡"),  # a blank that is punctuation
        ("搬家//@朋友:恭喜搬家", "搬家"),  # own words only
        ("打坏了杯子", "打坏了杯子"),  # simplified stays, though OpenCC would read a traditional phrase
    ],
)
def test_spelling(text: str, expected: str) -> None:
    """Every disguise ends in the one spelling."""
    assert normalise(text).text.strip() == expected


def test_what_is_kept_apart() -> None:
    """Topics, emotions and the chain leave the text and are kept; names and URLs are gone."""
    own = normalise("练腿@小王 #健身打卡#[笑哭] http://t.cn/abc 累//@大王:转发抽奖")
    assert own.topics == ("健身打卡",)
    assert own.emotions == ("笑哭",)
    assert own.chain == "大王:转发抽奖"
    assert own.text.split() == ["练腿", "累"]


def test_texts_without_traditional_characters_need_no_opencc() -> None:
    """OpenCC leaves them as they are, save for phrases of 坏, which in simplified script means bad."""
    convert = opencc.OpenCC("t2s").convert
    draw = random.Random(1)
    plain = [c for c in map(chr, range(0x4E00, 0x9FA6)) if c not in special_chars() and c != "坏"]
    for _ in range(300):
        text = "".join(draw.choices(plain, k=60))
        assert convert(text) == text == simplified(text)
    assert all(c in special_chars() for c in IN_PHRASES)


PIECES = [
    "怀孕",
    "懷",
    "孕",
    "领证",
    "offer",
    "OFFER",
    "ｏｆｆｅｒ",
    "不",
    "我",
    "(huai)",
    "（yun）",
    "\u200b",
    " ",
    ".",
    "·",
    "，",
    "！",
]
PIECES += [
    "#",
    "@小王",
    "//@",
    "http://t.cn/a",
    "[",
    "]",
    "\n",
    "é",
    "🄰",
    "☀️",
    "İ",
    "…",
    "a",
    "1",
    "①",
    "證",
    "咖啡",
    "\ud83d"[:0],
]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=9).map("".join), max_size=4))
def test_the_prefilter_misses_no_text_with_a_word(texts: list[str]) -> None:
    """What `normalise` shows a word in is found, and the light spelling of the rest of the found is the full one."""
    words = {"怀孕", "怀孕了", "领证", "offer", "咖啡", "1a"}
    plain, special = Prefilter(words).find(texts)
    for i, text in enumerate(texts):
        own = normalise(text)
        if any(w in part for w in words for part in (own.text, *own.topics)):
            assert i in plain or i in special, text
        if i in plain:
            assert own_words(text, plain[i]) == own


def test_without_longer() -> None:
    """A word that holds another is not needed to find texts."""
    assert without_longer({"怀孕", "怀孕了", "我怀孕", "领证"}) == {"怀孕", "领证"}
