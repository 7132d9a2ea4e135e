"""The sources in the order of their columns, and what a module of this folder must have."""

from __future__ import annotations

from typing import Protocol, cast

from numpy.typing import NDArray

from recommend.catalogue import Catalogue
from recommend.histories import Floats, Histories, Ints
from recommend.list_params import CandidateParams
from recommend.sources import (
    als,
    complement,
    event,
    launch,
    popular,
    repeat,
    segment_popular,
    similar,
    store_popular,
    viewed,
)
from recommend.sources.block import Block
from recommend.sources.context import Context


class Source(Protocol):
    """A module that proposes candidates.

    `NAME` is also the name of the setting with the number of candidates per customer; `SCORES` names what it says of
    any pair. A source with something to learn has `fit` too: arrays that are saved with the item side, whose names
    begin with `NAME` and a dot, from the histories of all customers before the cut.
    """

    NAME: str
    SCORES: tuple[str, ...]

    def propose(self, b: Block, k: int) -> Ints:
        """Keys customer * n_items + item, at most `k` per customer, none of `b.banned`; in any order."""
        ...

    def scores(self, b: Block, customer: Ints, item: Ints) -> dict[str, Floats]:
        """Name -> (n_pairs,) for each of `SCORES`; a missing value is nan."""
        ...


class Learner(Protocol):
    """The part of a source that learns."""

    def fit(self, h: Histories, catalogue: Catalogue, params: CandidateParams, context: Context) -> dict[str, NDArray]:
        """Arrays to save, by name."""
        ...


MODULES = cast(
    tuple[Source, ...],
    (repeat, als, similar, popular, viewed, event, launch, complement, store_popular, segment_popular),
)
SOURCES = tuple(m.NAME for m in MODULES)
SCORES = tuple(name for m in MODULES for name in m.SCORES)


def fit_parts(
    h: Histories, catalogue: Catalogue, params: CandidateParams, context: Context | None = None
) -> dict[str, NDArray]:
    """What the sources that learn have learned; `context` says what the tags of `h` mean."""
    context = Context() if context is None else context
    parts: dict[str, NDArray] = {}
    for module in MODULES:
        if hasattr(module, "fit"):
            parts |= cast(Learner, module).fit(h, catalogue, params, context)
    return parts
