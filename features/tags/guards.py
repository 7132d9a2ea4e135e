"""Guards: is a word that was found really said of the author, as a fact, in earnest and in her own words?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from features.tags.lexicon import Guard
from features.tags.screens import EVERY, Screens

_KEPT = 4096  # sets of guards that are remembered
_CLAUSE = ",。!?;、…~\n\u3000"
_SENTENCE = "。!?\n;"
_CLAUSE_MARK = re.compile(f"[{_CLAUSE}]|\\.\\.|  ")
_SENTENCE_MARK = re.compile(f"[{_SENTENCE}]|\\.\\.")


class Hit(NamedTuple):
    """A stretch of a text that a rule found."""

    start: int
    end: int


@dataclass(frozen=True)
class _Compiled:
    guard: Guard
    pattern: re.Pattern[str]
    unless: re.Pattern[str] | None
    bit: int


class Context:
    """A post's text with the stretches that guards look at, each cut out once."""

    def __init__(self, text: str, emotions: tuple[str, ...] = (), chain: str = "") -> None:
        """text: normalised. emotions: those of the post, which guards of the whole post see as [emotion]."""
        self.text = text
        self._whole = text + "".join(f" [{e}]" for e in emotions)
        self._chain = chain
        self._known: dict[str, bool] = {}
        self._sentences: dict[int, str] = {}

    def left(self, hit: Hit, within: int) -> str:
        """Up to `within` characters before the hit, in its clause."""
        before = self.text[max(0, hit.start - within) : hit.start]
        if not before:
            return before
        last = None
        for last in _CLAUSE_MARK.finditer(before):  # noqa: B007
            pass
        return before[last.end() :] if last else before

    def right(self, hit: Hit, within: int) -> str:
        """Up to `within` characters after the hit, in its clause."""
        after = self.text[hit.end : hit.end + within]
        first = _CLAUSE_MARK.search(after)
        return after[: first.start()] if first else after

    def clause(self, hit: Hit) -> str:
        """The clause around the hit."""
        return self._around(hit, _CLAUSE_MARK)

    def sentence(self, hit: Hit) -> str:
        """The sentence around the hit, with the mark that ends it."""
        found = self._sentences.get(hit.start)
        if found is None:
            found = self._sentences[hit.start] = self._around(hit, _SENTENCE_MARK)
        return found

    def sentence_start(self, hit: Hit) -> int:
        """Where the hit's sentence begins."""
        start = 0
        for m in _SENTENCE_MARK.finditer(self.text, 0, hit.start):
            start = m.end()
        return start

    def _around(self, hit: Hit, mark: re.Pattern[str]) -> str:
        start = 0
        for m in mark.finditer(self.text, 0, hit.start):
            start = m.end()
        end = mark.search(self.text, hit.end)
        return self.text[start : end.end() if end else len(self.text)]

    def says(self, compiled: _Compiled, hit: Hit) -> bool:
        """Whether a guard speaks up for the hit."""
        guard = compiled.guard
        if guard.where == "post":
            known = self._known.get(guard.name)
            if known is None:
                known = self._known[guard.name] = _found(compiled, self._whole)
            return known
        if guard.where == "near":
            return _found(compiled, self.text[max(0, hit.start - guard.within) : hit.end + guard.within])
        if guard.where == "left":
            return _found(compiled, self.left(hit, guard.within))
        if guard.where == "right":
            return _found(compiled, self.right(hit, guard.within))
        if guard.where == "chain":
            return _found(compiled, self._chain)
        if guard.where == "before":
            begin = self.sentence_start(hit)
            return _found(compiled, self.text[begin : hit.start])
        return _found(compiled, self.clause(hit) if guard.where == "clause" else self.sentence(hit))


def _found(compiled: _Compiled, stretch: str) -> bool:
    if not stretch or compiled.pattern.search(stretch) is None:
        return False
    return compiled.unless is None or compiled.unless.search(stretch) is None


class Verdict(NamedTuple):
    """What guards leave of a hit: the factor of its confidence, and the first guard that dropped it."""

    factor: float
    dropped_by: str | None


class Panel:
    """The guards that judge a kind of tag."""

    def __init__(self, asked: list[_Compiled]) -> None:
        self._asked = asked
        self._any = 0
        for compiled in asked:
            self._any |= compiled.bit
        self._of: dict[int, list[_Compiled]] = {}

    def judge(self, context: Context, hit: Hit, present: int = EVERY) -> Verdict:
        """Asks the guards that may speak by the post's mask `present`, until one drops the hit."""
        present &= self._any
        asked = self._of.get(present)
        if asked is None:
            if len(self._of) >= _KEPT:
                self._of.clear()
            asked = self._of[present] = [c for c in self._asked if c.bit & present]
        factor = 1.0
        for compiled in asked:
            if context.says(compiled, hit):
                factor *= compiled.guard.factor
                if factor == 0:
                    return Verdict(0.0, compiled.guard.name)
        return Verdict(factor, None)


class Judges:
    """The guards of a lexicon by kind of tag, compiled."""

    def __init__(self, guards: tuple[Guard, ...], screens: Screens) -> None:
        """Guards that look at the fewest characters come first. `screens` know their patterns."""
        order = {"chain": 0, "left": 0, "right": 1, "before": 2, "near": 3, "post": 3, "clause": 4, "sentence": 5}
        self._by_kind: dict[str, list[_Compiled]] = {}
        self._panels: dict[tuple[str, tuple[str, ...]], Panel] = {}
        for guard in sorted(guards, key=lambda g: order[g.where]):
            unless = re.compile(guard.unless) if guard.unless else None
            compiled = _Compiled(guard, re.compile(guard.pattern), unless, screens.bit(guard.pattern))
            for kind in guard.kinds:
                self._by_kind.setdefault(kind, []).append(compiled)

    def panel(self, kind: str, off: tuple[str, ...]) -> Panel:
        """The guards of a kind, save those that are `off`."""
        panel = self._panels.get((kind, off))
        if panel is None:
            asked = [c for c in self._by_kind.get(kind, ()) if c.guard.name not in off]
            panel = self._panels[kind, off] = Panel(asked)
        return panel
