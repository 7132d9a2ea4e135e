"""List rules: from scored candidates to the K rows of a customer, as settings say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommend.histories import Floats, Ints
from recommend.list_params import ListParams
from recommend.runs import rank_in

PRODUCT_KINDS = ("replenish", "discover", "cross_category", "trending", "fallback")
FALLBACK = 4


@dataclass(frozen=True)
class Rows:
    """Published rows, sorted by (customer, rank): positions of the pairs in the candidates, rank (1 is best), rank
    within the kind, and kind (position in the kinds of the table)."""

    pair: Ints
    rank: Ints
    rank_in_kind: Ints
    kind: Ints


def order_by_score(customer: Ints, p_buy: Floats, raw: Floats, item: Ints) -> Ints:
    """Positions by customer, then p_buy, then raw score (both falling), then item: one order for equal input."""
    return np.lexsort((item, -raw, -p_buy, customer)).astype(np.int64)


def choose_rows(
    customer: Ints,
    item: Ints,
    category: Ints,
    owned: NDArray[np.bool_],
    kind: Ints,
    p_buy: Floats,
    raw: Floats,
    params: ListParams,
    fallback: int | None = FALLBACK,
) -> Rows:
    """The list of every customer.

    In order of p_buy: at most `max_per_category` of a category, at most K - discovery_slots bought before and at most
    K - repeat_slots never bought. Places that stay empty are filled by what only the slots kept out, and then by what
    the category cap kept out; the latter are labelled with the kind `fallback` (None keeps their own) and come last.
    """
    order = order_by_score(customer, p_buy, raw, item)
    c, seg = customer[order], owned[order]
    capped = _rank_within(c, category[order]) < (params.max_per_category or len(order) + 1)
    within = np.full(len(order), len(order), dtype=np.int64)
    within[capped] = _rank_within(c[capped], seg[capped].astype(np.int64))
    limit = np.where(seg, params.k - params.discovery_slots, params.k - params.repeat_slots)
    # 0: inside all rules, 1: kept out by the slots only, 2: kept out by the category cap
    tier = np.where(~capped, 2, np.where(within < limit, 0, 1))
    first = np.lexsort((np.arange(len(order)), tier, c))
    chosen = first[rank_in(c[first]) < params.k]
    label = kind[order[chosen]].copy()
    last = tier[chosen] == 2
    if fallback is not None:
        label[last] = fallback
    # published by p_buy; fallback rows after all others
    final = np.lexsort((chosen, last, c[chosen]))
    chosen, label = chosen[final], label[final]
    return Rows(order[chosen], rank_in(c[chosen]) + 1, _rank_within(c[chosen], label) + 1, label)


def product_kinds(
    owned: NDArray[np.bool_],
    category_days: Floats,
    only_popular: NDArray[np.bool_],
    trend: Floats,
    pop7: Floats,
    params: ListParams,
) -> Ints:
    """Kind of each candidate: bought before is `replenish`; else popular and nothing else, and rising, is `trending`;
    else a category she never bought in is `cross_category`, and the rest `discover`."""
    rising = only_popular & (trend >= params.trending_ratio) & (pop7 >= params.trending_min)
    new = np.where(category_days > 0, 1, 2)
    return np.where(owned, 0, np.where(rising, 3, new)).astype(np.int64)


def _rank_within(customer: Ints, group: Ints) -> Ints:
    """0-based rank of each row among the rows of its customer and group, in the order given."""
    order = np.lexsort((np.arange(len(customer)), group, customer))
    out = np.empty(len(customer), dtype=np.int64)
    if len(customer):
        new = np.cumsum(np.r_[True, (np.diff(customer[order]) != 0) | (np.diff(group[order]) != 0)])
        out[order] = rank_in(new)
    return out
