"""Which of a customer's purchases speak for a row, and what the row loses without them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommend.candidates import Sources, taste_matrix
from recommend.evidence.influence import als_losses, similar_parts
from recommend.evidence.spans import lay_out
from recommend.histories import Floats, Histories, Ints, run_starts
from recommend.pairs import Pairs
from recommend.sources.similar import RECENT_DAYS

CITED = 2  # purchases named per row
HABIT_LEVELS = ("product_type", "category")  # finest first
LEVELS = ("category", "product_type", "brand")
SCORES = ("als", "similar", "similar_recent")
PAIRS_AT_ONCE = 1_000_000  # of a row and an item that its customer owns


@dataclass(frozen=True)
class Cited:
    """Purchases that speak for rows.

    Of items that she owns her purchases of the item itself speak: `own_als` (n_rows,) is what the row's ALS score
    loses without them. All else is of items that are new to her. `place` (n_rows, CITED) are positions in the
    customers' own pairs, best first, -1 after the last: the items that add most. `habit` (n_rows,) is the position in
    `HABIT_LEVELS` of the finest level at which she bought others of the row's group, -1 for none; `alone` whether
    those others are all among the cited. `cited_loss`, `habit_loss` and `leading_loss` by name of `SCORES`, (n_rows,):
    what the row's scores lose without the cited, without the others, and without all she bought of a leading type.
    """

    own_als: Floats
    place: Ints
    habit: Ints
    alone: NDArray[np.bool_]
    cited_loss: dict[str, Floats]
    habit_loss: dict[str, Floats]
    leading_loss: dict[str, Floats]

    def take(self, rows: Ints) -> Cited:
        """The chosen rows."""
        losses = (self.cited_loss, self.habit_loss, self.leading_loss)
        taken = ({name: values[rows] for name, values in loss.items()} for loss in losses)
        return Cited(self.own_als[rows], self.place[rows], self.habit[rows], self.alone[rows], *taken)


def cite_purchases(
    h: Histories, sources: Sources, own: Pairs, customer: Ints, item: Ints, owned: NDArray[np.bool_], leading: Ints
) -> Cited:
    """The purchases that add most to each row's item-item score, or to its ALS score where that is silent. `customer`
    must be sorted; `own` are the pairs of `h`; `leading` (n_rows,) a type per row, -1 for none."""
    n = len(item)
    out = Cited(
        np.zeros(n),
        np.full((n, CITED), -1),
        np.full(n, -1),
        np.zeros(n, dtype=bool),
        *({name: np.zeros(n) for name in SCORES} for _ in range(3)),
    )
    taste = taste_matrix(h, sources.fold_params)
    size = np.diff(taste.indptr)[customer]
    # customers together as long as their pairs of row and owned item fit into memory
    first = run_starts(customer)
    chunk = np.cumsum(np.add.reduceat(size, first) if len(first) else first) // PAIRS_AT_ONCE
    for rows in np.split(np.arange(n), first[run_starts(chunk)][1:]):
        rows = rows[size[rows] > 0]
        if len(rows):
            _cite(out, taste, sources, own, customer[rows], item[rows], owned[rows], leading[rows], rows)
    return out


def _cite(
    out: Cited,
    taste: csr_matrix,
    sources: Sources,
    own: Pairs,
    customer: Ints,
    item: Ints,
    owned: NDArray[np.bool_],
    leading: Ints,
    rows: Ints,
) -> None:
    """Fills `rows` of `out`, which are rows of customers who bought something."""
    als, out.own_als[rows] = _als_parts(taste, sources, customer, item, owned)
    new = np.flatnonzero(~owned)
    if not len(new):
        return
    low = taste.indptr[customer[new]].astype(np.int64)
    size = taste.indptr[customer[new] + 1] - low
    start, row, place = lay_out(low, size)
    bought, wanted = taste.indices[place].astype(np.int64), item[new][row]
    similar = similar_parts(sources, bought, wanted)
    parts = {"als": als, "similar": similar, "similar_recent": similar * (own.last[place] <= RECENT_DAYS)}
    group, habit = _habit(sources, bought, wanted, row, start)
    best, cited = _strongest(parts, row, start)
    types = np.asarray(sources.catalogue.codes["product_type"])
    leads = types[bought] == leading[new][row]
    at = rows[new]
    out.habit[at], out.alone[at] = habit, ~np.logical_or.reduceat(group & ~cited, start)
    out.place[at] = np.where(best >= 0, place[best], -1)
    for loss, gone in ((out.cited_loss, cited), (out.habit_loss, group), (out.leading_loss, leads)):
        few = np.flatnonzero(gone)
        for name, values in parts.items():
            loss[name][at] = np.bincount(row[few], weights=values[few], minlength=len(new))


def _als_parts(
    taste: csr_matrix, sources: Sources, customer: Ints, item: Ints, owned: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """What each owned item adds to the ALS score of each row that is new to her, flat, rows one after the other; and
    what each row of an item she owns loses without that item."""
    flat, of_own = [], np.zeros(len(item))
    start = run_starts(customer)
    for first, last in zip(start.tolist(), np.append(start, len(item))[1:].tolist(), strict=True):
        at = slice(*taste.indptr[customer[first] : customer[first] + 2].tolist())
        bought = taste.indices[at].astype(np.int64)
        parts = als_losses(sources, bought, taste.data[at].astype(np.float64), item[first:last])
        hers = owned[first:last]
        of_own[first:last][hers] = parts[hers, np.searchsorted(bought, item[first:last][hers])]
        flat.append(parts[~hers].ravel())
    return np.concatenate(flat), of_own


def _habit(sources: Sources, bought: Ints, wanted: Ints, row: Ints, start: Ints) -> tuple[NDArray[np.bool_], Ints]:
    """Whether each bought item is of its row's group (flat), and the group's level per row."""
    level = np.full(len(start), -1)
    group = np.zeros(len(bought), dtype=bool)
    for place, name in reversed(list(enumerate(HABIT_LEVELS))):
        code = np.asarray(sources.catalogue.codes[name])
        named = np.asarray(sources.catalogue.names[name] != "", dtype=bool)
        same = (code[bought] == code[wanted]) & named[code[wanted]]
        there = np.logical_or.reduceat(same, start)
        level[there] = place
        group = np.where(there[row], same, group)
    return group, level


def _strongest(parts: dict[str, Floats], row: Ints, start: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """(n rows, CITED) flat positions of the parts that add most, -1 where none adds anything, ties by item; and
    whether each part is among them (flat)."""
    silent = np.maximum.reduceat(parts["similar"], start) <= 0
    strength = np.round(np.where(silent[row], parts["als"], parts["similar"]), 6)
    cited, best, every = np.zeros(len(row), dtype=bool), [], np.arange(len(row))
    for _ in range(CITED):
        most = np.maximum.reduceat(strength, start)
        first = np.minimum.reduceat(np.where(strength == most[row], every, len(row)), start)
        there = most > 0
        cited[first[there]] = True
        strength[first] = -1.0
        best.append(np.where(there, first, -1))
    return np.stack(best, axis=1), cited
