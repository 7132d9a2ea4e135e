"""Which type that she bought lately leads to a row's type, and what the row loses without her purchases of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recommend.candidates import Sources
from recommend.histories import Floats, Histories, Ints, run_starts
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
    target = column[codes[item[rows]]]
    start = run_starts(customer[rows])
    for mine, to in zip(np.split(rows, start[1:]), np.split(target, start[1:]), strict=True):
        low, high = np.searchsorted(h.customer, [customer[mine[0]], customer[mine[0]] + 1])
        at, age = column[codes[h.item[low:high]]], h.age[low:high]
        lately = (at >= 0) & (age <= complement.WEEKS)
        bought, place = np.unique(at[lately], return_inverse=True)
        if not len(bought):
            continue
        weight = np.bincount(place, weights=1.0 - (age[lately] - 1) / (2.0 * complement.WEEKS))
        parts_of = weight[:, None] * lift[np.ix_(bought, to)]
        rest = np.maximum(weight.sum() - weight, 0.0)[:, None]
        left = np.where(rest > 1e-9, (parts_of.sum(axis=0) - parts_of) / np.maximum(rest, 1e-9), 1.0)
        left[bought[:, None] == to] = np.inf  # more of the same is no complement
        best = left.argmin(axis=0)
        lowest = left[best, np.arange(len(to))]
        lost = np.log(np.maximum(lowest, 1e-9)) < score[mine]
        youngest = np.full(len(bought), np.inf)
        np.minimum.at(youngest, place, age[lately])
        out.code[mine] = np.where(lost, types[bought[best]], -1)
        out.last[mine] = youngest[best]
        out.without[mine] = np.where(lost, np.log(np.maximum(lowest, 1e-9)), score[mine])
    return out
