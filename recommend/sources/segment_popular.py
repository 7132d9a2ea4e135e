"""What customers like her buy: sales of the last 28 days among those with the same attributes, for who is new.

Attributes are tags that hold (`region:east`, `acquired:search`): where she came from, region, age and gender. For each
value and item the lift: buyers of the item among customers with the value, over what the share among all customers
would give, drawn towards 1. Lifts of her attributes are multiplied, as if they said different things about an item.
Proposed to customers with few purchase days only: the history of the others says more. What newcomers bought in their
first weeks was tried in the place of what all customers buy, and found less of what new customers bought next.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommend.catalogue import Catalogue
from recommend.histories import Floats, Histories, Ints, is_in
from recommend.list_params import CandidateParams
from recommend.runs import run_starts
from recommend.signals import Tagged
from recommend.sources.block import DIGITS, Block
from recommend.sources.context import Context
from recommend.sources.opened import Sources

NAME = "segment_popular"
SCORES = ("segment_pop28",)
ATTRIBUTES = ("acquired", "region", "age", "gender")
RECENT = 28
SHRINK = 60.0  # expected buyers that stand against those counted in a segment
LEAST = 10  # customers of a segment below which it says nothing
MOST = 100  # segments, the largest
KEPT = 500  # items of an order that are kept for the next customer with the same attributes
FEW = 2  # purchase days up to which a customer gets proposals
PER = 1000.0  # scores are buyers per so many customers


def fit(h: Histories, catalogue: Catalogue, params: CandidateParams, context: Context) -> dict[str, NDArray]:
    """`share` (n_items,): of customers who bought lately, those who bought the item;
    `tags` (m,) positions of attributes as tags, `kind` (m,) which attribute each is, `lift` (m, n_items) logs."""
    rows = h.age <= RECENT
    bought = _flags(h.customer[rows], h.item[rows], (h.n, h.n_items))
    active = np.unique(h.customer[rows])
    count = np.asarray(bought.sum(axis=0)).ravel()
    share = count / max(len(active), 1)
    tags, kind = _segments(context)
    mine = segment_of(h.tagged, tags, kind, h.n)
    is_active = np.zeros(h.n, dtype=bool)
    is_active[active] = True
    size = np.bincount(mine[is_active][mine[is_active] >= 0], minlength=len(tags))
    large = np.sort(np.lexsort((tags, -size))[:MOST])
    large = large[size[large] >= LEAST]
    lift = np.zeros((len(large), h.n_items), dtype=np.float32)
    for i, segment in enumerate(large):
        members = is_active & (mine == segment).any(axis=1)
        seen = np.asarray(bought[members].sum(axis=0)).ravel()
        lift[i] = np.log((seen + SHRINK) / (members.sum() * share + SHRINK))
    arrays: dict[str, NDArray] = {"tags": tags[large], "kind": kind[large], "lift": lift}
    arrays |= {"share": share.astype(np.float32)}
    return {f"{NAME}.{name}": values for name, values in arrays.items()}


def segment_of(tagged: Tagged, tags: Ints, kind: Ints, n: int) -> Ints:
    """(n, len(ATTRIBUTES)) position in `tags` of each customer's latest value of each attribute; -1 where none."""
    out = np.full((n, len(ATTRIBUTES)), -1, dtype=np.int64)
    if not len(tags) or not len(tagged.tag):
        return out
    at = np.minimum(np.searchsorted(tags, tagged.tag), len(tags) - 1)
    rows = np.flatnonzero(tags[at] == tagged.tag)
    at = at[rows]
    customer, attribute = tagged.customer[rows], kind[at]
    latest = np.lexsort((at, tagged.age[rows], attribute, customer))
    first = latest[run_starts(customer[latest], attribute[latest])]
    out[customer[first], attribute[first]] = at[first]
    return out


