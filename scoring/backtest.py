"""What a stage trained before a cut was worth in the window after it: ranking, published lists, calibration by kind."""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from features.interactions import Interactions
from models.metrics import calibration_curve, ece, ece_noise_floor, intervals
from recommend.catalogue import Catalogue
from recommend.categories import STATES
from recommend.dealings import Dealings
from recommend.histories import Ints, bought_between, histories_before, is_in
from recommend.lists import PRODUCT_KINDS, Rows
from recommend.metrics import bootstrap_interval
from scoring.recommendations import publish
from scoring.second_stage import SEGMENTS, Scored, SecondStage, column, raw_scores
from scoring.stage_calibration import fit_calibrators, rescored
from scoring.stage_gate import Frame, list_metrics, own_keys
from scoring.train_second_stage import Trained

Table = list[dict[str, object]]
SHOWN = ("observed_over_expected", "calibration_slope", "brier_skill")
DRAWS = 50


def backtest(
    data: Dealings | Interactions, catalogue: Catalogue, cut: int, stage: SecondStage, horizon: int = 28, k: int = 10
) -> tuple[Table, Table, Table]:
    """Ranking rows, calibration rows and curve rows of `stage` (fitted before `cut`) on [cut, cut + horizon).

    Scores are made from purchases before the cut only; `data` reaches beyond it for the truth.
    """
    h = histories_before(data, catalogue, cut)
    truth = bought_between(data, catalogue, cut, cut + horizon)
    with threadpool_limits(limits=1, user_api="blas"):
        scored = stage.score(h)
    rows = publish(stage, scored)
    ranking = ranking_table(stage, scored, rows, truth, own_keys(h), h.n, k)
    bought = is_in(truth, scored.candidates.customer * h.n_items + scored.candidates.item)
    calibration, curve = calibration_tables(
        stage, scored.candidates.customer[rows.pair], rows.kind, scored.p_buy[rows.pair], bought[rows.pair]
    )
    return ranking, calibration, curve


def ranking_table(stage: SecondStage, scored: Scored, rows: Rows, truth: Ints, owned: Ints, n: int, k: int) -> Table:
    """Recall and NDCG at k by scoring (heuristic, ranker, p_buy, the published list) and task."""
    found = scored.candidates
    n_items = len(stage.catalogue)
    is_owned = is_in(owned, truth)
    tasks = {"all": truth, "repeat": truth[is_owned], "explore": truth[~is_owned]}
    inside = {"all": np.ones(len(found.item), bool), "repeat": found.owned, "explore": ~found.owned}
    side = stage.sources.side
    scores: dict[str, NDArray] = {"p_buy": scored.p_buy + scored.raw * 1e-9}
    modes = ("heuristic", "ranker") if set(stage.rankers) == set(SEGMENTS) else ("heuristic",)
    for mode in modes:
        scores[mode] = raw_scores(mode, stage.rankers, side, found.owned, scored.x)
    # GP-TopFreq: whatever she bought comes before whatever she did not
    scores["heuristic"] = scores["heuristic"] + found.owned
    table: Table = []
    for task, wanted in tasks.items():
        lists = {name: (found.customer, found.item, s, inside[task]) for name, s in scores.items()}
        c, i = found.customer[rows.pair], found.item[rows.pair]
        lists["published list"] = (c, i, -rows.rank.astype(float), inside[task][rows.pair])
        for name, (customer, item, score, chosen) in lists.items():
            m = list_metrics(customer[chosen], item[chosen], score[chosen], wanted, n, n_items, k)
            means = {key: round(float(np.nanmean(v)), 4) if np.isfinite(v).any() else None for key, v in m.items()}
            table.append({"level": stage.level.name, "task": task, "scored_by": name, **means})
    return table


def calibration_tables(
    stage: SecondStage, customer: Ints, kind: Ints, p: NDArray[np.float64], bought: NDArray[np.bool_]
) -> tuple[Table, Table]:
    """Per kind of published row: how well p_buy came true, with intervals over customers, and the curve's points."""
    names = STATES if stage.level.by_state else PRODUCT_KINDS
    table: Table = []
    curve: Table = []
    groups = [("all", np.ones(len(kind), dtype=bool))] + [(n, kind == i) for i, n in enumerate(names)]
    for name, rows in groups:
        y = bought[rows].astype(np.float64)
        base = {"level": stage.level.name, "kind": name, "rows": int(rows.sum()), "bought": int(y.sum())}
        if len(y) < 2 or y.sum() == 0:
            table.append({**base, "metric": "observed_over_expected", "value": None, "low": None, "high": None})
            continue
        table += [base | line for line in _intervals(y, p[rows], customer[rows])]
        curve += [{**base, **point} for point in calibration_curve(y, p[rows])]
    return table, curve


