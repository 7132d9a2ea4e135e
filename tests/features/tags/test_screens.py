"""Screens never hide a match, and posts judged many at once get the tags of each judged alone."""

import random
import re
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.tags.lexicon import Lexicon
from features.tags.matcher import starts_of
from features.tags.normalise import normalise
from features.tags.screens import Screens, needed_letters
from features.tags.tagger import tagger_of
from jobs.lexicon_files import load_lexicon

DAY = date(2026, 3, 10)


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    """That of the repo."""
    return load_lexicon()


def masks(screens: Screens, texts: list[str]) -> list[int]:
    """The masks of texts."""
    return screens.masks("\n".join(texts) + "\n", starts_of(texts))


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("怀孕", {"怀孕"}),
        ("(?:刚|才)生了", {"生了"}),
        ("我?怀(?!疑)孕", {"怀孕"}),
        ("领证|[嫁娶]", {"领证", "嫁", "娶"}),
        ("(?:娃)+", {"娃"}),
        ("^[^我]*$", None),
        ("(?i)offer", None),
        ("a?", None),
    ],
)
def test_needed_letters(pattern: str, expected: set[str] | None) -> None:
    """What a match must hold, or nothing where that is not told by the parse."""
    found = needed_letters(pattern)
    assert found == (None if expected is None else frozenset(expected))


PARTS = [
    "怀",
    "孕",
    "(?:怀|领)证",
    "[我她]",
    "[^我]",
    "我?",
    "(?:怀孕)*",
    "孕{2}",
    "(?!怀)",
    "(?<=我)",
    ".",
    r"\d",
    "^",
    "$",
]


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(PARTS), min_size=1, max_size=4).map("".join), min_size=1, max_size=80),
    st.lists(st.text("怀孕领证我她1٣\n", max_size=8), min_size=1, max_size=4),
)
def test_no_match_is_hidden(alternatives: list[str], texts: list[str]) -> None:
    """Where an expression matches, its bit is set; with few bits and with many."""
    patterns = ["|".join(alternatives[:3]), *alternatives]
    screens = Screens(patterns)
    for text, mask in zip(texts, masks(screens, texts), strict=True):
        for pattern in patterns:
            assert mask & screens.bit(pattern) or re.search(pattern, text) is None, (pattern, text)


def test_starts() -> None:
    """A line feed stands after each."""
    assert np.array_equal(starts_of(["ab", "", "c"]), [0, 3, 4])


def pieces(lexicon: Lexicon) -> list[str]:
    """Words, sentences of rules and guards, and what normalising takes out."""
    found = [w for r in lexicon.rules for w in r.words] + list(lexicon.masks)
    found += [s for r in lexicon.rules for s in (*r.sentences.gives, *r.sentences.spares)] * 2
    found += [t for g in lexicon.guards for _, t in (*g.blocks, *g.passes)] * 4
    marks = [
        "，",
        "。",
        "！",
        "\n",
        " ",
        "[哈哈]",
        "//@小王:转发抽奖",
        "#健身打卡#",
        "#怀孕#",
        "@小李 ",
        "不",
        "我",
        "朋友",
        "..",
        "a",
    ]
    return found + marks * 60 + ["懷", "\u200b", "明天", "3月8号", "还有20天", "？", "想", "\ud83d"] * 20


def test_many_at_once_are_judged_as_one_alone(lexicon: Lexicon) -> None:
    """Random compositions of sentences, words and marks: the same tags, dropped ones too, whatever shares the batch."""
    draw, tagger, stock = random.Random(7), tagger_of(lexicon), pieces(lexicon)
    texts = ["".join(draw.choices(stock, k=draw.randrange(6))) for _ in range(1500)]
    days = [DAY + timedelta(days=draw.randrange(500)) for _ in texts]
    found: dict[int, list[object]] = {}
    for start in range(0, len(texts), 700):
        part = texts[start : start + 700]
        for position, tags in tagger.tags_of(part, lambda p, start=start: days[start + p]):  # type: ignore[misc]
            found[start + position] = list(tags)
    tagged = 0
    for i, (text, day) in enumerate(zip(texts, days, strict=True)):
        alone = tagger.judged(normalise(text), day)
        tagged += bool(alone)
        assert found.get(i, []) == alone, text
    assert tagged > 500
