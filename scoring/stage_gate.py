"""Ranker against the best single source, per segment, on a window later than those the ranker learned from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from models.gate import GateParams, Verdict, compare
from models.ranker import Matrix
from recommend.candidates import Candidates, Sources
from recommend.histories import Histories, Ints, is_in
from recommend.runs import rank_in, run_starts
from scoring.second_stage import SINGLES, raw_scores

K = 10


@dataclass(frozen=True)
class Frame:
    """Pairs of one window: histories before `h.cut`, and whether each candidate was bought in the window after.

    What the sources say of `found` is in `x` only. `raw` holds the scores of each mode that can score, computed once.
    `allowed` (n_items,): the items that a ranker may learn from (`scoring.train_second_stage.established`); None for
    all.
    """

    h: Histories
    sources: Sources
    found: Candidates
    x: Matrix
    bought: NDArray[np.bool_]
    truth: Ints
    raw: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    allowed: NDArray[np.bool_] | None = None


def with_single_scores(frame: Frame) -> Frame:
    """`frame` with `raw` of the heuristic and the single sources; nan outside the segments that a source ranks."""
    side, owned, x = frame.sources.side, frame.found.owned, frame.x
    raw = {"heuristic": raw_scores("heuristic", {}, side, owned, x)}
    for segment, singles in SINGLES.items():
        for mode in singles:
            score = raw_scores(mode, {}, side, owned, x)
            known = raw.get(mode, np.full(len(score), np.nan))
            raw[mode] = np.where(owned == (segment == "repeat"), score, known)
    return replace(frame, raw={**frame.raw, **raw})


def best_single(earlier: Frame | None, segment: str) -> str:
    """The source that ranks the segment best by itself, by recall and NDCG together, on a window before the gate's."""
    if earlier is None:
        return "heuristic"
    best, most = "heuristic", -1.0
    for mode in ("heuristic", *SINGLES[segment]):
        metrics = segment_metrics(earlier, segment, mode)
        known = np.isfinite(metrics["recall"])
        value = sum(float(metrics[name][known].mean()) for name in ("recall", "ndcg")) if known.any() else 0.0
        if value > most:
            best, most = mode, value
    return best


def gate(
    latest: Frame, champions: Mapping[str, str], segments: Iterable[str], params: GateParams
) -> dict[str, list[Verdict]]:
    """Ranker against the champion, per segment, on the window after those learned from; `raw` must hold all."""
    out = {}
    for segment in segments:
        old, new = (segment_metrics(latest, segment, mode) for mode in (champions[segment], "ranker"))
        who = [np.arange(latest.h.n)]
        out[segment] = compare({m: [v] for m, v in old.items()}, {m: [v] for m, v in new.items()}, who, params)
    return out


def segment_metrics(frame: Frame, segment: str, mode: str) -> dict[str, NDArray[np.float64]]:
    """`list_metrics` of the segment's pairs, ranked by `raw` of the mode."""
    owned = segment == "repeat"
    inside = np.flatnonzero(frame.found.owned == owned)
    customer, item = frame.found.customer[inside], frame.found.item[inside]
    truth = frame.truth[is_in(own_keys(frame.h), frame.truth) == owned]
    return list_metrics(customer, item, frame.raw[mode][inside], truth, frame.h.n, frame.h.n_items)


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
    key = h.customer * h.n_items + h.item  # sorted, as the rows are
    return key[run_starts(key)]
