"""How words are written around filters: pinyin glosses, zero-width characters, emoji, other spellings, blanks."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import opencc

from jobs.simulate.post_contents import read_data

DISGUISES = ("pinyin", "zero_width", "emoji", "spelling", "blanks")
_ZERO_WIDTH = ("\u200b", "\u200c", "\u200d", "\ufeff", "\u2060")
_TONES = str.maketrans("āáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜ", "aaaaeeeeiiiioooouuuuvvvv")


@cache
def _forms() -> dict[str, dict[str, tuple[str, ...]]]:
    """Disguise: word (Simplified and Traditional): its forms."""
    forms: dict[str, dict[str, tuple[str, ...]]] = {name: {} for name in DISGUISES}
    for script, convert in (("s", str), ("t", opencc.OpenCC("s2tw").convert)):
        for simplified, entry in read_data("disguises.yaml").items():
            pinyin, emoji, spellings = (part.split() for part in entry.split("|"))
            word = convert(simplified)
            if script == "t" and word == simplified:
                continue
            plain = [p.translate(_TONES) for p in pinyin]
            forms["pinyin"][word] = (
                "".join(f"{c}({p})" for c, p in zip(word, pinyin, strict=True)),
                "".join(f"{c}（{p}）" for c, p in zip(word, pinyin, strict=True)),
                "".join(f"{c}({p if i == 0 else q})" for i, (c, p, q) in enumerate(zip(word, pinyin, plain))),
                f"{word[0]}({plain[0]}){word[1:]}",
            )
            forms["zero_width"][word] = tuple(z.join(word) for z in _ZERO_WIDTH)
            forms["emoji"][word] = tuple(emoji)
            forms["spelling"][word] = tuple(convert(x) for x in spellings)
            forms["blanks"][word] = (" ".join(word), "·".join(word), "/".join(word), "\u3000".join(word))
    return forms


@cache
def _pattern() -> re.Pattern[str]:
    return re.compile("|".join(sorted(map(re.escape, _forms()["pinyin"]), key=len, reverse=True)))


def disguised(text: str, disguise: str, u: float) -> str:
    """The text with every word of the table written otherwise; `u` in [0, 1) picks the form.

    >>> disguised("我怀孕了", "blanks", 0.0)
    '我怀 孕了'
    """
    table = _forms()[disguise]
    pick: Callable[[re.Match[str]], str] = lambda m: table[m[0]][int(u * len(table[m[0]]))]  # noqa: E731
    return _pattern().sub(pick, text)
