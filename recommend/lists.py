"""List rules: from scored candidates to the K rows of a customer, as settings say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommend.catalogue import UNKNOWN, Catalogue
from recommend.greedy import Limit, fill, fill_new, rank_within
from recommend.list_params import ListParams
from recommend.runs import Floats, Ints, rank_in

PRODUCT_KINDS = ("replenish", "discover", "cross_category", "trending", "fallback")
FALLBACK = 4


@dataclass(frozen=True)
class Groups:
    """What rules of lists speak of, one code per candidate, -1 where unknown: no rule holds for what is unknown."""

    category: Ints
    brand: Ints
    department: Ints
    product_type: Ints


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


def item_groups(catalogue: Catalogue, item: Ints) -> Groups:
    """The groups of catalogue positions."""
    found = {}
    for level in ("category", "brand", "department", "product_type"):
        code = np.asarray(catalogue.codes[level])[item].astype(np.int64)
        known = np.asarray(catalogue.names[level] != UNKNOWN, dtype=bool)
        found[level] = np.where(known[code], code, -1) if len(known) else code
    return Groups(**found)


def choose_rows(
    customer: Ints,
    item: Ints,
    groups: Groups,
    owned: NDArray[np.bool_],
    kind: Ints,
    p_buy: Floats,
    raw: Floats,
    params: ListParams,
    fallback: int | None = FALLBACK,
    spare: NDArray[np.bool_] | None = None,
) -> Rows:
    """The list of every customer.

    Candidates are gone through in order of p_buy (`diversity` lowers what repeats a product type), and each is taken
    that keeps all rules: at most so many of a category, of a brand, of a kind; at most K - discovery_slots bought
    before and K - repeat_slots never bought. Before that, in the same order and under the same rules, places are given
    to the slots of kinds, and to one row of a new department each until there are `min_departments`. What stays empty
    is filled with what only the slots kept out, and then with what the other rules kept out and with the `spare` rows
    (none unless said): the latter are labelled with the kind `fallback` (None keeps their own) and come last.
    """
    usual = order_by_score(customer, p_buy, raw, item)
    order = usual
    if params.diversity > 0:
        order = order_by_score(customer, _diversified(customer, groups.product_type, p_buy, usual, params), raw, item)
    c, seg, sort = customer[order], owned[order].astype(np.int64), kind[order]
    hard = [
        Limit(groups.category[order], _each(params.max_per_category, c)),
        Limit(groups.brand[order], _each(params.max_per_brand, c)),
        Limit(sort, _per_kind(sort, params.kind_limits, len(c))),
    ]
    if spare is not None and bool(spare.any()):
        hard.append(Limit(np.where(spare[order], 0, -1), np.zeros(len(c), dtype=np.int64)))
    hard = [limit for limit in hard if int(limit.most.min(initial=len(c))) < len(c)]
    room = np.where(seg == 1, params.k - params.discovery_slots, params.k - params.repeat_slots)
    slots = [*hard, Limit(seg, np.maximum(room, 0))]
    taken = np.zeros(len(c), dtype=bool)
    if any(params.kind_slots):
        wanted = Limit(sort, _per_kind(sort, params.kind_slots, 0))
        taken = fill(c, taken, [*slots, wanted], params.k)
    if params.min_departments:
        one = Limit(groups.department[order], _each(1, c))
        taken = fill_new(c, taken, [*slots, one], params.min_departments, params.k)
    for limits in (slots, hard):
        taken = fill(c, taken, limits, params.k)
    label, last = sort.copy(), fill(c, taken, [], params.k) & ~taken
    if fallback is not None:
        label[last] = fallback
    place = np.empty(len(c), dtype=np.int64)
    place[usual] = np.arange(len(c))
    chosen = np.flatnonzero(taken | last)
    # published by p_buy; what the rules kept out after all others
    chosen = chosen[np.lexsort((place[order[chosen]], last[chosen], c[chosen]))]
    label, c = label[chosen], c[chosen]
    return Rows(order[chosen], rank_in(c) + 1, rank_within(c, label) + 1, label)


def _each(most: int, c: Ints) -> Ints:
    """The same limit for all groups; 0 is none."""
    return np.full(len(c), most or len(c), dtype=np.int64)


def _per_kind(kind: Ints, counts: tuple[int, ...], otherwise: int) -> Ints:
    """The number of each row's kind, `otherwise` where it is 0 or the kind has none."""
    table = np.full(max(int(kind.max(initial=0)) + 1, len(counts)), otherwise, dtype=np.int64)
    table[: len(counts)] = [n or otherwise for n in counts]
    return np.asarray(table[kind])


def _diversified(customer: Ints, product_type: Ints, p_buy: Floats, usual: Ints, params: ListParams) -> Floats:
    """p_buy, lowered by how many items of the same product type the customer has before it.

    With a likeness of 1 within a type and 0 between types this is maximal marginal relevance (Carbonell and Goldstein
    1998) in its multiplicative form, and needs no round of its own per place.
    """
    known = usual[product_type[usual] >= 0]
    lowered = p_buy.copy()
    before = rank_within(customer[known], product_type[known])
    lowered[known] = np.round(p_buy[known] * (1.0 - params.diversity) ** before, 9)
    return lowered


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
