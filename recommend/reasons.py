"""Why a row is in the list, in words that are true.

Rhythm and popularity are read from the features that the row was scored with. "because you bought A and B" names the
purchases that add most to the row's item-item score, or to its ALS score where the item-item model is silent: the
score is a sum over her purchases, so taking the named ones away lowers it more than taking away any others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommend.candidates import Sources, taste_matrix
from recommend.catalogue import Catalogue
from recommend.histories import Floats, Histories, Ints, run_starts

CITED = 2  # purchases named per row
PAST = 3  # a rhythm is past when the last purchase is more than so many gaps ago
# Templates are data: a translation is another dict with the same keys.
ENGLISH = {
    "rhythm": "you buy it about every {gap} days; last {ago}",
    "past_rhythm": "you used to buy it about every {gap} days; last {ago}",
    "twice": "bought twice; last {ago}",
    "once": "bought once, {ago}",
    "evidence": "because you bought {items}",
    "and": " and ",
    "in_category": "you bought {category} {ago}",
    "new_category": "you have not bought {category} yet",
    "popular": "bought by {n} customers in the last 28 days",
    "popular_one": "bought by 1 customer in the last 28 days",
    "trending": "bought by {n} customers in the last 7 days, {times} times the usual pace",
    "yesterday": "1 day ago",
    "days_ago": "{n} days ago",
    "filled": "fills the list: other choices were used up",
}
READ = ("times", "recency", "gap", "category_recency", "item_pop7", "item_pop28", "item_trend")


@dataclass(frozen=True)
class RowFacts:
    """What the reasons of published rows are made of, each (n_rows,): positions of customer and item, kind name, and
    the features named in `READ` by name."""

    customer: Ints
    item: Ints
    kind: NDArray[np.object_]
    features: dict[str, Floats]


def write_reasons(
    h: Histories, catalogue: Catalogue, sources: Sources, rows: RowFacts, words: dict[str, str] = ENGLISH
) -> list[list[str]]:
    """Reasons of each row, strongest first; never empty. Rows must be sorted by customer."""
    bought_before = ~np.isnan(rows.features["recency"])
    evidence = cite_evidence(h, sources, rows.customer, rows.item, ~bought_before)
    out = []
    for i in range(len(rows.item)):
        facts = {name: float(rows.features[name][i]) for name in READ}
        kind = str(rows.kind[i])
        reasons = [_rhythm(facts, words)] if bought_before[i] else []
        cited = list(dict.fromkeys(str(catalogue.labels[j]) for j in evidence[i]))
        if cited:
            reasons.append(words["evidence"].format(items=words["and"].join(cited)))
        if kind in ("trending", "discover", "cross_category", "fallback"):
            category = str(catalogue.names["category"][catalogue.codes["category"][rows.item[i]]])
            reasons += _about_item(facts, kind, category, bool(bought_before[i]), words)
        elif kind == "never" or not reasons:
            reasons.append(_popular(facts["item_pop28"], words))
        out.append(reasons)
    return out


def _rhythm(facts: dict[str, float], words: dict[str, str]) -> str:
    ago = _ago(facts["recency"], words)
    if facts["times"] >= 3:
        past = facts["recency"] > PAST * facts["gap"]
        return words["past_rhythm" if past else "rhythm"].format(gap=max(1, round(facts["gap"])), ago=ago)
    return words["twice" if facts["times"] == 2 else "once"].format(ago=ago)


def _about_item(facts: dict[str, float], kind: str, category: str, owned: bool, words: dict[str, str]) -> list[str]:
    """Category and popularity of a product row."""
    out = []
    if kind == "trending":
        out.append(words["trending"].format(n=round(facts["item_pop7"]), times=round(facts["item_trend"], 1)))
    if category and not owned:
        if np.isnan(facts["category_recency"]):
            out.append(words["new_category"].format(category=category))
        else:
            out.append(words["in_category"].format(category=category, ago=_ago(facts["category_recency"], words)))
    if kind != "trending" and facts["item_pop28"] > 0:
        out.append(_popular(facts["item_pop28"], words))
    return [*out, words["filled"]] if kind == "fallback" else out


def _ago(days: float, words: dict[str, str]) -> str:
    return words["yesterday"] if days <= 1 else words["days_ago"].format(n=round(days))


def _popular(n: float, words: dict[str, str]) -> str:
    return words["popular_one"] if round(n) == 1 else words["popular"].format(n=round(n))


def cite_evidence(
    h: Histories, sources: Sources, customer: Ints, item: Ints, wanted: NDArray[np.bool_]
) -> list[list[int]]:
    """Per row the at most `CITED` items of the customer's history that add most to the row's score, best first.

    Empty where not `wanted`, and where no purchase adds anything. `customer` must be sorted.
    """
    out: list[list[int]] = [[] for _ in range(len(item))]
    taste = taste_matrix(h, sources.fold_params)
    start = run_starts(customer)
    for first, last in zip(start, np.append(start, len(customer))[1:], strict=True):
        rows = np.arange(first, last)[wanted[first:last]]
        if not len(rows):
            continue
        at = slice(taste.indptr[customer[first]], taste.indptr[customer[first] + 1])
        owned = taste.indices[at].astype(np.int64)
        parts = similar_parts(sources, owned, item[rows])
        silent = parts.max(axis=0, initial=0.0) <= 0
        if len(owned) and bool(silent.any()):
            parts[:, silent] = als_parts(sources, owned, taste.data[at].astype(np.float64), item[rows][silent])
        best = np.argsort(-np.round(parts, 6), axis=0, kind="stable")[:CITED]
        for j, row in enumerate(rows):
            out[row] = [int(owned[b]) for b in best[:, j] if parts[b, j] > 0]
    return out


def similar_parts(sources: Sources, owned: Ints, items: Ints) -> Floats:
    """(n owned, n items): what each owned item adds to the item-item score of each item."""
    known = np.asarray(sources.side.similar_items)
    out = np.zeros((len(owned), len(items)))
    if not len(known):
        return out
    rows, columns = (np.minimum(np.searchsorted(known, v), len(known) - 1) for v in (owned, items))
    row_ok, column_ok = known[rows] == owned, known[columns] == items
    weights = sources.side.similar_weights[rows[row_ok]][:, columns[column_ok]]
    out[np.ix_(row_ok, column_ok)] = weights
    return out


def als_parts(sources: Sources, owned: Ints, weights: Floats, items: Ints) -> Floats:
    """(n owned, n items): what each owned item adds to the ALS score of each item (Hu et al. 2008, section 5):
    (1 + alpha w_j) y_j' A^-1 y_i, over the columns that the fold-in solves for."""
    y = np.asarray(sources.side.factors)[owned].astype(np.float64)
    extra = sources.fold.alpha * weights
    left = sources.fold.gram + (y * extra[:, None]).T @ y
    free = np.arange(left.shape[0])
    if sources.fold.bias:
        free = np.delete(free, 1)
    target = np.asarray(sources.side.factors)[items].astype(np.float64)[:, free]
    solved = np.linalg.solve(left[np.ix_(free, free)], target.T)
    return np.asarray((y[:, free] * (1.0 + extra)[:, None]) @ solved)
