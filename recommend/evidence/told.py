"""Which of a customer's tags speaks most for a row, and what the row's score of tags is without it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommend.candidates import Sources
from recommend.evidence.spans import lay_out
from recommend.histories import Floats, Histories, Ints
from recommend.sources import event
from recommend.sources.live_tags import TagTable, live_tags


@dataclass(frozen=True)
class Told:
    """The strongest tag of each row: `tag` (n_rows,) position in the model's tags, -1 where none speaks for it;
    `nameable` whether a text may show that it is known; `without` the row's event score without the tag."""

    tag: Ints
    nameable: NDArray[np.bool_]
    without: Floats


def strongest_tags(h: Histories, sources: Sources, customer: Ints, item: Ints, score: Floats) -> Told:
    """The tags behind `score` (n_rows,), the rows' event scores. `customer` must be sorted."""
    n, parts = len(item), sources.side.parts
    out = Told(np.full(n, -1), np.zeros(n, dtype=bool), score.copy())
    rows = np.flatnonzero(score > 0)
    if not len(rows) or f"{event.NAME}.expiry" not in parts or not len(h.tagged.tag):
        return out
    table = TagTable.open(parts, event.NAME)
    live = live_tags(h.tagged, table)
    lift, key, extra = (np.asarray(parts[f"{event.NAME}.{name}"]) for name in ("lift", "item_key", "item_lift"))
    _, group, _ = event.groups_of(sources.catalogue)
    low, high = (np.searchsorted(live.customer, customer[rows], side=side) for side in ("left", "right"))
    rows, low, size = rows[high > low], low[high > low], (high - low)[high > low]
    if not len(rows):
        return out
    start, row, at = lay_out(low, size)
    tag, weight = live.tag[at], live.weight[at]
    by_group = np.where(table.proposes[tag], weight * lift[tag, group[item[rows]][row]], -np.inf)
    wanted = tag * h.n_items + item[rows][row]
    place = np.minimum(np.searchsorted(key, wanted), max(len(key) - 1, 0))
    by_item = np.full(len(tag), -np.inf)
    if len(key):
        by_item = np.where(key[place] == wanted, weight * extra[place], -np.inf)
    left = _most_of_others(by_group, row, start) + _most_of_others(by_item, row, start)
    lowest = np.minimum.reduceat(left, start)
    best = tag[_first_of(left == lowest[row], start)]
    lost = lowest < score[rows]
    out.tag[rows] = np.where(lost, best, -1)
    out.without[rows] = np.where(lost, lowest, score[rows])
    out.nameable[rows] = lost & table.nameable[best]
    return out


def _most_of_others(values: Floats, row: Ints, start: Ints) -> Floats:
    """Per element the largest of the other elements of its run; 0 where there is none."""
    most = np.maximum.reduceat(values, start)
    first = _first_of(values == most[row], start)
    rest = values.copy()
    rest[first] = -np.inf
    out = most[row]
    out[first] = np.maximum.reduceat(rest, start)
    return np.where(np.isfinite(out), out, 0.0)


def _first_of(chosen: NDArray[np.bool_], start: Ints) -> Ints:
    """Position of the first chosen element of each run; each must have one."""
    return np.minimum.reduceat(np.where(chosen, np.arange(len(chosen)), len(chosen)), start)
