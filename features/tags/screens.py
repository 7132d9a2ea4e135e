"""Which expressions may match somewhere in a text: one pass of array operations over a batch instead of a search each.

From an expression's parse the letters are taken without which it cannot match: one of a set of letters, or of pairs of
letters that stand side by side. A text that holds none of them needs no search. What is not understood (flags, any
letter, nothing that must be there) is always searched for, so that a screen never changes a result.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

EVERY = -1  # the mask of a text that was not screened: every expression may match
_WORD = 64
_BITS = 16
_FACTOR = np.uint32(2654435761)
_MOST = 400  # letters or pairs of one screen; more let nearly every text pass
_LAST = 0xFFFF  # letters from here on are one
_COMMON = frozenset("的一是不了我有在人这他你她们来到个说就也都要没那好去想吗吧还上下天家大小会能,.!?:0123456789 ")

Needed = frozenset[str]


class Screens:
    """Expressions by number, and masks of texts in which bit n tells that expression n may match."""

    def __init__(self, patterns: Iterable[str]) -> None:
        """patterns: as `re.compile` takes them without flags; equal ones share a bit."""
        self._bits = {p: 1 << i for i, p in enumerate(dict.fromkeys(filter(None, patterns)))}
        columns = max(1, -(-len(self._bits) // _WORD))
        self._letters = np.zeros((columns, _LAST + 1), np.uint64)
        self._pairs = np.zeros((columns, 1 << _BITS), np.uint64)
        self._always = self._free = 1 << len(self._bits)  # the bit of what is not screened
        for number, pattern in enumerate(self._bits):
            needed = needed_letters(pattern)
            if needed is None:
                self._always |= 1 << number
                continue
            bit = np.uint64(1 << (number % _WORD))
            for letters in needed:
                codes = np.minimum(_codes(letters), np.uint32(_LAST))
                table, at = (self._letters, codes) if len(codes) == 1 else (self._pairs, _pair(codes[:1], codes[1:]))
                table[number // _WORD, at] |= bit

    def bit(self, pattern: str) -> int:
        """The bit of an expression; for the empty one a bit that every mask has."""
        return self._bits[pattern] if pattern else self._free

    def masks(self, joined: str, starts: NDArray[np.int64]) -> list[int]:
        """The mask of each stretch of `joined` from one start to the next. No stretch is empty."""
        if not len(starts):
            return []
        codes = np.minimum(_codes(joined), np.uint32(_LAST))
        # the pair across two stretches counts for the first: a mask may say too much, never too little
        pairs = np.append(_pair(codes[:-1], codes[1:]), np.uint32(0))
        columns = [
            np.bitwise_or.reduceat(letters[codes] | of_pairs[pairs], starts)
            for letters, of_pairs in zip(self._letters, self._pairs, strict=True)
        ]
        if len(columns) == 1:
            return [m | self._always for m in columns[0].tolist()]
        raw, size = np.stack(columns, axis=1).astype("<u8").tobytes(), 8 * len(columns)
        always = self._always
        return [int.from_bytes(raw[i : i + size], "little") | always for i in range(0, len(raw), size)]


@cache
def needed_letters(pattern: str) -> Needed | None:
    """Letters and pairs of letters of which a match of `pattern` holds at least one; None where that is not known.

    >>> sorted(needed_letters("怀孕|[领扯]证")), needed_letters("(?:我)?.")
    (['怀孕', '扯证', '领证'], None)
    """
    parser: Any = importlib.import_module("re._parser")  # what `re.compile` uses; no public way shows a parse
    parsed = parser.parse(pattern)
    if parsed.state.flags & ~re.UNICODE:
        return None
    return _of_sequence(list(parsed))


def _of_sequence(items: Sequence[Any]) -> Needed | None:
    """The best of what must stand in one after another: a pair before single letters, few before many."""
    best: Needed | None = None
    before: frozenset[str] | None = None  # the letters of which one stands just before the item
    for item in _flat(items):
        letters = _letters(item)
        if letters is None:
            found = _of_item(item)
        elif before is not None and len(before) * len(letters) <= _MOST:
            found = frozenset(a + b for a, b in product(before, letters))
        else:
            found = letters
        best = _better(best, found)
        if str(item[0]) not in ("ASSERT", "ASSERT_NOT", "AT"):  # those stand between letters and take no room
            before = letters
    return best


def _flat(items: Sequence[Any]) -> list[Any]:
    """Groups without flags opened, so that letters on both sides of their edges are seen side by side."""
    found: list[Any] = []
    for item in items:
        kind, about = str(item[0]), item[1]
        if kind == "SUBPATTERN" and not about[1] and not about[2]:
            found += _flat(list(about[3]))
        else:
            found.append(item)
    return found


def _letters(item: Any) -> frozenset[str] | None:
    """The letters of an item that is exactly one of a few letters."""
    kind, about = str(item[0]), item[1]
    if kind == "LITERAL":
        return frozenset((chr(about),))
    if kind != "IN":
        return None
    found: set[str] = set()
    for part, what in about:
        if str(part) == "LITERAL":
            found.add(chr(what))
        elif str(part) == "RANGE" and what[1] - what[0] < _MOST:
            found.update(map(chr, range(what[0], what[1] + 1)))
        elif str(part) == "CATEGORY" and str(what) == "CATEGORY_DIGIT":
            found.update(_digits())
        else:
            return None
    return frozenset(found)


def _of_item(item: Any) -> Needed | None:
    kind, about = str(item[0]), item[1]
    if kind == "BRANCH":
        parts = [_of_sequence(list(p)) for p in about[1]]
        known = [p for p in parts if p is not None]
        return frozenset().union(*known) if len(known) == len(parts) else None
    if kind in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT") and about[0] > 0:
        return _of_sequence(list(about[2]))
    return None


def _better(one: Needed | None, other: Needed | None) -> Needed | None:
    if one is None or other is None:
        return one if other is None else other
    return min(one, other, key=_cost)


def _cost(needed: Needed) -> float:
    """About how many texts pass."""
    return sum((30.0 if n in _COMMON else 3.0) if len(n) == 1 else 0.1 for n in needed)


@cache
def _digits() -> frozenset[str]:
    """Letters that count as a digit; those of the far planes stand as one."""
    return frozenset(c for c in map(chr, range(_LAST)) if c.isdecimal()) | {chr(_LAST)}


def _codes(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def _pair(first: NDArray[np.uint32], second: NDArray[np.uint32]) -> NDArray[np.uint32]:
    with np.errstate(over="ignore"):
        return ((first * np.uint32(31) + second) * _FACTOR) >> np.uint32(32 - _BITS)
