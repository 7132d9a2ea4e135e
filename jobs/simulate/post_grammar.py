"""Templates of posts as tables: every family is a row of pieces, every piece a stretch of one vocabulary.

So a hundred thousand texts are a few gathers and one join, whatever their families.

A template holds literals, `{slots}` and `(one|of|several)`, which nest. Each alternative is as likely as the others,
however many texts it stands for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import lcm, prod

import numpy as np

from jobs.simulate.draws import Array
from jobs.simulate.errors import WorldError
from jobs.simulate.post_contents import Content, all_contents, slot_fillers
from jobs.simulate.post_dates import FILLERS, NAMES

MOST_EXPANSIONS = 96  # texts that one alternative may stand for; more are thinned evenly
FAMILIES_PER_CONTENT = 100  # family id = code of the content times this plus its place
_STRIDE = 7919  # a prime, to thin expansions across all their parts
_DATED = re.compile("|".join(rf"\{{{name}\}}" for name in NAMES))


@dataclass(frozen=True)
class Grammar:
    """Tables of all families. Pieces are padded with the empty text, word 0."""

    words: tuple[str, ...]
    start: Array  # int32[rows, pieces]; first word of the piece
    count: Array  # int32[rows, pieces]; words to choose from
    dated: Array  # int8[rows, pieces]; number of the date slot, -1 none
    row_family: Array  # int32[rows]; a family has one row per way its date slots fall
    family_row: Array  # int32[families + 1]; first row of each family
    family_content: Array  # int16[families]
    family_id: Array  # int32[families]
    is_held_out: Array  # bool[families]
    family_when: tuple[str, ...]  # per family, one of post_contents.WHEN


def split_choice(text: str) -> list[str]:
    """Alternatives of the inside of a bracket.

    >>> split_choice("a|(b|c)d|")
    ['a', '(b|c)d', '']
    """
    parts, depth, last = [], 0, 0
    for i, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == "|" and depth == 0:
            parts.append(text[last:i])
            last = i + 1
    return [*parts, text[last:]]


def parse(text: str) -> list[tuple[str, str]]:
    """Pieces of a template: ("text" | "slot" | "choice", what).

    >>> parse("我{done}(！|)")
    [('text', '我'), ('slot', 'done'), ('choice', '！|')]
    """
    pieces, i = [], 0
    while i < len(text):
        if text[i] == "{":
            end = text.index("}", i)
            pieces.append(("slot", text[i + 1 : end]))
        elif text[i] == "(":
            depth, end = 1, i
            while depth:
                end += 1
                if end == len(text):
                    raise WorldError(f"conf/world_posts: bracket left open in {text!r}")
                depth += (text[end] == "(") - (text[end] == ")")
            pieces.append(("choice", text[i + 1 : end]))
        else:
            end = next((j for j in range(i, len(text)) if text[j] in "{("), len(text)) - 1
            if text[i : end + 1].strip("})|") != text[i : end + 1] or ")" in text[i : end + 1]:
                raise WorldError(f"conf/world_posts: bracket closed that was not open in {text!r}")
            pieces.append(("text", text[i : end + 1]))
        i = end + 1
    return pieces


class Fillers:
    """Texts of slots, each expanded once. What is not its own is the business of `base`."""

    def __init__(self, templates: Mapping[str, tuple[str, ...]], base: Fillers | None = None) -> None:
        self._templates = templates
        self._base = base
        self._texts: dict[str, tuple[str, ...]] = {}

    def texts(self, slot: str) -> tuple[str, ...]:
        """All texts of a slot, each of its templates with the same weight."""
        if slot not in self._templates:
            if self._base is None:
                raise WorldError(f"conf/world_posts: no filler for slot {{{slot}}}")
            return self._base.texts(slot)
        if slot not in self._texts:
            self._texts[slot] = balanced(self._templates[slot], self)
        return self._texts[slot]


def expand(text: str, fillers: Fillers) -> tuple[str, ...]:
    """All texts that a template without date slots stands for, thinned to MOST_EXPANSIONS.

    >>> expand("(a|b)c{d}", Fillers({"d": ("1", "2")}))
    ('ac1', 'ac2', 'bc1', 'bc2')
    """
    parts = [options(kind, what, fillers) for kind, what in parse(text)]
    total = prod(len(p) for p in parts)
    picks = range(total) if total <= MOST_EXPANSIONS else sorted(i * _STRIDE % total for i in range(MOST_EXPANSIONS))
    out = []
    for pick in picks:
        chosen = []
        for part in reversed(parts):
            pick, at = divmod(pick, len(part))
            chosen.append(part[at])
        out.append("".join(reversed(chosen)))
    return tuple(out)


def options(kind: str, what: str, fillers: Fillers) -> tuple[str, ...]:
    """Texts of one piece."""
    if kind == "text":
        return (what,)
    return fillers.texts(what) if kind == "slot" else balanced(split_choice(what), fillers)


def balanced(alternatives: Sequence[str], fillers: Fillers) -> tuple[str, ...]:
    """Texts of several templates, each template with the same weight."""
    expanded = [expand(a, fillers) for a in alternatives]
    length = lcm(*(len(a) for a in expanded))
    length = length if length <= MOST_EXPANSIONS else max(len(a) for a in expanded)
    return tuple(a[i % len(a)] for a in expanded for i in range(length))


def variants(text: str) -> list[str]:
    """The template once per alternative that holds a date slot, for those are filled per post.

    >>> variants("({e_days}天|快了)，(a|b)")
    ['{e_days}天，(a|b)', '快了，(a|b)']
    """
    pieces = parse(text)
    for at, (kind, what) in enumerate(pieces):
        if kind == "choice" and _DATED.search(what):
            before, after = _unparse(pieces[:at]), _unparse(pieces[at + 1 :])
            return [v for a in split_choice(what) for v in variants(f"{before}{a}{after}")]
    return [text]


def _unparse(pieces: Sequence[tuple[str, str]]) -> str:
    shapes = {"text": "{}", "slot": "{{{}}}", "choice": "({})"}
    return "".join(shapes[kind].format(what) for kind, what in pieces)


class _Vocabulary:
    """Words of all pieces; a piece met before is not stored again."""

    def __init__(self) -> None:
        self.words: list[str] = [""]
        self._found: dict[tuple[str, ...], tuple[int, int]] = {("",): (0, 1)}

    def place(self, texts: tuple[str, ...]) -> tuple[int, int]:
        if texts not in self._found:
            self._found[texts] = (len(self.words), len(texts))
            self.words.extend(texts)
        return self._found[texts]


def _pieces(text: str, fillers: Fillers, words: _Vocabulary) -> list[tuple[int, int, int]]:
    """(first word, words, date slot or -1) of each piece of a template."""
    out = []
    for kind, what in parse(text):
        if kind == "slot" and what in FILLERS:
            out.append((*words.place(FILLERS[what]), NAMES.index(what)))
        else:
            out.append((*words.place(options(kind, what, fillers)), -1))
    return out


def compile_contents(contents: Sequence[Content], common: Mapping[str, tuple[str, ...]]) -> Grammar:
    """Tables of the families of `contents`; `common` holds the fillers that all share."""
    words, base = _Vocabulary(), Fillers(common)
    rows: list[list[tuple[int, int, int]]] = []
    row_family: list[int] = []
    family_row, family_content, family_id = [0], list[int](), list[int]()
    held_out, when = list[bool](), list[str]()
    for code, content in enumerate(contents):
        fillers = Fillers(content.scope, base)
        ends = ("{head}" if content.has_head else "", f"{{tail_{content.mood}}}")
        for place, family in enumerate(content.families):
            for text in variants(family.text):
                rows.append(_pieces(f"{ends[0]}{text}{ends[1]}", fillers, words))
                row_family.append(len(family_id))
            family_row.append(len(rows))
            family_content.append(code)
            family_id.append(code * FAMILIES_PER_CONTENT + place)
            held_out.append(family.is_held_out)
            when.append(family.when)
    table = np.zeros((len(rows), max(map(len, rows)), 3), np.int32)
    table[:, :, 1:] = (1, -1)
    for i, row in enumerate(rows):
        table[i, : len(row)] = row
    return Grammar(
        words=tuple(words.words),
        start=table[:, :, 0],
        count=table[:, :, 1],
        dated=table[:, :, 2].astype(np.int8),
        row_family=np.array(row_family, np.int32),
        family_row=np.array(family_row, np.int32),
        family_content=np.array(family_content, np.int16),
        family_id=np.array(family_id, np.int32),
        is_held_out=np.array(held_out, np.bool_),
        family_when=tuple(when),
    )


@cache
def grammar() -> Grammar:
    """The grammar of all contents, built once per process."""
    return compile_contents(all_contents(), slot_fillers())
