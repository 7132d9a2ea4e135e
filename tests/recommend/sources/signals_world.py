"""Histories with looks and tags written in place, and sources opened on them, for tests of single sources."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recommend.candidates import FoldInParams
from recommend.catalogue import Catalogue, build_catalogue
from recommend.fresh import find_fresh
from recommend.histories import Histories, build_histories, take
from recommend.item_side import fit_item_side
from recommend.list_params import CandidateParams
from recommend.runs import Ints
from recommend.signals import build_seen, build_tagged
from recommend.sources.block import Block
from recommend.sources.context import Context
from recommend.sources.opened import Sources
from recommend.sources.registry import fit_parts

CUT = 200
PARAMS = CandidateParams(min_customers=2)
Rows = Sequence[tuple[int, ...]]


def shelf(
    categories: Sequence[str], brands: Sequence[str] | None = None, launched: Sequence[int] | None = None
) -> Catalogue:
    """One item per category given, `p00` and so on; an item's type is its category, a suffix after / aside."""
    n = len(categories)
    return build_catalogue(
        [f"p{i:02d}" for i in range(n)],
        [None] * n,
        [c.split("/")[0] for c in categories],
        list(categories),
        list(brands or [""] * n),
        launched,
    )


def histories(
    catalogue: Catalogue, n: int, bought: Rows, looks: Rows = (), tags: Rows = (), stores: Sequence[int] = ()
) -> Histories:
    """`bought` rows (customer, item, day), `looks` (customer, item, day, views, carts), `tags` (customer, tag, day)."""
    c, i, d = np.array(bought, dtype=np.int64).reshape(-1, 3).T
    one = np.ones(len(c))
    seen = np.array(looks, dtype=np.int64).reshape(-1, 5).T
    said = np.array(tags, dtype=np.int64).reshape(-1, 3).T
    return build_histories(
        np.array([f"c{k:03d}" for k in range(n)], dtype=object),
        len(catalogue),
        CUT,
        *(c, i, d, one, one, one),
        store=np.array(stores) if len(stores) else None,
        seen=build_seen(CUT, *seen),
        tagged=build_tagged(CUT, *said, np.ones(said.shape[1])),
    )


def opened(
    h: Histories, catalogue: Catalogue, context: Context | None = None, params: CandidateParams = PARAMS
) -> Sources:
    """Everything that sources learn from `h`, without factors and item-item weights."""
    parts = fit_parts(h, catalogue, params, context)
    factors, none = np.zeros((h.n_items, 4), dtype=np.float32), np.empty(0, dtype=np.int64)
    fresh = find_fresh(h, catalogue, params).offered
    side = fit_item_side(h, factors, none, np.empty((0, 0), dtype=np.float32), params, parts, fresh)
    return Sources.of(side, catalogue, params, FoldInParams())


def block(h: Histories, sources: Sources, customers: Sequence[int], banned: Ints | None = None) -> Block:
    """A block of the chosen customers."""
    none = np.empty(0, dtype=np.int64)
    return Block(take(h, np.array(customers)), sources, none if banned is None else banned)
