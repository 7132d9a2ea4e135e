"""What goes with the tags that count for her: life events and interests that her posts told, tags that networks gave.

For each tag and category the lift of taking it up: the share of those with the tag who buy in a category that they
had not bought in lately, over the share of all customers; for each tag and item likewise where enough of them bought
it. Counted on stretches of days before the cut, with the tags of days before each stretch, as known at the cut. Where
the lexicon says that a tag leads to a category, that is what the counts are drawn towards.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommend.catalogue import Catalogue
from recommend.histories import Floats, Histories, Ints
from recommend.list_params import CandidateParams
from recommend.runs import rank_in, run_starts
from recommend.sources.block import DIGITS, Block
from recommend.sources.context import Context
from recommend.sources.event_lifts import SUPPORT, count_takings, item_lifts, moments
from recommend.sources.live_tags import Live, TagTable, live_tags
from recommend.sources.shelves import best_of_groups
from recommend.sources.viewed import looked_up

NAME = "event"
SCORES = ("event",)
PRIOR = 3.0  # lift where the lexicon says so and nothing was counted
LEAST = 1.2  # lift from which items are proposed
TAGS = 20  # per customer, those that count most: many at once say little each
HIGHEST = 3.0  # log lift at most


def fit(h: Histories, catalogue: Catalogue, params: CandidateParams, context: Context) -> dict[str, NDArray]:
    """The tag table; `lift` (n_tags, n_categories) float32 logs; `base` (n_categories,); `forbidden` (n_tags,
    n_categories) bool; `item_key` (sorted tag * n_items + item) with `item_lift` beyond the category's; `names`."""
    if not len(context.tags):
        return {}
    table = TagTable.of(context)
    _, group, names = groups_of(catalogue)
    rules = [context.rule(str(t)) for t in context.tags]
    prior = np.where(_named(names, [r.categories for r in rules]), PRIOR, 1.0)
    forbidden = _named(names, [r.forbidden for r in rules])
    lives = moments(h, table)
    by_group = count_takings(h, group, len(names), lives, len(rules))
    lift = (by_group.bought + SUPPORT * prior) / (by_group.expected() + SUPPORT)
    lift[~table.proposes] = 1.0
    key, item_lift = item_lifts(h, lives, lift, group, table)
    arrays = {
        "lift": np.clip(np.log(lift), -HIGHEST, HIGHEST).astype(np.float32),
        "base": by_group.base.astype(np.float32),
        "forbidden": forbidden,
        "item_key": key,
        "item_lift": np.clip(item_lift, -HIGHEST, HIGHEST).astype(np.float32),
        "names": context.tags.astype(str),
    }
    return table.parts(NAME) | {f"{NAME}.{name}": values for name, values in arrays.items()}


def groups_of(catalogue: Catalogue) -> tuple[str, Ints, NDArray[np.object_]]:
    """The level that tags lead to, each item's position in it, and its names: categories, also where they are the
    items themselves."""
    names = catalogue.names["product_type"]
    level = "product_type" if np.array_equal(names, catalogue.items) and len(names) else "category"
    return level, np.asarray(catalogue.codes[level]).astype(np.int64), catalogue.names[level]


def _named(names: NDArray[np.object_], chosen: list[tuple[str, ...]]) -> NDArray[np.bool_]:
    """(len(chosen), len(names)) whether a name is among the chosen."""
    return np.array([np.isin(names.astype(str), list(c) or [""]) & (names != "") for c in chosen]).reshape(
        -1, len(names)
    )


def her_tags(b: Block) -> Live | None:
    """The tags that count at the cut for the customers of the block; None where the model knows no tags."""
    parts = b.s.side.parts
    if f"{NAME}.expiry" not in parts or not len(b.h.tagged.tag):
        return None
    return b.once("event.live", lambda: live_tags(b.h.tagged, TagTable.open(parts, NAME)))


