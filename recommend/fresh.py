"""Items too new to have been learned: which may be offered all the same, and what stands in for what is not known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from features.buyer_counts import BuyerCounts
from recommend.catalogue import Catalogue
from recommend.histories import Histories, Ints, run_starts
from recommend.list_params import CandidateParams
from recommend.neighbours import attribute_neighbours, stand_in


@dataclass(frozen=True)
class Fresh:
    """`offered` (n_items,) bool: may be offered although few bought it; `age` (n_items,) int32 days since the launch,
    0 where it is not known or was not within the days that count as new."""

    offered: NDArray[np.bool_]
    age: NDArray[np.int32]


def find_fresh(h: Histories, catalogue: Catalogue, params: CandidateParams, counts: BuyerCounts | None = None) -> Fresh:
    """Items launched within `new_days` before the cut of `h`, or looked at in that time by enough customers and not
    out of sale. What is launched at or after the cut is not there yet. `counts` of all customers say what was sold
    and when where those of `h` are a sample."""
    n = h.n_items
    launched = np.full(n, -1) if catalogue.launched is None else np.asarray(catalogue.launched).astype(np.int64)
    age = np.where(launched >= 0, h.cut - launched, 0)
    idle = days_since_last_sale(h) if counts is None else counts.idle
    never_sold = np.isinf(idle)
    unborn = (launched >= h.cut) & never_sold
    new = (age >= 1) & (age <= params.new_days)
    recent = h.seen.age <= params.new_days
    pair = np.unique(h.seen.item[recent] * (h.n + 1) + h.seen.customer[recent])
    viewers = np.bincount(pair // (h.n + 1), minlength=n)
    on_sale = (idle <= params.max_idle_days) | never_sold
    offered = new | ((viewers >= params.min_customers) & on_sale)
    return Fresh(offered & ~unborn, np.where(new, age, 0).astype(np.int32))


def days_since_last_sale(h: Histories) -> NDArray[np.float32]:
    """(n_items,) days to the cut of `h`, inf for what was never sold."""
    idle = np.full(h.n_items, np.inf, dtype=np.float32)
    np.minimum.at(idle, h.item, h.age.astype(np.float32))
    return idle


def days_since_first_sale(h: Histories) -> NDArray[np.float32]:
    """(n_items,) days to the cut of `h`, 0 for what was never sold."""
    since = np.zeros(h.n_items, dtype=np.float32)
    np.maximum.at(since, h.item, h.age.astype(np.float32))
    return since


def fill_factors(
    factors: NDArray[np.float32], learned: Ints, h: Histories, catalogue: Catalogue, fresh: Fresh
) -> NDArray[np.float32]:
    """`factors` (n_items, f) where fresh items that are not among `learned` have the mean of their neighbours."""
    known = np.zeros(h.n_items, dtype=bool)
    known[learned] = True
    items = np.flatnonzero(fresh.offered & ~known)
    if not len(items):
        return factors
    near = attribute_neighbours(catalogue, items, known, buyers_of(h))
    out = factors.copy()
    out[items] = stand_in(near, factors)
    return out


def similar_stand_ins(similar_items: Ints, h: Histories, catalogue: Catalogue, fresh: Fresh) -> dict[str, NDArray]:
    """For fresh items without item-item weights: `similar.new` (m,) sorted positions, and their neighbours among
    `similar_items` as a sparse matrix: `similar.near` columns, `similar.near_weight`, `similar.near_start`."""
    known = np.zeros(h.n_items, dtype=bool)
    known[similar_items] = True
    items = np.flatnonzero(fresh.offered & ~known)
    if not len(items) or not len(similar_items):
        return {}
    near = csr_matrix(attribute_neighbours(catalogue, items, known, buyers_of(h))[:, similar_items])
    near.sort_indices()
    return {
        "similar.new": items.astype(np.int64),
        "similar.near": near.indices.astype(np.int32),
        "similar.near_weight": near.data.astype(np.float32),
        "similar.near_start": near.indptr.astype(np.int64),
    }


def buyers_of(h: Histories) -> NDArray[np.int64]:
    """(n_items,) customers who bought each item."""
    return np.bincount(h.item[run_starts(h.customer, h.item)], minlength=h.n_items)
