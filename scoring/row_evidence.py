"""What speaks for published rows, and how much of the score each piece carries: rows are scored again without it.

Each piece of evidence is taken away by itself (occlusion), and what the row's score falls by is what it carries. A
piece without which the row would score as high or higher is no reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommend.candidates import Candidates, given_pairs
from recommend.evidence.complements import Complements, strongest_complements
from recommend.evidence.feature_evidence import REASONS
from recommend.evidence.purchases import LEVELS, Cited, cite_purchases
from recommend.evidence.told import Told, strongest_tags
from recommend.evidence.without import AT, Matrix, RowFeatures
from recommend.histories import Floats, Histories, Ints, build_histories
from recommend.pair_features import pair_features
from recommend.pairs import Pairs, own_pairs
from scoring.second_stage import SEGMENTS, SecondStage, raw_scores

DIGITS = 9  # of what a reason carries: ties must be ties on every machine
LEAST = 0.01  # part of the score below which what is lost is no reason
ORDINARY = 200  # items on offer that tell how popular an ordinary one is

Case = tuple[NDArray[np.bool_], Callable[[Ints], Matrix]]


@dataclass(frozen=True)
class Evidence:
    """What speaks for rows: `carries` (n_rows, len(REASONS)) what the score loses without it, 0 where there is none or
    next to nothing is lost; `own` her items, and which of them, which tag and which type are meant."""

    carries: Floats
    own: Pairs
    cited: Cited
    told: Told
    complements: Complements


def weigh_evidence(stage: SecondStage, h: Histories, found: Candidates, x: Matrix, raw: Floats) -> Evidence:
    """`found` are rows sorted by customer, `x` and `raw` their features and scores."""
    own, sources, customer, item = own_pairs(h), stage.sources, found.customer, found.item
    features = RowFeatures(x, of_nobody(stage, h, item), ordinary_item(stage, h))
    leads = np.where(found.owned, 0.0, features.column("complement"))
    complements = strongest_complements(h, sources, customer, item, leads)
    told = strongest_tags(h, sources, customer, item, features.column("event"))
    cited = cite_purchases(h, sources, own, customer, item, found.owned, complements.code)
    codes = {level: np.asarray(stage.catalogue.codes[level]).astype(np.int64) for level in LEVELS}

    def above(name: str) -> NDArray[np.bool_]:
        return np.asarray(features.column(name) > np.nan_to_num(features.of_nobody(name)))

    cases: dict[str, Case] = {
        "rhythm": (found.owned, lambda at: features.take(at).without_item(cited.take(at))),
        "looks": (above("viewed"), lambda at: features.take(at).without_looks()),
        "tag": ((told.tag >= 0) & ~found.owned, lambda at: features.take(at).without_tag(told.without[at])),
        "taste": (
            cited.place[:, 0] >= 0,
            lambda at: features.take(at).without_cited(cited.take(at), own, codes, item[at]),
        ),
        "complement": (
            complements.code >= 0,
            lambda at: features.take(at).without_leading(cited.take(at), complements.without[at]),
        ),
        "habit": (
            (cited.habit >= 0) & ~cited.alone,
            lambda at: features.take(at).without_habit(cited.take(at)),
        ),
        "browsing": (
            above("viewed_category") & ~above("viewed") & ~found.owned,
            lambda at: features.take(at).without("browsing"),
        ),
        "launch": (above("launch") & ~found.owned, lambda at: features.take(at).without("launch")),
        "store": (above("store_pop28") & ~found.owned, lambda at: features.take(at).without("store")),
        "segment": (above("segment_pop28") & ~found.owned, lambda at: features.take(at).without("segment")),
        "popularity": (
            features.column("item_pop28") > float(features.ordinary[AT["item_pop28"]]),
            lambda at: features.take(at).without_crowd(),
        ),
    }
    return Evidence(_carried(stage, cases, found.owned, raw), own, cited, told, complements)


def _carried(stage: SecondStage, cases: dict[str, Case], owned: NDArray[np.bool_], raw: Floats) -> Floats:
    """(n_rows, len(REASONS)) what each row's score loses."""
    rows = [np.flatnonzero(cases[reason][0]) for reason in REASONS]
    without = [cases[reason][1](at) for reason, at in zip(REASONS, rows, strict=True)]
    # without her purchases of the item the row is one of those she never bought
    still = [owned[at] & (reason != "rhythm") for reason, at in zip(REASONS, rows, strict=True)]
    after = scores_of(stage, np.concatenate(still), np.concatenate(without))
    if stage.modes["repeat"] != stage.modes["explore"]:
        after[: len(rows[0])] = 0.0  # scores of two kinds do not compare: without the purchases it is another row
    out = np.zeros((len(raw), len(REASONS)))
    ends = np.cumsum([len(at) for at in rows])
    for reason, (at, score) in enumerate(zip(rows, np.split(after, ends[:-1]), strict=True)):
        lost = np.round(raw[at] - score, DIGITS)
        enough = lost >= LEAST * np.abs(raw[at] - _zero(stage, owned[at]))
        out[at, reason] = np.where(enough, np.maximum(lost, 0.0), 0.0)
    return out


def _zero(stage: SecondStage, owned: NDArray[np.bool_]) -> Floats:
    """The raw score of rows for which nothing speaks: scores of factors and item-item weights are squeezed around a
    half, all others begin at 0."""
    halves = {segment: 0.5 * (stage.modes[segment] in ("als", "similar")) for segment in SEGMENTS}
    return np.where(owned, halves["repeat"], halves["explore"])


def scores_of(stage: SecondStage, owned: NDArray[np.bool_], x: Matrix) -> Floats:
    """Raw scores of rows, each by the mode of its segment."""
    out = np.zeros(len(x))
    for segment in SEGMENTS:
        rows = owned == (segment == "repeat")
        if rows.any():
            out[rows] = raw_scores(stage.modes[segment], stage.rankers, stage.sources.side, owned[rows], x[rows])
    return out


def of_nobody(stage: SecondStage, h: Histories, item: Ints) -> Matrix:
    """Features of the items for a customer of whom nothing is known."""
    items, place = np.unique(item, return_inverse=True)
    none = np.empty(0, dtype=np.int64)
    empty = build_histories(np.array([""], dtype=object), h.n_items, h.cut, none, none, none, none, none, none)
    pairs = given_pairs(empty, stage.sources, items)
    x = pair_features(empty, stage.catalogue, stage.sources.side, pairs.customer, items, pairs.scores)
    return np.asarray(x[place])


def ordinary_item(stage: SecondStage, h: Histories) -> NDArray[np.float32]:
    """Features of the median item on offer for a customer of whom nothing is known."""
    side = stage.sources.side
    offered = np.flatnonzero(side.can_offer)
    offered = offered if len(offered) else np.arange(len(stage.catalogue))
    some = offered[np.linspace(0, len(offered) - 1, min(ORDINARY, len(offered))).astype(np.int64)]
    x = of_nobody(stage, h, some)
    known = ~np.isnan(x).all(axis=0)
    out = np.full(x.shape[1], np.nan, dtype=np.float32)
    out[known] = np.nanmedian(x[:, known], axis=0)
    return out
