"""The words of the lexicon in a text: which rules may hold, and where."""

from __future__ import annotations

from collections.abc import Iterator

import ahocorasick

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


def _as_bytes(word: str) -> str:
    return word.encode("utf-8").decode("latin-1")


def _is_latin(c: str) -> bool:
    return "a" <= c <= "z" or "0" <= c <= "9"
