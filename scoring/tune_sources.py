"""What settings of a source are worth: how well it ranks new items by itself, on windows of the past."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.search_space import Params
from recommend.candidates import Sources, build_candidates
from recommend.catalogue import Catalogue
from recommend.dealings import Dealings
from recommend.histories import Histories, Ints, bought_between, histories_before, take
from recommend.sources.registry import SOURCES
from scoring.learners import buying_customers
from scoring.recommender_params import StageParams
from scoring.stage_gate import list_metrics
from scoring.stage_sources import fit_sources, with_other_als, with_other_ease
from scoring.stage_windows import labels_of
from scoring.tuning_windows import Plan, new_ones, renumbered, served_customers, with_section

DEPTH = 80  # candidates that are ranked
SOURCE = {"als": "als", "ease": "similar"}  # settings section -> name of the source and of its score


@dataclass(frozen=True)
class _SourceWindow:
    """Everybody's history before a window and what the sources learned of it, and the customers the window is judged
    on with the new items that they bought."""

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
        stage, name = with_section(self.params, self.section, params), SOURCE[self.section]
        for w in self.windows:
            if self.section == "als":
                sources = with_other_als(w.sources, w.every, stage)
            else:
                sources = with_other_ease(w.sources, self.data, w.every, stage)
            found = build_candidates(w.h, sources)
            metrics = list_metrics(found.customer, found.item, found.scores[name], w.truth, w.h.n, w.h.n_items)
            yield w.chosen, metrics["ndcg"][:, None]


def source_objective(
    section: str, data: Dealings, catalogue: Catalogue, plan: Plan, params: StageParams
) -> SourceObjective:
    """The objective of one source on the windows of `plan`; everything else is learned once, as the settings say."""
    windows = []
    only = dict.fromkeys(SOURCES, 0) | {SOURCE[section]: DEPTH}
    for day in plan.sources:
        every = histories_before(data, catalogue, day)
        truth = new_ones(every, bought_between(data, catalogue, *labels_of(day, params)))
        sample = buying_customers(every, params.ranker, params.ranker.judged_customers)
        chosen = served_customers(sample, truth, len(catalogue))
        sources = fit_sources(data, catalogue, every, params)
        sources = replace(sources, params=replace(sources.params, **only))
        windows.append(_SourceWindow(every, sources, chosen, take(every, chosen), renumbered(truth, chosen, every)))
    return SourceObjective(section, data, params, windows)
