"""What sells in her own store: sales of the last 28 days where she shops most, drawn towards those of all stores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommend.catalogue import Catalogue
from recommend.histories import Floats, Histories, Ints, is_in
from recommend.list_params import CandidateParams
from recommend.runs import rank_in, run_starts, sort_order
from recommend.sources.block import DIGITS, Block
from recommend.sources.context import Context

NAME = "store_popular"
SCORES = ("store_pop28",)
HOME_DAYS = 182  # the store visited on most days of these is hers
RECENT = 28
SHRINK = 50.0  # customers of all stores that stand beside a store's own
KEPT = 3000  # items per store with numbers of their own: 500 stores take 20 MB
TOP = 300  # items per store to propose from
PER = 1000.0  # scores are buyers per so many customers


def fit(h: Histories, catalogue: Catalogue, params: CandidateParams, context: Context) -> dict[str, NDArray]:
    """`key` (sorted store * n_items + item) and `count`: customers of the last 28 days by store and item; `size`
    (n_stores,) customers; `share` (n_items,) of all; `top` (n_stores, TOP) items, -1 after the last."""
    stores = int(h.store.max()) + 1 if len(h.store) else 0
    if stores < 2:  # one store is all stores
        return {}
    rows = h.age <= RECENT
    everyone = max(len(np.unique(h.customer[rows])), 1)
    pair = run_starts(h.customer[rows], h.item[rows])
    share = np.bincount(h.item[rows][pair], minlength=h.n_items) / everyone
    rows &= h.store >= 0
    customer, item, store = h.customer[rows], h.item[rows], h.store[rows]
    visitors = np.unique(store * (h.n + 1) + customer) // (h.n + 1)
    size = np.bincount(visitors, minlength=stores)
    order = np.lexsort((customer, item, store))
    first = run_starts(store[order], item[order], customer[order])
    key, count = np.unique(store[order][first] * h.n_items + item[order][first], return_counts=True)
    place = np.lexsort((key, -count, key // h.n_items))
    kept = np.sort(place[rank_in(key[place] // h.n_items) < KEPT])
    key, count = key[kept], count[kept]
    top = np.full((stores, TOP), -1, dtype=np.int64)
    for s in range(stores):
        low, high = np.searchsorted(key, [s * h.n_items, (s + 1) * h.n_items])
        values = share * SHRINK
        values[key[low:high] - s * h.n_items] += count[low:high]
        best = np.lexsort((np.arange(h.n_items), -values))[:TOP]
        top[s, : len(best)] = best
    arrays = {"key": key, "count": count.astype(np.float32), "size": size, "share": share.astype(np.float32)}
    return {f"{NAME}.{name}": values for name, values in (arrays | {"top": top}).items()}


def home_stores(h: Histories) -> Ints:
    """(n customers,) the store visited on most of the last `HOME_DAYS`, ties by position; -1 where none is known."""
    rows = (h.age <= HOME_DAYS) & (h.store >= 0)
    customer, store, age = h.customer[rows], h.store[rows], h.age[rows]
    order = sort_order(customer, store, age)
    customer, store, age = customer[order], store[order], age[order]
    day = run_starts(customer, store, age)
    customer, store = customer[day], store[day]
    start = run_starts(customer, store)
    days = np.diff(np.append(start, len(customer)))
    customer, store = customer[start], store[start]
    best = np.lexsort((store, -days, customer))
    first = best[run_starts(customer[best])] if len(best) else best
    home = np.full(h.n, -1, dtype=np.int64)
    home[customer[first]] = store[first]
    return home


def propose(b: Block, k: int) -> Ints:
    """Keys of the `k` items that sell best in her store and are neither hers nor banned."""
    top = b.s.side.parts.get(f"{NAME}.top")
    if top is None or k == 0:
        return np.empty(0, dtype=np.int64)
    home = _home(b)
    keys = np.arange(b.h.n)[:, None] * b.h.n_items + np.asarray(top)[home]
    item = keys % b.h.n_items
    free = (home >= 0)[:, None] & (np.asarray(top)[home] >= 0) & np.asarray(b.s.side.can_offer)[item]
    free &= ~is_in(b.closed, keys.ravel()).reshape(keys.shape)
    return np.asarray(keys[free & (np.cumsum(free, axis=1) <= k)])


def scores(b: Block, customer: Ints, item: Ints) -> dict[str, Floats]:
    """Buyers per thousand customers of her store; of all stores where hers is not known."""
    parts = b.s.side.parts
    key = parts.get(f"{NAME}.key")
    if key is None:
        return {"store_pop28": np.full(len(item), np.nan)}
    home = _home(b)[customer]
    share = np.asarray(parts[f"{NAME}.share"])[item].astype(np.float64)
    size = np.asarray(parts[f"{NAME}.size"])[home].astype(np.float64)
    wanted = home * b.h.n_items + item
    at = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
    mine = np.where(key[at] == wanted, np.asarray(parts[f"{NAME}.count"])[at], 0.0)
    shrunk = (mine + SHRINK * share) / (size + SHRINK)
    return {"store_pop28": np.round(PER * np.where(home >= 0, shrunk, share), DIGITS)}


def _home(b: Block) -> Ints:
    """`home_stores`, -1 also for stores that are new to the model."""
    known = len(b.s.side.parts[f"{NAME}.size"])
    return b.once(NAME, lambda: np.where(home_stores(b.h) < known, home_stores(b.h), -1))
