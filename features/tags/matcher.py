"""The words of the lexicon in a text: which rules may hold, and where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import ahocorasick
import numpy as np
from numpy.typing import NDArray

from features.tags.guards import Hit
from features.tags.lexicon import Lexicon
from features.tags.prefilter import Prefilter

MASK = -1


class Matcher:
    """Finds the words of a lexicon with one automaton. Building it takes a moment: once per process.

    The automaton runs over the bytes of UTF-8: a node then has 64 ways on at most, and not one for each of the
    thousand letters that words begin with, which are gone through one by one.
    """

    def __init__(self, lexicon: Lexicon) -> None:
        """`ValueError` for words that `lightly` and `normalise` could spell differently."""
        rules_of: dict[str, list[int]] = {}
        for position, rule in enumerate(lexicon.rules):
            for word in rule.words:
                if not word.isalnum() or word != word.lower():
                    raise ValueError(f"rule {rule.name}: {word!r} must be letters and digits in lower case only")
                rules_of.setdefault(word, []).append(position)
        self.prefilter = Prefilter(set(rules_of))
        self._words = ahocorasick.Automaton()
        for word, rules in rules_of.items():
            about = (len(word), tuple(rules), _is_latin(word[0]), _is_latin(word[-1]))
            self._words.add_word(_as_bytes(word), about)
        for word in lexicon.masks:
            if word not in rules_of:
                self._words.add_word(_as_bytes(word), (len(word), (MASK,), False, False))
        self._empty = not rules_of
        if rules_of:
            self._words.make_automaton()

    def hits(self, text: str) -> Iterator[tuple[int, Hit]]:
        """(position of a rule, where) for each word in a normalised text that no mask covers, from left to right."""
        if self._empty:
            return
        found: list[tuple[int, int, tuple[int, ...]]] = []
        masked: list[tuple[int, int]] = []
        size, raw = len(text), text.encode("utf-8", "replace")
        for last, (length, rules, latin_start, latin_end) in self._words.iter(raw.decode("latin-1")):
            end = len(raw[: last + 1].decode("utf-8"))
            start = end - length
            if rules[0] == MASK:
                masked.append((start, end))
            elif (latin_start and start and _is_latin(text[start - 1])) or (
                latin_end and end < size and _is_latin(text[end])
            ):
                continue
            else:
                found.append((start, end, rules))
        for start, end, rules in found:
            if masked and any(a <= start and end <= b for a, b in masked):
                continue
            for rule in rules:
                yield rule, Hit(start, end)

    def hits_of_all(self, segments: Sequence[str]) -> dict[int, list[tuple[int, Hit]]]:
        """`hits` of each of many normalised texts, by position, of those that have some: one run over all of them."""
        if self._empty or not segments:
            return {}
        joined = "\n".join(segments) + "\n"  # no word holds a line feed
        raw = joined.encode("utf-8", "replace")
        events = list(self._words.iter(raw.decode("latin-1")))
        letters = np.cumsum(np.frombuffer(raw, np.uint8) & 0xC0 != 0x80, dtype=np.int64)
        lasts = np.fromiter((last for last, _ in events), np.int64, len(events))
        starts = starts_of(segments)
        ends = letters[lasts]
        owners = np.searchsorted(starts, ends, "left") - 1
        found: dict[int, list[tuple[int, Hit]]] = {}
        masked: dict[int, list[tuple[int, int]]] = {}
        for (_, (length, rules, latin_start, latin_end)), end, owner, first in zip(
            events, ends.tolist(), owners.tolist(), starts[owners].tolist(), strict=True
        ):
            start = end - length
            if rules[0] == MASK:
                masked.setdefault(owner, []).append((start - first, end - first))
            elif (latin_start and start and _is_latin(joined[start - 1])) or (latin_end and _is_latin(joined[end])):
                continue
            else:
                hit = Hit(start - first, end - first)
                here = found.get(owner)
                if here is None:
                    here = found[owner] = []
                for rule in rules:
                    here.append((rule, hit))
        for owner in masked.keys() & found.keys():
            free = [h for h in found[owner] if not any(a <= h[1].start and h[1].end <= b for a, b in masked[owner])]
            found[owner] = free
        return found


def starts_of(segments: Sequence[str]) -> NDArray[np.int64]:
    """Where each begins when they are joined with one character after each."""
    lengths = np.fromiter(map(len, segments), np.int64, len(segments)) + 1
    return np.cumsum(lengths) - lengths


def _as_bytes(word: str) -> str:
    return word.encode("utf-8").decode("latin-1")


def _is_latin(c: str) -> bool:
    return "a" <= c <= "z" or "0" <= c <= "9"
