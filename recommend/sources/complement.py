"""What is bought for the first time with, or within weeks after, items of another type.

Directional: the lift of type B after type A is the share of those who bought A lately and take up B within the next
weeks, over the share of all customers who take it up; counts are drawn towards no lift. At the category level types
are categories.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommend.catalogue import Catalogue
from recommend.histories import Floats, Histories, Ints
from recommend.list_params import CandidateParams
from recommend.sources.block import DIGITS, Block
from recommend.sources.context import Context
from recommend.sources.shelves import best_of_groups

NAME = "complement"
SCORES = ("complement",)
WEEKS = 28  # days of "lately", and of taking up
WINDOWS = 4  # stretches of so many days before the cut that are counted
MOST_TYPES = 1500  # the most taken up; others have no complements
SUPPORT = 5.0  # expected takings-up that stand against what was counted
MOST_CUSTOMERS = 50_000


def fit(h: Histories, catalogue: Catalogue, params: CandidateParams, context: Context) -> dict[str, NDArray]:
    """`types` (m,) codes, `lift` (m, m) float32 of the column after the row, `base` (m,) share that takes it up."""
    groups = np.asarray(catalogue.codes["product_type"]).astype(np.int64)[h.item]
    oldest = int(h.age.max()) if len(h.age) else 0
    starts = [WEEKS * (j + 1) for j in range(WINDOWS) if WEEKS * (j + 2) <= oldest]
    n = len(catalogue.names["product_type"])
    if not starts:
        return {}
    number = _sampled(h)
    rows = number[h.customer] >= 0
    customer, group, age = number[h.customer[rows]], groups[rows], h.age[rows]
    shape = (min(h.n, MOST_CUSTOMERS), n)

    def held(newest: int, beyond: float) -> csr_matrix:
        """Who bought what at newest < age <= beyond."""
        inside = (age > newest) & (age <= beyond)
        out = csr_matrix((np.ones(int(inside.sum()), np.float32), (customer[inside], group[inside])), shape=shape)
        out.sum_duplicates()
        out.data[:] = 1.0
        return out

    taken_up, had = [], []
    for start in starts:
        before = held(start, np.inf)
        had.append(before)
        new = held(start - WEEKS, start)
        taken_up.append((new - new.multiply(before)).tocsr())
    total = np.sum([np.asarray(t.sum(axis=0)).ravel() for t in taken_up], axis=0)
    types = np.sort(np.lexsort((np.arange(n), -total))[:MOST_TYPES])
    types = types[total[types] > 0]
    together, exposed = np.zeros((len(types), len(types))), np.zeros((len(types), len(types)))
    free = np.zeros(len(types))
    for start, before, new in zip(starts, had, taken_up, strict=True):
        lately = held(start, start + WEEKS)[:, types]
        together += (lately.T @ new[:, types]).toarray()
        owned = before[:, types]
        exposed += np.asarray(lately.sum(axis=0)).reshape(-1, 1) - (lately.T @ owned).toarray()
        known = int((np.diff(before.indptr) > 0).sum())
        free += known - np.asarray(owned.sum(axis=0)).ravel()
    base = total[types] / np.maximum(free, 1.0)
    lift = (together + SUPPORT) / (exposed * base[None, :] + SUPPORT)
    arrays = {"types": types, "lift": lift.astype(np.float32), "base": base.astype(np.float32)}
    return {f"{NAME}.{name}": values for name, values in arrays.items()}


def _sampled(h: Histories) -> Ints:
    """(n customers,) numbers of those who are counted, -1 for others: of many a sample by hash of the id, since ids
    often tell who came first."""
    if h.n <= MOST_CUSTOMERS:
        return np.arange(h.n)
    mixed = [zlib.crc32(str(customer).encode()) for customer in h.customers]
    number = np.full(h.n, -1, dtype=np.int64)
    number[np.sort(np.argsort(mixed, kind="stable")[:MOST_CUSTOMERS])] = np.arange(MOST_CUSTOMERS)
    return number


def mean_lifts(b: Block) -> Floats:
    """(n customers, m types) mean lift after the types she bought lately, newer ones counting more; 1 without any."""
    types = np.asarray(b.s.side.parts[f"{NAME}.types"])
    h = b.h
    column = np.full(len(b.s.catalogue.names["product_type"]), -1, dtype=np.int64)
    column[types] = np.arange(len(types))
    at = column[b.s.types[h.item]]
    rows = (h.age <= WEEKS) & (at >= 0)
    weight = (1.0 - (h.age[rows] - 1) / (2.0 * WEEKS)).astype(np.float32)
    lately = csr_matrix((weight, (h.customer[rows], at[rows])), shape=(h.n, len(types)))
    total = np.asarray(lately.sum(axis=1))
    lift = np.asarray(lately @ np.asarray(b.s.side.parts[f"{NAME}.lift"]), dtype=np.float64)
    return np.where(total > 0, lift / np.maximum(total, 1e-9), 1.0)


def propose(b: Block, k: int) -> Ints:
    """Keys of the `k` best items of types she never bought, by how often the type is taken up after hers."""
    if k == 0 or f"{NAME}.types" not in b.s.side.parts:
        return np.empty(0, dtype=np.int64)
    types = np.asarray(b.s.side.parts[f"{NAME}.types"])
    lift = b.once(NAME, lambda: mean_lifts(b))
    liked = np.zeros((b.h.n, len(b.s.catalogue.names["product_type"])))
    liked[:, types] = np.where(lift > 1.0, lift * np.asarray(b.s.side.parts[f"{NAME}.base"]), 0.0)
    liked[b.h.customer, b.s.types[b.h.item]] = 0.0
    return best_of_groups(b.s.type_shelves, np.arange(b.h.n), liked, b.closed, b.h.n_items, k)


def scores(b: Block, customer: Ints, item: Ints) -> dict[str, Floats]:
    """Log of the mean lift of the item's type after what she bought lately; 0 where nothing is known."""
    parts = b.s.side.parts
    if f"{NAME}.types" not in parts or not len(parts[f"{NAME}.types"]):
        return {"complement": np.zeros(len(item))}
    types = np.asarray(parts[f"{NAME}.types"])
    lift = b.once(NAME, lambda: mean_lifts(b))
    kind = b.s.types[item]
    at = np.minimum(np.searchsorted(types, kind), len(types) - 1)
    return {"complement": np.where(types[at] == kind, np.round(np.log(lift[customer, at]), DIGITS), 0.0)}
