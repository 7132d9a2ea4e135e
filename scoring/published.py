"""The second stage as it would be published after a cut: behind the gate, calibrated, through the list rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommend.evaluation import Problem
from recommend.histories import Histories, Ints, histories_before, take
from recommend.runs import is_in
from recommend.source_recall import source_recall
from scoring.backtest import calibration_tables
from scoring.recommendations import publish
from scoring.recommender_params import Level, StageParams
from scoring.second_stage import SecondStage
from scoring.stage_gate import list_metrics
from scoring.stage_ranker import catalogue_of
from scoring.train_second_stage import fit_second_stage

PUBLISHED = "published list"
BLOCK = 512
Table = list[dict[str, object]]


@dataclass(frozen=True)
class Published:
    """`values` as `recommend.evaluation.measure` returns them, for `PUBLISHED`; calibration per kind of published rows;
    recall of the sources; how each segment is ranked."""

    values: Mapping[tuple[str, str, str], NDArray[np.float64]]
    calibration: Table
    sources: Table
    modes: Mapping[str, str]


def judge_published(problem: Problem, level: Level, params: StageParams, k: int = 10) -> Published:
    """Trains before the cut of `problem` as production does, with its settings, and judges what would be published.

    Every customer with a history gets rows and counts for calibration; recall of the sources is of those with truth.
    """
    window = problem.window
    catalogue = catalogue_of(window)
    stage = fit_second_stage(window.history, catalogue, window.day, level, params, lambda line: None).stage
    h = histories_before(window.history, catalogue, window.day)
    customer, item, rank, kind, p_buy = _rows(stage, window.history.n_customers, h)
    truth = {task: keys_of(matrix) for task, matrix in problem.truth.items()}
    bought = is_in(truth["all"], customer * h.n_items + item)
    owned = is_in(np.unique(h.customer * h.n_items + h.item), customer * h.n_items + item)
    values: dict[tuple[str, str, str], NDArray[np.float64]] = {}
    for task, wanted in truth.items():
        chosen = owned if task == "repeat" else ~owned if task == "explore" else np.ones(len(item), dtype=bool)
        score = -rank[chosen].astype(np.float64)
        found = list_metrics(customer[chosen], item[chosen], score, wanted, h.n, h.n_items, k)
        values |= {(PUBLISHED, task, metric): per_customer for metric, per_customer in found.items()}
    calibration, _ = calibration_tables(stage, customer, kind, p_buy, bought)
    active = np.unique(truth["all"] // max(h.n_items, 1))
    place = np.searchsorted(active, truth["all"] // max(h.n_items, 1))
    wanted = place * h.n_items + truth["all"] % max(h.n_items, 1)
    sources = source_recall(take(h, active), stage.sources, wanted, level.lapsed_days)
    return Published(values, calibration, sources, stage.modes)


def keys_of(matrix: csr_matrix) -> Ints:
    """Sorted keys row * n_columns + column of what a matrix stores."""
    rows = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))
    return np.unique(rows * matrix.shape[1] + matrix.indices)


def _rows(stage: SecondStage, n: int, h: Histories) -> tuple[Ints, Ints, Ints, Ints, NDArray[np.float64]]:
    """Customer, item, rank, kind and p_buy of every published row, block by block."""
    parts = []
    for first in range(0, n, BLOCK):
        scored = stage.score(take(h, np.arange(first, min(first + BLOCK, n))))
        rows = publish(stage, scored)
        found = scored.candidates
        parts.append(
            (found.customer[rows.pair] + first, found.item[rows.pair], rows.rank, rows.kind, scored.p_buy[rows.pair])
        )
    customer, item, rank, kind, p_buy = (np.concatenate(column) for column in zip(*parts, strict=True))
    return customer, item, rank, kind, p_buy
