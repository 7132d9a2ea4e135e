"""One block of customers while their candidates are sought: what several sources need, computed once.

Nothing here depends on who else is in the block: each row is solved alone, sums run in float64 and scores are rounded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommend.fold_in import fold_in
from recommend.histories import Histories, Ints, run_starts
from recommend.pairs import Pairs, decayed, own_pairs
from recommend.runs import unique_keys
from recommend.sources.opened import FoldInParams, Sources

T = TypeVar("T")
DIGITS = 5  # scores are rounded, so that the last bits of a float sum decide nothing


@dataclass(frozen=True)
class Block:
    """Histories of some customers, the opened sources, and `banned`: sorted keys customer * n_items + item that must
    not be recommended."""

    h: Histories
    s: Sources
    banned: Ints
    _known: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def once(self, name: str, build: Callable[[], T]) -> T:
        """What `build` makes, made once per block however often a source asks for it by this name."""
        if name not in self._known:
            self._known[name] = build()
        found: T = self._known[name]
        return found

    @cached_property
    def own(self) -> Pairs:
        """Summaries of the customers' own items."""
        return own_pairs(self.h)

    @cached_property
    def closed(self) -> Ints:
        """Sorted keys of what is no discovery: bought before, or banned."""
        return unique_keys(np.concatenate([self.own.key, self.banned]))

    @cached_property
    def taste(self) -> csr_matrix:
        """`taste_matrix` of the block."""
        return taste_matrix(self.h, self.s.fold_params)

    @cached_property
    def vectors(self) -> NDArray[np.float32]:
        """(n customers, columns) customer factors, folded in."""
        return fold_in(self.s.fold, self.taste)

    def split(self, keys: Ints) -> tuple[Ints, Ints]:
        """Customers and items of keys."""
        customer, item = np.divmod(keys, max(self.h.n_items, 1))
        return customer, item


def taste_matrix(h: Histories, params: FoldInParams) -> csr_matrix:
    """Customers x items weights: orders halved every `half_life_days`, summed, then squeezed by log1p or the cap."""
    start = run_starts(h.customer, h.item)
    weight = h.orders if params.half_life_days is None else h.orders * decayed(h.age, params.half_life_days)
    total = np.add.reduceat(weight, start) if len(start) else weight
    squeezed = np.log1p(total) if params.weight == "log1p" else np.minimum(total, params.cap)
    at = (h.customer[start], h.item[start])
    return csr_matrix((squeezed.astype(np.float32), at), shape=(h.n, h.n_items))
