"""One automaton over all words of the lexicon: which rules may hold, and where."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate

import ahocorasick

from features.tags.guards import Hit
from features.tags.lexicon import Lexicon

MASK = -1


class Matcher:
    """Finds the words of a lexicon. Building it takes some milliseconds, so it is made once per process."""

    def __init__(self, lexicon: Lexicon) -> None:
        """`ValueError` for words that `lightly` and `normalise` could spell differently."""
        rules_of: dict[str, list[int]] = {}
        for position, rule in enumerate(lexicon.rules):
            for word in rule.words:
                if not word.isalnum() or word != word.lower():
                    raise ValueError(f"rule {rule.name}: {word!r} must be letters and digits in lower case only")
                rules_of.setdefault(word, []).append(position)
        self._words = ahocorasick.Automaton()
        self._first = ahocorasick.Automaton()
        for word, rules in rules_of.items():
            self._words.add_word(word, (len(word), tuple(rules), _is_latin(word[0]), _is_latin(word[-1])))
            self._first.add_word(word, 0)
        for word in lexicon.masks:
            if word not in rules_of:
                self._words.add_word(word, (len(word), (MASK,), False, False))
        if rules_of:
            self._words.make_automaton()
            self._first.make_automaton()
        self._empty = not rules_of

    def posts_with_words(self, joined: str, texts: list[str]) -> list[int]:
        """Positions of the texts that hold a word, ascending. joined: `lightly(texts)`."""
        if self._empty:
            return []
        ends = list(accumulate([len(t) + 1 for t in texts]))
        found: list[int] = []
        limit = 0
        for end, _ in self._first.iter(joined):
            if end >= limit:
                post = bisect_right(ends, end)
                found.append(post)
                limit = ends[post]
        return found

    def hits(self, text: str) -> Iterator[tuple[int, Hit]]:
        """(position of a rule, where) for each word in a normalised text that no mask covers, from left to right."""
        if self._empty:
            return
        found: list[tuple[int, int, tuple[int, ...]]] = []
        masked: list[tuple[int, int]] = []
        size = len(text)
        for last, (length, rules, latin_start, latin_end) in self._words.iter(text):
            start, end = last + 1 - length, last + 1
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


def _is_latin(c: str) -> bool:
    return "a" <= c <= "z" or "0" <= c <= "9"