def forbidden_keys(b: Block) -> Ints:
    """Sorted keys of items in categories that must not be shown to her as long as a life event lasts."""
    live = her_tags(b)
    if live is None:
        return np.empty(0, dtype=np.int64)
    _, group, names = b.once("event.groups", lambda: groups_of(b.s.catalogue))
    row, code = np.nonzero(np.asarray(b.s.side.parts[f"{NAME}.forbidden"])[live.tag])
    pairs = np.unique(live.customer[row] * len(names) + code)
    if not len(pairs):
        return pairs
    order = np.argsort(group, kind="stable")
    low, high = (np.searchsorted(group[order], pairs % len(names), side=s) for s in ("left", "right"))
    keys = [c * b.h.n_items + order[a:z] for c, a, z in zip(pairs // len(names), low, high, strict=True)]
    return np.sort(np.concatenate(keys))


def strongest(b: Block) -> tuple[Ints, Floats]:
    """Customers with a tag that proposes, and (len, n_categories) the largest weight times log lift of their tags."""
    live = her_tags(b)
    parts = b.s.side.parts
    if live is None:
        return np.empty(0, dtype=np.int64), np.empty((0, 0))
    use = np.flatnonzero(np.asarray(parts[f"{NAME}.proposes"])[live.tag])
    most = np.lexsort((live.tag[use], -live.weight[use], live.customer[use]))
    use = np.sort(use[most[rank_in(live.customer[use][most]) < TAGS]])
    customer, tag, weight = live.customer[use], live.tag[use], live.weight[use]
    start = run_starts(customer)
    said = weight[:, None] * np.asarray(parts[f"{NAME}.lift"], dtype=np.float64)[tag]
    return customer[start], np.maximum.reduceat(said, start, axis=0) if len(start) else said


def propose(b: Block, k: int) -> Ints:
    """Keys of the `k` best items per customer of categories that her tags lead to, neither hers nor banned."""
    if k == 0 or her_tags(b) is None:
        return np.empty(0, dtype=np.int64)
    customers, said = b.once(NAME, lambda: strongest(b))
    liked = np.where(said > np.log(LEAST), np.exp(said) * np.asarray(b.s.side.parts[f"{NAME}.base"]), 0.0)
    level, _, _ = b.once("event.groups", lambda: groups_of(b.s.catalogue))
    shelves = b.s.category_shelves if level == "category" else b.s.type_shelves
    return best_of_groups(shelves, customers, liked, b.closed, b.h.n_items, k)


def scores(b: Block, customer: Ints, item: Ints) -> dict[str, Floats]:
    """Largest weight times log lift of her tags for the item's category, and on top of it for the item; 0 without."""
    live = her_tags(b)
    if live is None:
        return {"event": np.zeros(len(item))}
    customers, said = b.once(NAME, lambda: strongest(b))
    _, group, _ = b.once("event.groups", lambda: groups_of(b.s.catalogue))
    place = np.full(b.h.n, -1, dtype=np.int64)
    place[customers] = np.arange(len(customers))
    at = place[customer]
    out = np.zeros(len(item))
    rows = at >= 0
    out[rows] = said[at[rows], group[item[rows]]]
    key, extra = b.once("event.items", lambda: _item_extras(b, live))
    return {"event": np.round(out + looked_up(key, extra, customer * b.h.n_items + item, 0.0), DIGITS)}


def _item_extras(b: Block, live: Live) -> tuple[Ints, Floats]:
    """Sorted keys of items with a lift of their own under one of her tags, and the largest weight times log lift."""
    keys = np.asarray(b.s.side.parts[f"{NAME}.item_key"])
    low, high = (np.searchsorted(keys, live.tag * b.h.n_items + d) for d in (0, b.h.n_items))
    size = high - low
    if not size.sum():
        return np.empty(0, dtype=np.int64), np.empty(0)
    at = np.repeat(low - np.cumsum(size) + size, size) + np.arange(size.sum())
    key = np.repeat(live.customer, size) * b.h.n_items + keys[at] % b.h.n_items
    value = np.repeat(live.weight, size) * np.asarray(b.s.side.parts[f"{NAME}.item_lift"])[at]
    order = np.lexsort((value, key))
    key, value = key[order], value[order]
    last = np.append(run_starts(key), len(key))[1:] - 1
    return key[last], value[last]
