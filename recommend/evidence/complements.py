"""Which type that she bought lately leads to a row's type, and what the row loses without her purchases of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recommend.candidates import Sources
from recommend.evidence.spans import lay_out
from recommend.histories import Floats, Histories, Ints
from recommend.sources import complement


@dataclass(frozen=True)
class Complements:
    """The type after which the row's type is taken up most: `code` (n_rows,) position of the type, -1 for none; `last`
    the age of her latest purchase of it; `without` the row's complement score without it."""

    code: Ints
    last: Floats
    without: Floats


def strongest_complements(h: Histories, sources: Sources, customer: Ints, item: Ints, score: Floats) -> Complements:
    """The types behind `score` (n_rows,), the rows' complement scores. `customer` must be sorted."""
    n, parts = len(item), sources.side.parts
    out = Complements(np.full(n, -1), np.zeros(n), score.copy())
    rows = np.flatnonzero(score > 0)
    if not len(rows) or f"{complement.NAME}.types" not in parts:
        return out
    types, lift = (np.asarray(parts[f"{complement.NAME}.{name}"]) for name in ("types", "lift"))
    codes = np.asarray(sources.catalogue.codes["product_type"]).astype(np.int64)
    column = np.full(len(sources.catalogue.names["product_type"]), -1, dtype=np.int64)
    column[types] = np.arange(len(types))
    key, weight, youngest = _lately(h, column[codes[h.item]], len(types))
    low, high = (np.searchsorted(key, (customer[rows] + d) * len(types)) for d in (0, 1))
    rows, low, size = rows[high > low], low[high > low], (high - low)[high > low]
    if not len(rows):
        return out
    start, row, at = lay_out(low, size)
    bought, to = key[at] % len(types), column[codes[item[rows]]][row]
    part = weight[at] * lift[bought, to]
    rest = np.maximum(np.add.reduceat(weight[at], start)[row] - weight[at], 0.0)
    left = np.where(rest > 1e-9, (np.add.reduceat(part, start)[row] - part) / np.maximum(rest, 1e-9), 1.0)
    left[bought == to] = np.inf  # more of the same is no complement
    lowest = np.minimum.reduceat(left, start)
    best = np.minimum.reduceat(np.where(left == lowest[row], np.arange(len(row)), len(row)), start)
    without = np.log(np.maximum(lowest, 1e-9))
    lost = without < score[rows]
    out.code[rows] = np.where(lost, types[bought[best]], -1)
    out.last[rows] = youngest[at[best]]
    out.without[rows] = np.where(lost, without, score[rows])
    return out


def _lately(h: Histories, column: Ints, n: int) -> tuple[Ints, Floats, Floats]:
    """What customers bought lately, by type: sorted keys customer * n + type, weights as `mean_lifts` has them, and the
    age of the latest purchase; `column` is the type of each element of `h`, -1 where it leads to nothing."""
    rows = np.flatnonzero((column >= 0) & (h.age <= complement.WEEKS))
    key, place = np.unique(h.customer[rows] * n + column[rows], return_inverse=True)
    newer = 1.0 - (h.age[rows] - 1) / (2.0 * complement.WEEKS)
    weight = np.bincount(place, weights=newer, minlength=len(key)).astype(np.float64)
    youngest = np.full(len(key), np.inf)
    np.minimum.at(youngest, place, h.age[rows])
    return key, weight, youngest
