"""Which texts of a batch may hold a word: a few array operations per character, before anything is done per text.

A text passes when a hash of the first letters at any place is that of a word, so that no text with a word is missed,
and few without one pass. Words that hold another word are not looked for: whoever has the longer has the shorter.
"""

from __future__ import annotations

from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from features.tags.normalise import HAN_RANGES, SEPARATORS, ZERO_WIDTH_RANGES, lightly, special_chars

LONGEST = 6  # letters that are compared; longer words by their first ones
_LIMIT = 0x20000  # letters from here on are special
_SPECIAL, _HAN, _MARK, _OPEN, _LATIN = 1, 2, 4, 8, 16
_FACTOR = np.uint32(2654435761)
_FIRST_BITS, _BITS = 22, 20

Flags = NDArray[np.bool_]
Codes = NDArray[np.uint32]


class Prefilter:
    """Finds texts that may hold one of the words, or need `normalise` before words can be found."""

    def __init__(self, words: set[str]) -> None:
        """words: of two letters or more; single letters are looked for as they are."""
        shortest = without_longer(words)
        self._single = np.array(sorted(ord(w) for w in shortest if len(w) == 1), np.uint32)
        self._first = np.zeros(1 << _FIRST_BITS, np.bool_)
        self._longer = {n: np.zeros(1 << _BITS, np.bool_) for n in range(2, LONGEST + 1)}
        for word in shortest:
            if len(word) > 1:
                codes = _codes(word[:LONGEST])
                self._first[_hash(codes[:1], codes[1:2]) >> np.uint32(32 - _FIRST_BITS)] = True
                value = codes[:1]
                for letter in codes[1:]:
                    value = _hash(value, letter)
                self._longer[len(codes)][value >> np.uint32(32 - _BITS)] = True
        self._classes = _classes()

    def find(self, texts: list[str]) -> tuple[dict[int, str], list[int]]:
        """Texts that may hold a word, by position, as `lightly` spells them, and positions of those that need more."""
        joined = lightly(texts)
        codes = _codes(joined)
        lengths = [len(t) + 1 for t in texts]
        if not texts or len(codes) != sum(lengths) - 1:  # a letter that grew
            return {}, list(range(len(texts)))
        ends = np.fromiter(accumulate(lengths), np.int64, len(lengths))
        special = np.unique(np.searchsorted(ends, self._special(codes), "right"))
        found = np.unique(np.searchsorted(ends, self._words(codes), "right"))
        plain = np.setdiff1d(found, special, assume_unique=True).tolist()
        return {i: joined[ends[i] - lengths[i] : ends[i] - 1] for i in plain}, special.tolist()

    def _words(self, codes: Codes) -> NDArray[np.int64]:
        """Places where a word may begin."""
        value = _hash(codes[:-1], codes[1:])
        at = np.flatnonzero(self._first[value >> np.uint32(32 - _FIRST_BITS)])
        value = value[at]
        found = [at[self._longer[2][value >> np.uint32(32 - _BITS)]]]
        for n in range(3, LONGEST + 1):
            fits = at + n <= len(codes)
            at, value = at[fits], value[fits]
            value = _hash(value, codes[at + n - 1])
            found.append(at[self._longer[n][value >> np.uint32(32 - _BITS)]])
        if len(self._single):
            found.append(np.flatnonzero(np.isin(codes, self._single)))
        return np.concatenate(found)

    def _special(self, codes: Codes) -> NDArray[np.int64]:
        """Places of letters that `lightly` does not spell out, of glosses, and of words with marks between letters."""
        kind = self._classes[np.minimum(codes, np.uint32(_LIMIT))]
        found = [np.flatnonzero(kind & _SPECIAL)]
        opening = np.flatnonzero(kind & _OPEN)
        opening = opening[(opening > 0) & (opening + 1 < len(codes))]
        if len(opening):
            gloss = (kind[opening - 1] & _HAN != 0) & (kind[opening + 1] & (_LATIN | _MARK) != 0)
            found.append(opening[gloss])
        mark = np.flatnonzero(kind & _MARK)
        mark = mark[(mark > 0) & (mark + 3 < len(codes))]
        if len(mark):
            spaced = (kind[mark - 1] & kind[mark + 1] & kind[mark + 3] & _HAN != 0) & (kind[mark + 2] & _MARK != 0)
            found.append(mark[spaced])
        return np.concatenate(found)


def without_longer(words: set[str]) -> set[str]:
    """The words that hold no other one.

    >>> sorted(without_longer({"怀孕", "怀孕了", "刚怀孕", "领证"}))
    ['怀孕', '领证']
    """
    kept: set[str] = set()
    for word in sorted(words, key=len):
        size = len(word)
        if not any(word[a:b] in kept for a in range(size) for b in range(a + 1, size + 1)):
            kept.add(word)
    return kept


def _codes(text: str) -> Codes:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def _hash(value: Codes, letter: Codes | np.uint32) -> Codes:
    with np.errstate(over="ignore"):
        return (value * np.uint32(31) + letter) * _FACTOR


def _classes() -> NDArray[np.uint8]:
    """What each character is, as bits."""
    kinds = np.zeros(_LIMIT + 1, np.uint8)
    kinds[_LIMIT] = _SPECIAL
    for c in special_chars():
        kinds[ord(c)] |= _SPECIAL
    for first, last in ZERO_WIDTH_RANGES:
        kinds[first : last + 1] |= _SPECIAL
    for first, last in HAN_RANGES:
        kinds[first : last + 1] |= _HAN
    for c in SEPARATORS:
        kinds[ord(c)] |= _MARK
    kinds[ord("(")] |= _OPEN
    for first, last in ((0x61, 0x7A), (0x41, 0x5A), (0xE0, 0x1DC), (0x251, 0x251), (0x261, 0x261)):
        kinds[first : last + 1] |= _LATIN
    return kinds
