"""What settings of a source are worth: how well it ranks new items by itself, on windows of the past."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.recommender_params import AlsParams, EaseParams
from models.search_space import Params
from recommend.candidates import build_candidates
from recommend.catalogue import Catalogue
from recommend.dealings import Dealings
from recommend.histories import Histories, Ints, bought_between, histories_before, take
from recommend.sources.registry import SOURCES
from scoring.learners import buying_customers
from scoring.recommender_params import StageParams
from scoring.stage_gate import list_metrics
from scoring.stage_windows import labels_of
from scoring.train_second_stage import fit_sources
from scoring.tuning_windows import Plan, new_ones, renumbered, served_customers, with_section

DEPTH = 80  # candidates that are ranked
SOURCE = {"als": "als", "ease": "similar"}  # settings section -> name of the source and of its score


@dataclass(frozen=True)
class _SourceWindow:
    """Everybody's history before a window, and the customers it is judged on with the new items that they bought."""

    every: Histories
    chosen: Ints
    h: Histories
    truth: Ints


@dataclass(frozen=True)
class SourceObjective:
    """NDCG at 10 of EXPLORE for one source that ranks its own candidates: `section` is als or ease."""

    section: str
    data: Dealings
    catalogue: Catalogue
    params: StageParams
    windows: Sequence[_SourceWindow]
    tasks: tuple[str, ...] = ("explore",)

    def judge(self, params: Params) -> Iterator[tuple[Ints, NDArray[np.float64]]]:
        """See `models.tuning.Objective`."""
        stage, name = self._stage(params), SOURCE[self.section]
        for w in self.windows:
            found = build_candidates(w.h, fit_sources(self.data, self.catalogue, w.every, stage))
            metrics = list_metrics(found.customer, found.item, found.scores[name], w.truth, w.h.n, w.h.n_items)
            yield w.chosen, metrics["ndcg"][:, None]

    def _stage(self, changed: Params) -> StageParams:
        """With the source tuned, next to nothing of the other, and no candidates but the source's."""
        only = dict.fromkeys(SOURCES, 0) | {SOURCE[self.section]: DEPTH}
        candidates = replace(self.params.candidates, **only)
        stage = with_section(self.params, self.section, changed)
        if self.section == "als":
            least = EaseParams(max_products=1)
            return replace(stage, candidates=candidates, ease=least)
        return replace(
            stage, candidates=candidates, als=AlsParams(factors=1, iterations=1, threads=self.params.threads)
        )


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
        windows.append(_SourceWindow(every, chosen, take(every, chosen), renumbered(truth, chosen, every)))
    return SourceObjective(section, data, catalogue, params, windows)
