"""What settings of a source are worth: how well it ranks new items by itself, on windows of the past."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.search_space import Params
from recommend.candidates import Sources
from recommend.catalogue import Catalogue
from recommend.dealings import Dealings
from recommend.histories import Floats, Histories, Ints, bought_between, histories_before, take
from recommend.sources import als, similar
from recommend.sources.block import Block
from recommend.sources.registry import Source
from scoring.learners import buying_customers
from scoring.recommender_params import StageParams
from scoring.stage_gate import K, list_metrics
from scoring.stage_sources import bare_sources, with_other_als, with_other_ease
from scoring.stage_windows import labels_of
from scoring.tuning_windows import Plan, new_ones, renumbered, served_customers, with_section

BLOCK = 256
MODULE = {"als": als, "ease": similar}  # of the settings section; the name of its score is its own


@dataclass(frozen=True)
class _SourceWindow:
    """Everybody's history before a window and what is known of items by then, and the customers the window is judged on
    with the new items that they bought."""

    every: Histories
    sources: Sources
    chosen: Ints
    h: Histories
    truth: Ints


@dataclass(frozen=True)
class SourceObjective:
    """NDCG at 10 of EXPLORE for one source that ranks its own candidates: `section` is als or ease."""

    section: str
    data: Dealings
    params: StageParams
    windows: Sequence[_SourceWindow]
    tasks: tuple[str, ...] = ("explore",)

    def judge(self, params: Params) -> Iterator[tuple[Ints, NDArray[np.float64]]]:
        """See `models.tuning.Objective`."""
        stage = with_section(self.params, self.section, params)
        for w in self.windows:
            if self.section == "als":
                sources = with_other_als(w.sources, self.data, w.every, stage)
            else:
                sources = with_other_ease(w.sources, self.data, w.every, stage)
            customer, item, score = best_new_items(w.h, sources, MODULE[self.section])
            metrics = list_metrics(customer, item, score, w.truth, w.h.n, w.h.n_items)
            yield w.chosen, metrics["ndcg"][:, None]


def best_new_items(h: Histories, sources: Sources, module: Source) -> tuple[Ints, Ints, Floats]:
    """Customers, items and scores of the `K` new items per customer that a source puts first."""
    parts = []
    for first in range(0, h.n, BLOCK):
        rows = np.arange(first, min(first + BLOCK, h.n))
        block = Block(take(h, rows), sources, np.empty(0, dtype=np.int64))
        customer, item = block.split(module.propose(block, K))
        parts.append((customer + first, item, module.scores(block, customer, item)[module.NAME]))
    if not parts:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), np.empty(0)
    customer, item, score = (np.concatenate(column) for column in zip(*parts, strict=True))
    return customer, item, score


def source_objective(
    section: str, data: Dealings, catalogue: Catalogue, plan: Plan, params: StageParams
) -> SourceObjective:
    """The objective of one source on the windows of `plan`."""
    windows = []
    for day in plan.sources:
        every = histories_before(data, catalogue, day)
        truth = new_ones(every, bought_between(data, catalogue, *labels_of(day, params)))
        sample = buying_customers(every, params.ranker, params.ranker.judged_customers)
        chosen = served_customers(sample, truth, len(catalogue))
        sources = bare_sources(data, catalogue, every, params)
        windows.append(_SourceWindow(every, sources, chosen, take(every, chosen), renumbered(truth, chosen, every)))
    return SourceObjective(section, data, params, windows)