def propose(b: Block, k: int) -> Ints:
    """Keys of the `k` items that customers like her buy most, for customers with few purchase days."""
    parts = b.s.side.parts
    if k == 0 or f"{NAME}.share" not in parts or not len(b.s.offered):
        return np.empty(0, dtype=np.int64)
    new = np.flatnonzero(_purchase_days(b.h) <= FEW)
    if not len(new):
        return new
    customer, _ = b.split(b.closed)
    depth = k + np.bincount(customer, minlength=b.h.n)[new]
    alike, which = np.unique(_mine(b)[new], axis=0, return_inverse=True)
    found = []
    for i, segments in enumerate(alike):  # customers with the same attributes have one order
        who = np.flatnonzero(which.reshape(-1) == i)
        order = best_for(b.s, segments[segments >= 0], int(depth[who].max()))
        keys = new[who][:, None] * b.h.n_items + order
        free = ~is_in(b.closed, keys.ravel()).reshape(keys.shape)
        found.append(keys[free & (np.cumsum(free, axis=1) <= k)])
    return np.concatenate(found)


def best_for(s: Sources, segments: Ints, depth: int) -> Ints:
    """The first `depth` offered items for these segments, best first; kept, since many customers are alike."""
    known = s.memo.get((NAME, *segments.tolist()))
    if known is not None and len(known) >= min(depth, len(s.offered)):
        return known[:depth]
    items = s.offered
    share = np.asarray(s.side.parts[f"{NAME}.share"])[items].astype(np.float64)
    lift = np.asarray(s.side.parts[f"{NAME}.lift"])[segments][:, items].astype(np.float64).sum(axis=0)
    value = np.round(np.log(np.maximum(share, 1e-9)) + lift, DIGITS)
    at_least = max(depth, KEPT)
    if at_least < len(items):
        edge = np.partition(value, len(items) - at_least)[len(items) - at_least]
        inside = value >= edge
        items, value = items[inside], value[inside]
    found = items[np.lexsort((items, -value))][:at_least]
    s.memo[(NAME, *segments.tolist())] = found
    return np.asarray(found[:depth])


def scores(b: Block, customer: Ints, item: Ints) -> dict[str, Floats]:
    """Buyers of the last 28 days per thousand customers with her attributes."""
    parts = b.s.side.parts
    if f"{NAME}.share" not in parts:
        return {name: np.full(len(item), np.nan) for name in SCORES}
    total = np.zeros(len(item))
    mine = _mine(b)[customer]
    for column in range(mine.shape[1]):
        rows = mine[:, column] >= 0
        total[rows] += np.asarray(parts[f"{NAME}.lift"])[mine[rows, column], item[rows]]
    share = np.asarray(parts[f"{NAME}.share"])[item] * np.exp(total)
    return {"segment_pop28": np.round(PER * share, DIGITS)}


def _mine(b: Block) -> Ints:
    """`segment_of` the customers of the block."""
    tags, kind = (np.asarray(b.s.side.parts[f"{NAME}.{name}"]) for name in ("tags", "kind"))
    return b.once(NAME, lambda: segment_of(b.h.tagged, tags, kind, b.h.n))


def _segments(context: Context) -> tuple[Ints, Ints]:
    """Positions of the tags that are attributes, and which attribute each is."""
    prefix = [str(name).partition(":")[0] for name in context.tags]
    tags = np.array([i for i, p in enumerate(prefix) if p in ATTRIBUTES], dtype=np.int64)
    return tags, np.array([ATTRIBUTES.index(prefix[i]) for i in tags], dtype=np.int64)


def _purchase_days(h: Histories) -> Ints:
    """(n customers,) days with a purchase."""
    order = np.lexsort((h.age, h.customer))
    first = order[run_starts(h.customer[order], h.age[order])]
    return np.bincount(h.customer[first], minlength=h.n).astype(np.int64)


def _flags(customer: Ints, item: Ints, shape: tuple[int, int]) -> csr_matrix:
    """Customers x items, 1 where bought. The rows are sorted by customer and item."""
    start = run_starts(customer, item)
    return csr_matrix((np.ones(len(start)), (customer[start], item[start])), shape=shape)
