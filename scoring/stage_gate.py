"""Ranker against heuristic, per segment, on a window later than those the ranker learned from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from models.gate import GateParams, Verdict, compare
from models.ranker import Matrix, Ranker
from recommend.candidates import Candidates, Sources
from recommend.histories import Histories, Ints, is_in
from recommend.runs import rank_in
from scoring.second_stage import MODES, SEGMENTS, raw_scores

K = 10


@dataclass(frozen=True)
class Frame:
    """Pairs of one window: histories before `h.cut`, and whether each candidate was bought in the window after;
    `raw` holds the scores of each mode that can score, computed once."""

    h: Histories
    sources: Sources
    found: Candidates
    x: Matrix
    bought: NDArray[np.bool_]
    truth: Ints
    raw: dict[str, NDArray[np.float64]] = field(default_factory=dict)


def with_raw_scores(frame: Frame, ranker: Ranker | None, threads: int) -> Frame:
    """`frame` with `raw` filled."""
    args = (frame.sources.side, frame.found.owned, frame.x)
    modes = MODES if ranker is not None else MODES[:1]
    return replace(frame, raw={mode: raw_scores(mode, ranker, *args, threads) for mode in modes})


def gate(latest: Frame, params: GateParams) -> dict[str, list[Verdict]]:
    """Ranker against heuristic per segment, on the window after those learned from; `raw` must hold both."""
    out = {}
    for segment in SEGMENTS:
        owned = segment == "repeat"
        inside = np.flatnonzero(latest.found.owned == owned)
        found = latest.found.take(inside)
        truth = latest.truth[is_in(own_keys(latest.h), latest.truth) == owned]
        values = {}
        for mode in MODES:
            values[mode] = list_metrics(
                found.customer, found.item, latest.raw[mode][inside], truth, latest.h.n, latest.h.n_items
            )
        who = [np.arange(latest.h.n)]
        out[segment] = compare(
            {m: [v] for m, v in values["heuristic"].items()}, {m: [v] for m, v in values["ranker"].items()}, who, params
        )
    return out


def list_metrics(
    customer: Ints, item: Ints, score: NDArray, truth: Ints, n: int, n_items: int, k: int = K
) -> dict[str, NDArray[np.float64]]:
    """Recall and NDCG (ideal cut at k) at k per customer, (n,), nan without truth; `truth` as sorted keys."""
    best = top_rows(customer, item, score, k)
    c, rank = customer[best], rank_in(customer[best])
    hit = is_in(truth, c * n_items + item[best]).astype(np.float64)
    wanted = np.bincount(truth // max(n_items, 1), minlength=n)
    ideal = np.concatenate([[np.nan], np.cumsum(1 / np.log2(np.arange(k) + 2))])[np.minimum(wanted, k)]
    found = np.bincount(c, weights=hit, minlength=n)
    gain = np.bincount(c, weights=hit / np.log2(rank + 2), minlength=n)
    return {"recall": found / np.where(wanted > 0, wanted, np.nan), "ndcg": gain / ideal}


def top_rows(customer: Ints, item: Ints, score: NDArray, k: int) -> Ints:
    """Positions of each customer's `k` best rows, best first, ties by item."""
    order = np.lexsort((item, -score, customer))
    return np.asarray(order[rank_in(customer[order]) < k])


def own_keys(h: Histories) -> Ints:
    """Sorted keys of what the customers bought before the cut."""
    return np.unique(h.customer * h.n_items + h.item)
