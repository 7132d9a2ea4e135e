"""Which of a customer's tags speaks most for a row, and what the row's score of tags is without it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recommend.candidates import Sources
from recommend.histories import Floats, Histories, Ints
from recommend.sources import event
from recommend.sources.live_tags import TagTable, live_tags


@dataclass(frozen=True)
class Told:
    """The strongest tag of each row: `tag` (n_rows,) position in the model's tags, -1 where none speaks for it;
    `nameable` whether a text may show that it is known; `without` the row's event score without the tag."""

    tag: Ints
    nameable: list[bool]
    without: Floats


def strongest_tags(h: Histories, sources: Sources, customer: Ints, item: Ints, score: Floats) -> Told:
    """The tags behind `score` (n_rows,), the rows' event scores. `customer` must be sorted."""
    n, parts = len(item), sources.side.parts
    out = Told(np.full(n, -1), [False] * n, score.copy())
    rows = np.flatnonzero(score > 0)
    if not len(rows) or f"{event.NAME}.expiry" not in parts or not len(h.tagged.tag):
        return out
    table = TagTable.open(parts, event.NAME)
    live = live_tags(h.tagged, table)
    lift, key, extra = (np.asarray(parts[f"{event.NAME}.{name}"]) for name in ("lift", "item_key", "item_lift"))
    _, group, _ = event.groups_of(sources.catalogue)
    low, high = (np.searchsorted(live.customer, customer[rows], side=side) for side in ("left", "right"))
    for row, a, z in zip(rows.tolist(), low.tolist(), high.tolist(), strict=True):
        tags, weight = live.tag[a:z], live.weight[a:z]
        if not len(tags):
            continue
        by_group = np.where(table.proposes[tags], weight * lift[tags, group[item[row]]], -np.inf)
        at = np.searchsorted(key, tags * h.n_items + item[row])
        at = np.minimum(at, max(len(key) - 1, 0))
        known = key[at] == tags * h.n_items + item[row] if len(key) else np.zeros(len(tags), dtype=bool)
        by_item = np.where(known, weight * extra[at], 0.0) if len(key) else np.zeros(len(tags))
        left = np.array([_score(by_group, by_item, t) for t in range(len(tags))])
        best = int(left.argmin())
        if left[best] < score[row]:
            out.tag[row], out.without[row] = tags[best], left[best]
            out.nameable[row] = bool(table.nameable[tags[best]])
    return out


def _score(by_group: Floats, by_item: Floats, gone: int) -> float:
    """The event score without one of the tags."""
    best, items = np.delete(by_group, gone).max(initial=-np.inf), np.delete(by_item, gone)
    known = items[items != 0]
    return float((best if np.isfinite(best) else 0.0) + (known.max() if len(known) else 0.0))