def _intervals(y: NDArray[np.float64], p: NDArray[np.float64], customer: Ints) -> Table:
    """The metrics of `SHOWN` with 95 % bootstrap intervals over customers, and the noise floor of the ECE."""
    ones = np.ones_like(p)
    out: Table = []
    for row in intervals(y, p, customer, DRAWS, names=SHOWN):
        value, low, high = (round(float(row[key]), 4) for key in ("value", "low", "high"))
        out.append({"metric": row["metric"], "value": value, "low": low, "high": high})
    # the noise floor stands for the interval of the ECE
    for name, value in (("ece", ece(y, p, ones)), ("ece_noise_floor", ece_noise_floor(p, ones, draws=20))):
        out.append({"metric": name, "value": round(value, 4), "low": None, "high": None})
    return out


def cross_fitted(trained: Trained) -> tuple[Table, Table]:
    """Calibration and curve rows on the latest window before the cut, without customers judging themselves.

    The calibrators are fitted on one half of the customers and judged on the published rows of the other, in turn;
    the ranker learned from earlier windows. Empty when there is no such window.
    """
    frame, stage = trained.latest, trained.stage
    if frame is None:
        return [], []
    earlier = [trained.earlier] if trained.earlier is not None else []
    parts = []
    for fold in (0, 1):
        mine = _in_fold(frame, fold)
        # whoever is judged taught the calibrators in no window
        others = [_where(f, ~_in_fold(f, fold)) for f in (frame, *earlier)]
        half = replace(stage, calibrators=fit_calibrators(stage.level, others, stage.modes))
        scored = rescored(half, frame)
        rows = publish(half, scored)
        kept = mine[rows.pair]
        pair = rows.pair[kept]
        parts.append((frame.found.customer[pair], rows.kind[kept], scored.p_buy[pair], frame.bought[pair]))
    customer, kind, p, bought = (np.concatenate(column) for column in zip(*parts, strict=True))
    return calibration_tables(stage, customer, kind, p, bought)


def _in_fold(frame: Frame, fold: int) -> NDArray[np.bool_]:
    """(n pairs,) whether the pair's customer is in that half; by id, so that she is in the same half in each window."""
    half = np.fromiter((zlib.crc32(str(c).encode()) % 2 for c in frame.h.customers), np.int64, frame.h.n)
    return np.asarray(half[frame.found.customer] == fold)


def _where(frame: Frame, rows: NDArray[np.bool_]) -> Frame:
    """Only the pairs where `rows` holds."""
    raw = {mode: score[rows] for mode, score in frame.raw.items()}
    return replace(frame, found=frame.found.take(rows), x=frame.x[rows], bought=frame.bought[rows], raw=raw)


def compare_on_latest(trained: Trained, k: int = 10) -> Table:
    """Recall and NDCG at k with 95 % intervals on the latest window before the cut: sources, heuristic, second stage.

    All rank the candidates of that window, on the full catalogue; the wider table is `nextbest evaluate recommender`.
    """
    frame, stage = trained.latest, trained.stage
    if frame is None:
        return []
    found, table = frame.found, []
    own = is_in(own_keys(frame.h), frame.truth)
    heuristic = frame.raw["heuristic"] + found.owned
    scores = {"heuristic": heuristic, "ALS": column(frame.x, "als"), "EASE": column(frame.x, "similar")}
    if "due" in frame.raw:
        # whatever she bought comes before whatever she did not, as in the heuristic
        scores["due"] = np.where(found.owned, 1.0 + frame.raw["due"], frame.raw["heuristic"])
    if "ranker" in frame.raw:
        ranked = frame.raw["ranker"]
        scores["second stage"] = np.where(np.isfinite(ranked), ranked, frame.raw["heuristic"])
    inside = {"all": np.ones(len(found.item), bool), "repeat": found.owned, "explore": ~found.owned}
    truths = {"all": frame.truth, "repeat": frame.truth[own], "explore": frame.truth[~own]}
    for task, chosen in inside.items():
        for name, score in scores.items():
            at = (found.customer[chosen], found.item[chosen], score[chosen])
            metrics = list_metrics(*at, truths[task], frame.h.n, frame.h.n_items, k)
            row: dict[str, object] = {"level": stage.level.name, "task": task, "recommender": name}
            for metric, values in metrics.items():
                found_interval = bootstrap_interval(values)
                row |= {metric: found_interval.mean, f"{metric}_low": found_interval.low}
                row |= {f"{metric}_high": found_interval.high}
            table.append(row)
    return table
