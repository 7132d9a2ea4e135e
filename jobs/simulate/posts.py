"""Chinese social posts with their truth, written from a grammar of template families.

Texts come from `conf/world_posts/` alone: the simulator knows nothing of how the system reads them. Every draw is a
pure function of (seed, author, number), so a post is the same in whatever block it is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Literal

import numpy as np
import opencc
import pyarrow as pa
import pyarrow.compute as pc

from jobs.simulate.draws import Array, uniform
from jobs.simulate.errors import WorldError
from jobs.simulate.life_events import EVENTS
from jobs.simulate.post_contents import WHEN, all_contents, event_data, interest_categories, unlisted_traps
from jobs.simulate.post_dates import date_slots
from jobs.simulate.post_disguises import DISGUISES, disguised
from jobs.simulate.post_grammar import Grammar, grammar

TRADITIONAL_SHARE = 0.15  # of authors
SPACED_SHARE = 0.12  # of authors: blanks in place of commas and full stops
DISGUISED_SHARE = 0.05  # of posts, where they hold a word of the table
_FAR = 190  # days to an event from which families about its first news serve
_BLOCK = 1 << 16  # posts written at once, to bound memory
_DOUBLED = r"([！？。…～，])[，。]+"  # where the end of one piece meets the start of the next
_SPACED = str.maketrans({"，": " ", "。": " ", "；": " "})

CONTENTS: tuple[str, ...] = tuple(c.name for c in all_contents())
INTERESTS: dict[str, str | None] = interest_categories()  # topic: category that it moves
TRAPS: tuple[str, ...] = tuple(dict.fromkeys(c.trap for c in all_contents() if c.trap))
UNLISTED_TRAPS: tuple[str, ...] = unlisted_traps()  # those that no design page names
IMPLIES: dict[str, tuple[str, ...]] = {event: tuple(data["implies"]) for event, data in event_data().items()}
_CODES = {name: code for code, name in enumerate(CONTENTS)}

__all__ = [
    "CONTENTS",
    "DISGUISES",
    "EVENTS",
    "IMPLIES",
    "INTERESTS",
    "TRAPS",
    "UNLISTED_TRAPS",
    "PostRequests",
    "PostTexts",
    "content_code",
    "write_posts",
]


@dataclass(frozen=True)
class PostRequests:
    """Posts to write: arrays of equal length n, and which families may be used."""

    author: Array  # int64[n]; person number
    number: Array  # int64[n]; running number of the post per author
    content: Array  # int16[n]; code into CONTENTS
    # int32[n]; days from the post to the date it may name (the birth for pregnant and baby_due, else the event):
    # above 0 ahead, below 0 behind, 0 names none
    days_to_event: Array
    month: Array  # int[n]; 1 to 12, local
    day: Array  # int[n]; 1 to 31, local
    split: Literal["development", "all"] = "all"  # development leaves out the held-out families


@dataclass(frozen=True)
class PostTexts:
    """Texts and their truth, in the order of the requests."""

    text: pa.Array  # string[n]
    family: Array  # int32[n]; template family
    is_held_out_family: Array  # bool[n]; a family that development never sees
    trap: pa.Array  # string[n]; why the words mislead, null where they do not
    event: pa.Array  # string[n]; the life event that the words are about, null for none
    interest: pa.Array  # string[n]; the topic that the words are about, null for none
    holds: Array  # bool[n]; the event or interest is truly the author's
    is_loss: Array  # bool[n]; the event is over or called off, which clears it
    sentiment: Array  # int8[n]; about the own brand: 1 praise, 0 none, -1 complaint
    disguise: pa.Array  # string[n]; how words are written around filters, null where they are not
    is_traditional: Array  # bool[n]; in Traditional characters
    is_repost: Array  # bool[n]; passes on somebody else's post


def content_code(name: str) -> int:
    """Code of a content, for `PostRequests.content`; WorldError for an unknown name."""
    if name not in _CODES:
        raise WorldError(f"no posts about {name!r}; contents are for example {', '.join(CONTENTS[:3])}, chatter")
    return _CODES[name]


def write_posts(seed: int, request: PostRequests) -> PostTexts:
    """Write one text per request. Deterministic by (seed, author, number) and independent of blocks."""
    if request.split not in ("development", "all"):
        raise WorldError(f"split is {request.split!r}; it is development or all")
    content = np.asarray(request.content).astype(np.int64)
    if len(content) and (content.min() < 0 or content.max() >= len(CONTENTS)):
        raise WorldError(f"contents run from 0 to {len(CONTENTS) - 1}; found {content.min()} to {content.max()}")
    parts = [_write_block(seed, part) for part in _blocks(request)]
    return PostTexts(*(_joined([getattr(p, f.name) for p in parts]) for f in fields(PostTexts)))


def _blocks(request: PostRequests) -> Iterator[PostRequests]:
    names = [f.name for f in fields(PostRequests) if f.name != "split"]
    arrays = [np.asarray(getattr(request, name)).astype(np.int64) for name in names]
    for first in range(0, max(len(arrays[0]), 1), _BLOCK):
        author, number, content, days, month, day = (a[first : first + _BLOCK] for a in arrays)
        yield PostRequests(author, number, content, days, month, day, request.split)


def _joined(parts: list[Any]) -> Any:
    return np.concatenate(parts) if isinstance(parts[0], np.ndarray) else pa.concat_arrays(parts)


def _write_block(seed: int, request: PostRequests) -> PostTexts:
    table, labels = grammar(), _labels()
    author, number, content = request.author, request.number, request.content
    family = _draw_family(seed, request)
    script, traditional = _draw_script(seed, author)
    text = _texts(seed, request, table, family, script)
    text, disguise = _with_disguises(seed, author, number, text)
    take = pa.array(content)
    return PostTexts(
        text=text,
        family=table.family_id[family],
        is_held_out_family=table.is_held_out[family],
        trap=labels["trap"].take(take),
        event=labels["event"].take(take),
        interest=labels["interest"].take(take),
        holds=labels["holds"][content],
        is_loss=labels["is_loss"][content],
        sentiment=labels["sentiment"][content],
        disguise=disguise,
        is_traditional=traditional,
        is_repost=pc.match_substring(text, "//@").to_numpy(zero_copy_only=False),
    )


@cache
def _labels() -> dict[str, Any]:
    """Truth per content."""
    contents = all_contents()
    words = {
        name: pa.array([getattr(c, name) for c in contents], pa.string()) for name in ("trap", "event", "interest")
    }
    flags = {name: np.array([getattr(c, name) for c in contents], np.bool_) for name in ("holds", "is_loss")}
    return {**words, **flags, "sentiment": np.array([c.sentiment for c in contents], np.int8)}


@cache
def _pools(split: str) -> tuple[Array, Array, Array]:
    """Families to draw from: first and count, int64[contents, 4] by `_time_class`, into the third array.

    Where a date lies ahead, families that name it count twice; where it lies behind, those written at the time serve
    if none looks back.
    """
    table = grammar()
    usable = ~table.is_held_out if split == "development" else np.ones(len(table.is_held_out), np.bool_)
    first, count = np.zeros((2, len(CONTENTS), 4), np.int64)
    flat: list[int] = []
    bounds = np.searchsorted(table.family_content, np.arange(len(CONTENTS) + 1))
    for code in range(len(CONTENTS)):
        members = [f for f in range(bounds[code], bounds[code + 1]) if usable[f]]
        by_when: dict[str, list[int]] = {when: [] for when in WHEN}
        for f in members:
            by_when[table.family_when[f]].append(f)
        behind = by_when["since"] or by_when["during"] or by_when["now"]
        at_once = by_when["any"] + by_when["early"] + by_when["during"] + by_when["now"]
        ahead = by_when["any"] + 2 * by_when["ahead"]
        for time, pool in enumerate((behind, at_once, ahead, ahead + 2 * by_when["early"])):
            first[code, time], count[code, time] = len(flat), len(pool or members)
            flat.extend(pool or members)
    return first, count, np.array(flat, np.int64)


def _time_class(days: Array) -> Array:
    """0 behind, 1 no date, 2 ahead, 3 far ahead."""
    return np.sign(days) + 1 + (days >= _FAR)


def _draw_family(seed: int, request: PostRequests) -> Array:
    first, count, flat = _pools(request.split)
    time = _time_class(request.days_to_event)
    u = uniform(seed, "post.family", request.author, request.number)
    return np.asarray(flat[first[request.content, time] + (u * count[request.content, time]).astype(np.int64)])


def _draw_script(seed: int, author: Array) -> tuple[Array, Array]:
    """Copy of the vocabulary that each author writes with, and whether it is Traditional."""
    u = uniform(seed, "post.script", author)
    traditional = u < TRADITIONAL_SHARE
    script = np.where(traditional, np.where(u < TRADITIONAL_SHARE * 0.7, 2, 4), 0)
    return script + (uniform(seed, "post.spaced", author) < SPACED_SHARE), traditional


@cache
def _vocabulary() -> pa.Array:
    """All words six times: Simplified, as in Taiwan and as in Hong Kong, each with and without marks of punctuation."""
    words = list(grammar().words)
    copies = []
    for convert in (str, opencc.OpenCC("s2tw").convert, opencc.OpenCC("s2hk").convert):
        written = [convert(w) for w in words]
        copies += [*written, *(w.translate(_SPACED) for w in written)]
    return pa.array(copies, pa.string())


def _texts(seed: int, request: PostRequests, table: Grammar, family: Array, script: Array) -> pa.Array:
    author, number = request.author, request.number
    first, after = table.family_row[family], table.family_row[family + 1]
    row = first + (uniform(seed, "post.variant", author, number) * (after - first)).astype(np.int64)
    dates = date_slots(request.month, request.day, request.days_to_event)
    vocabulary, offset = _vocabulary(), script * len(table.words)
    columns = []
    for piece in range(table.start.shape[1]):
        index, count, dated = table.start[row, piece].astype(np.int64), table.count[row, piece], table.dated[row, piece]
        drawn = np.flatnonzero((count > 1) & (dated < 0))
        u = uniform(seed, "post.piece", author[drawn], number[drawn], piece)
        index[drawn] += (u * count[drawn]).astype(np.int64)
        named = np.flatnonzero(dated >= 0)
        index[named] += dates[dated[named], named]
        columns.append(vocabulary.take(pa.array(index + offset)))
    joined = pc.binary_join_element_wise(*columns, "")
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(joined, pattern=_DOUBLED, replacement=r"\1"))


def _with_disguises(seed: int, author: Array, number: Array, text: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Texts with a few disguised, and the disguise per text."""
    u = uniform(seed, "post.disguise", author, number) / DISGUISED_SHARE
    rows = np.flatnonzero(u < 1)
    kinds: list[str | None] = [None] * len(text)
    texts = text.to_pylist() if len(rows) else []
    form = uniform(seed, "post.form", author[rows], number[rows])
    for at, kind, how in zip(rows.tolist(), (u[rows] * len(DISGUISES)).astype(int).tolist(), form.tolist()):
        new = disguised(texts[at], DISGUISES[kind], how)
        if new != texts[at]:
            texts[at], kinds[at] = new, DISGUISES[kind]
    return (pa.array(texts, pa.string()) if len(rows) else text), pa.array(kinds, pa.string())
