"""Which items to consider for a customer, and what the sources say of each (`recommend/sources/`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recommend.histories import Floats, Histories, Ints, is_in, take
from recommend.runs import rank_in as rank_in
from recommend.runs import unique_keys
from recommend.sources.block import Block
from recommend.sources.block import taste_matrix as taste_matrix
from recommend.sources.event import forbidden_keys
from recommend.sources.opened import FoldInParams as FoldInParams
from recommend.sources.opened import Sources as Sources
from recommend.sources.registry import MODULES, SCORES
from recommend.sources.registry import SOURCES as SOURCES

BLOCK = 256


@dataclass(frozen=True)
class Candidates:
    """Pairs sorted by (customer, item). `source` (n_pairs, len(SOURCES)) bool says which source gave the pair;
    `owned` whether she bought the item before; `scores` (n_pairs,) per name of `SCORES` what the sources say."""

    customer: Ints
    item: Ints
    source: NDArray[np.bool_]
    owned: NDArray[np.bool_]
    scores: Mapping[str, Floats]

    def take(self, rows: Ints | NDArray[np.bool_]) -> Candidates:
        """The chosen pairs."""
        scores = {name: values[rows] for name, values in self.scores.items()}
        return Candidates(self.customer[rows], self.item[rows], self.source[rows], self.owned[rows], scores)


def build_candidates(h: Histories, sources: Sources, exclude: Ints | None = None, at_least: int = 0) -> Candidates:
    """Candidates of every customer of `h`, block by block.

    `exclude` holds sorted keys customer * n_items + item that must not be recommended; the next best take their place.
    So do they for what must not be shown around a life event. Who has fewer than `at_least` is filled up with what
    sells best of the rest, which no source claims.
    """
    banned = np.empty(0, dtype=np.int64) if exclude is None else exclude
    parts = []
    for first, b in _blocks(h, sources, banned):
        b = _without(b, forbidden_keys(b))
        keys = [module.propose(b, getattr(sources.params, module.NAME)) for module in MODULES]
        every = unique_keys(np.concatenate(keys))
        every = np.union1d(every, _spare_keys(b, every, at_least))
        source = np.stack([is_in(np.sort(key), every) for key in keys], axis=1)
        parts.append(_pairs(b, every, source, first))
    return _concatenate(parts)


def given_pairs(h: Histories, sources: Sources, keys: Ints) -> Candidates:
    """The pairs of sorted `keys` (customer * n_items + item) as candidates that no source proposed."""
    parts = []
    for first, b in _blocks(h, sources, np.empty(0, dtype=np.int64)):
        low, high = np.searchsorted(keys, [first * h.n_items, (first + b.h.n) * h.n_items])
        mine = keys[low:high] - first * h.n_items
        parts.append(_pairs(b, mine, np.zeros((len(mine), len(SOURCES)), dtype=bool), first))
    return _concatenate(parts)


def forbidden_pairs(h: Histories, sources: Sources) -> Ints:
    """Sorted keys customer * n_items + item of what must not be shown to whom, as long as a life event of hers lasts;
    `build_candidates` keeps to it, whoever scores given pairs must ask."""
    blocks = _blocks(h, sources, np.empty(0, dtype=np.int64))
    parts = [first * h.n_items + forbidden_keys(b) for first, b in blocks] if len(h.tagged.tag) else []
    return np.concatenate([np.empty(0, dtype=np.int64), *parts])


def _blocks(h: Histories, sources: Sources, banned: Ints) -> Iterator[tuple[int, Block]]:
    """Position of the first customer, and the block."""
    for first in range(0, h.n, BLOCK):
        rows = np.arange(first, min(first + BLOCK, h.n))
        low, high = np.searchsorted(banned, [first * h.n_items, (first + len(rows)) * h.n_items])
        yield first, Block(take(h, rows), sources, banned[low:high] - first * h.n_items)


def _spare_keys(b: Block, every: Ints, at_least: int) -> Ints:
    """Keys of the best selling items that are not among `every` and not banned, so many as each customer lacks."""
    lacking = np.maximum(at_least - np.bincount(every // max(b.h.n_items, 1), minlength=b.h.n), 0)
    short = np.flatnonzero(lacking)
    if not len(short):
        return short
    closed = np.union1d(every, b.banned)
    taken = np.bincount(closed // b.h.n_items, minlength=b.h.n)
    order = b.s.sold[: int((lacking + taken)[short].max())]
    keys = short[:, None] * b.h.n_items + order[None, :]
    free = ~is_in(closed, keys.ravel()).reshape(keys.shape)
    return np.asarray(keys[free & (np.cumsum(free, axis=1) <= lacking[short, None])])


def _without(b: Block, forbidden: Ints) -> Block:
    """The block with more that is banned."""
    return replace(b, banned=np.union1d(b.banned, forbidden)) if len(forbidden) else b


def _pairs(b: Block, keys: Ints, source: NDArray[np.bool_], first: int) -> Candidates:
    """The pairs of sorted `keys` of a block whose first customer has the position `first`."""
    customer, item = b.split(keys)
    scores: dict[str, Floats] = {}
    for module in MODULES:
        scores |= module.scores(b, customer, item)
    return Candidates(customer + first, item, source, is_in(b.own.key, keys), scores)


def _concatenate(parts: list[Candidates]) -> Candidates:
    """The candidates of all blocks."""
    if not parts:
        none, no = np.empty(0), np.empty(0, dtype=np.int64)
        empty = dict.fromkeys(SCORES, none)
        return Candidates(no, no, np.empty((0, len(SOURCES)), bool), np.empty(0, bool), empty)
    return Candidates(
        np.concatenate([p.customer for p in parts]),
        np.concatenate([p.item for p in parts]),
        np.concatenate([p.source for p in parts]),
        np.concatenate([p.owned for p in parts]),
        {name: np.concatenate([p.scores[name] for p in parts]) for name in SCORES},
    )
