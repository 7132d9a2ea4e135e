"""What is new in the types, categories and brands she likes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from features.buyer_counts import BuyerCounts
from recommend.catalogue import UNKNOWN, Catalogue
from recommend.fresh import buyers_of, days_since_first_sale, find_fresh
from recommend.histories import Floats, Histories, Ints
from recommend.list_params import CandidateParams
from recommend.runs import run_starts
from recommend.sources.block import DIGITS, Block
from recommend.sources.columns import best_columns
from recommend.sources.context import Context

NAME = "launch"
SCORES = ("launch",)
MOST = 1000  # new items that are looked through, the most bought and looked at
WEIGHTS = {"product_type": 2.0, "category": 1.0, "brand": 1.0}
PRICE = 1.0  # log prices apart at which liking falls to 1/e


def fit(h: Histories, catalogue: Catalogue, params: CandidateParams, context: Context) -> dict[str, NDArray]:
    """`items` (m,) sorted positions of what is new at the cut, `pull` (m,) float32: log of one and its customers."""
    fresh = find_fresh(h, catalogue, params, context.counts)
    new = fresh.age > 0
    if catalogue.launched is None:
        new = _first_sold(h, params, context.counts)
    if not new.any():
        return {}
    lookers = np.bincount(h.seen.item[run_starts(h.seen.customer, h.seen.item)], minlength=h.n_items)
    pull = np.log1p(buyers_of(h) + 0.1 * lookers)
    best = np.lexsort((np.arange(h.n_items), -pull))
    items = np.sort(best[new[best]][:MOST])
    return {f"{NAME}.items": items.astype(np.int64), f"{NAME}.pull": (pull[items]).astype(np.float32)}


def _first_sold(h: Histories, params: CandidateParams, counts: BuyerCounts | None) -> NDArray[np.bool_]:
    """Items first sold within `new_days`, for a shop that does not say when it launched them; none where the history
    is too short to tell."""
    if not len(h.age) or h.age.max() < 3 * params.new_days:
        return np.zeros(h.n_items, dtype=bool)
    since = days_since_first_sale(h) if counts is None else counts.since
    enough = (buyers_of(h) if counts is None else counts.buyers) >= params.min_customers
    return np.asarray((since > 0) & (since <= params.new_days) & enough)


def liking(b: Block) -> Floats:
    """(n customers, m new items): shares of her decayed purchases in the item's type, category and brand, weighted,
    less where the item's price is far from what she pays."""
    items = np.asarray(b.s.side.parts[f"{NAME}.items"])
    customer, item = b.split(b.own.key)
    count = b.own.counts[:, -1]
    total: Floats = np.bincount(customer, weights=count, minlength=b.h.n).astype(np.float64)
    out = np.zeros((b.h.n, len(items)))
    for level, weight in WEIGHTS.items():
        codes = np.asarray(b.s.catalogue.codes[level]).astype(np.int64)
        groups, place = np.unique(codes[items], return_inverse=True)
        column = np.full(len(b.s.catalogue.names[level]), -1, dtype=np.int64)
        named = np.flatnonzero(np.asarray(b.s.catalogue.names[level][groups] != UNKNOWN))
        column[groups[named]] = named
        at = column[codes[item]]
        rows = at >= 0
        shape = (b.h.n, len(groups))
        held = csr_matrix((count[rows], (customer[rows], at[rows])), shape=shape).toarray()
        out += weight * (held / np.maximum(total, 1e-9)[:, None])[:, place]
    return np.round(out * _price_match(b, items, customer, item, count, total), DIGITS)


def _price_match(b: Block, items: Ints, customer: Ints, item: Ints, count: Floats, total: Floats) -> Floats:
    """(n customers, m): 1 where prices are alike or not known, falling with the distance of their logs."""
    price = np.log(np.asarray(b.s.side.price, dtype=np.float64) + 0.1)
    hers = np.bincount(customer, weights=count * price[item], minlength=b.h.n) / np.maximum(total, 1e-9)
    sold = np.asarray(b.s.side.buyers)[items] > 0
    apart = np.abs(price[items][None, :] - hers[:, None])
    return np.where(sold[None, :], np.exp(-np.maximum(apart - PRICE, 0.0) / PRICE), 1.0)


def propose(b: Block, k: int) -> Ints:
    """Keys of the `k` new items she likes best by liking and pull, neither hers nor banned."""
    if k == 0 or f"{NAME}.items" not in b.s.side.parts:
        return np.empty(0, dtype=np.int64)
    items = np.asarray(b.s.side.parts[f"{NAME}.items"])
    value = b.once(NAME, lambda: liking(b)) * (0.5 + np.asarray(b.s.side.parts[f"{NAME}.pull"]))
    return best_columns(b, items, np.round(value, DIGITS), k)


def scores(b: Block, customer: Ints, item: Ints) -> dict[str, Floats]:
    """How well a new item suits her; 0 for what is not new."""
    items = b.s.side.parts.get(f"{NAME}.items")
    if items is None:
        return {"launch": np.zeros(len(item))}
    items = np.asarray(items)
    at = np.minimum(np.searchsorted(items, item), len(items) - 1)
    liked = b.once(NAME, lambda: liking(b))
    return {"launch": np.where(items[at] == item, liked[customer, at], 0.0)}
