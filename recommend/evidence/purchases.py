"""Which of a customer's purchases speak for a row, and what the row loses without them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommend.candidates import Sources, taste_matrix
from recommend.evidence.influence import als_losses, similar_parts
from recommend.histories import Floats, Histories, Ints, run_starts
from recommend.pairs import Pairs
from recommend.sources.similar import RECENT_DAYS

CITED = 2  # purchases named per row
HABIT_LEVELS = ("product_type", "category")  # finest first
LEVELS = ("category", "product_type", "brand")
SCORES = ("als", "similar", "similar_recent")


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
    codes = [np.asarray(sources.catalogue.codes[level]).astype(np.int64) for level in HABIT_LEVELS]
    named = [(sources.catalogue.names[level] != "")[code] for level, code in zip(HABIT_LEVELS, codes)]
    start = run_starts(customer)
    for first, last in zip(start.tolist(), np.append(start, n)[1:].tolist(), strict=True):
        at = slice(*taste.indptr[customer[first] : customer[first] + 2].tolist())
        bought = taste.indices[at].astype(np.int64)
        if not len(bought):
            continue
        als = als_losses(sources, bought, taste.data[at].astype(np.float64), item[first:last])
        hers = np.flatnonzero(owned[first:last])
        out.own_als[first + hers] = als[hers, np.searchsorted(bought, item[first + hers])]
        mine = first + np.flatnonzero(~owned[first:last])
        if not len(mine):
            continue
        parts = _parts(sources, bought, als[mine - first], own.last[at] <= RECENT_DAYS, item[mine])
        group, out.habit[mine] = _habit(bought, item[mine], codes, named)
        best, cited = _strongest(parts)
        out.place[mine, : best.shape[1]] = np.where(best >= 0, best + at.start, -1)
        out.alone[mine] = ~(group & ~cited).any(axis=1)
        leads = codes[0][bought] == leading[mine][:, None]
        for name, values in parts.items():
            for loss, gone in ((out.cited_loss, cited), (out.habit_loss, group), (out.leading_loss, leads)):
                loss[name][mine] = (values * gone).sum(axis=1)
    return out


def _parts(sources: Sources, bought: Ints, als: Floats, recent: NDArray[np.bool_], items: Ints) -> dict[str, Floats]:
    """(n items, n bought) per score: what each adds."""
    similar = similar_parts(sources, bought, items)
    return {"als": als, "similar": similar, "similar_recent": similar * recent}


def _habit(
    bought: Ints, wanted: Ints, codes: list[Ints], named: list[NDArray[np.bool_]]
) -> tuple[NDArray[np.bool_], Ints]:
    """(n items, n bought) whether a bought item is of the row's group, and the group's level."""
    level = np.full(len(wanted), -1)
    group = np.zeros((len(wanted), len(bought)), dtype=bool)
    for place in reversed(range(len(codes))):
        same = (codes[place][bought] == codes[place][wanted][:, None]) & named[place][wanted][:, None]
        there = same.any(axis=1)
        level[there] = place
        group[there] = same[there]
    return group, level


def _strongest(parts: dict[str, Floats]) -> tuple[Ints, NDArray[np.bool_]]:
    """(n items, at most CITED) places of the parts that add most, -1 where none adds anything, ties by item; and
    (n items, n bought) whether a part is among them."""
    similar, als = parts["similar"], parts["als"]
    strength = np.round(np.where(similar.max(axis=1) <= 0, als.T, similar.T).T, 6)
    every = np.arange(len(strength))
    cited, best = np.zeros(strength.shape, dtype=bool), []
    for _ in range(min(CITED, strength.shape[1])):
        place = strength.argmax(axis=1)
        there = strength[every, place] > 0
        cited[every[there], place[there]] = True
        strength[every, place] = -1.0
        best.append(np.where(there, place, -1))
    return np.stack(best, axis=1), cited
