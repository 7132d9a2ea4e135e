"""The second stage as one more recommender of the evaluation table (`recommend/evaluation.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from features.interactions import Interactions
from recommend.catalogue import Catalogue, build_catalogue
from recommend.evaluation import Window
from recommend.histories import histories_before
from recommend.list_params import CategoryParams, ListParams
from recommend.rankers import check_task
from recommend.runs import rank_in
from recommend.topk import Positions
from scoring.recommender_params import Level, StageParams, as_category_stage
from scoring.second_stage import SEGMENTS, SecondStage
from scoring.stage_gate import top_rows
from scoring.train_second_stage import fit_second_stage


@dataclass(frozen=True)
class StageRanker:
    """Ranks the candidates of `stage` by its scores before calibration, without list rules."""

    stage: SecondStage
    day: int

    def rank(self, history: Interactions, k: int, task: str) -> Positions:
        """See `recommend.rankers.Ranker`."""
        return self.rank_tasks(history, k, (task,))[task]

    def rank_tasks(self, history: Interactions, k: int, tasks: Sequence[str]) -> dict[str, Positions]:
        """See `recommend.rankers.TasksRanker`: pairs are scored once for all tasks."""
        scored = self.stage.score(histories_before(history, self.stage.catalogue, self.day))
        found, lists = scored.candidates, {}
        for task in tasks:
            check_task(task)
            inside = np.flatnonzero({"all": found.owned | True, "repeat": found.owned, "explore": ~found.owned}[task])
            customer, item = found.customer[inside], found.item[inside]
            best = top_rows(customer, item, scored.raw[inside], k)
            lists[task] = np.full((history.n_customers, k), -1, dtype=np.int32)
            lists[task][customer[best], rank_in(customer[best])] = item[best]
        return lists


@dataclass(frozen=True)
class StageFactory:
    """Fits the second stage on a window as production does, and ranks by the ranker whatever the gate says.

    `categories` are the settings of the category level. Items are those of the protocol, so minimum support and idle
    time are switched off.
    """

    params: StageParams
    categories: CategoryParams = field(default_factory=CategoryParams)

    def __call__(self, window: Window) -> StageRanker:
        """The fitted ranker; the heuristic where the history is too short to learn from."""
        catalogue = catalogue_of(window)
        params = self.at_level(window.level)
        level = Level("products", ListParams())
        stage = fit_second_stage(window.history, catalogue, window.day, level, params, lambda line: None).stage
        if stage.rankers:
            modes = {s: "ranker" if s in stage.rankers else "heuristic" for s in SEGMENTS}
            anything = next(iter(stage.calibrators.values()))
            by_kind = {f"{mode}.{k}": anything for mode in modes.values() for k in range(4)}
            stage = replace(stage, modes=modes, calibrators=stage.calibrators | by_kind)
        return StageRanker(stage, window.day)

    def at_level(self, level: str) -> StageParams:
        """What training at a level of the evaluation needs."""
        params = as_category_stage(self.params, self.categories) if level == "category" else self.params
        # items are those of the protocol
        return replace(params, candidates=replace(params.candidates, min_customers=1, max_idle_days=1_000_000))


def catalogue_of(window: Window) -> Catalogue:
    """The catalogue of a window; above products an item is its own type and category."""
    ids = [str(p) for p in window.history.products]
    above = window.hierarchy
    if above is None:
        return build_catalogue(ids, ids, ids, ids, [None] * len(ids))
    columns = (above.category.tolist(), above.product_type.tolist(), above.brand.tolist())
    return build_catalogue(ids, above.product_type.tolist(), *columns)
