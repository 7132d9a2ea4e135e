"""The recommenders that stand in every evaluation table: factories that fit one on a window of history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jobs.settings import Settings
from models.als import AlsParams, build_matrix, fit_als
from models.baselines import fit_popularity, fit_top_frequency
from models.ease import EaseParams, fit_ease
from recommend.evaluation import Factory, Window
from recommend.fold_in import FoldIn
from recommend.rankers import DenseRanker, FactorRanker, Ranker
from recommend.topk import ItemBlocks
from scoring.stage_ranker import StageFactory

DECAYED = "GP-TopFreq 120 d"
RECENT = "popularity 28 d"
# whom the paired differences are against: the heuristics that are champion until something beats them
CHAMPIONS: Mapping[str, str] = {"all": DECAYED, "repeat": DECAYED, "explore": RECENT}


def second_stage(settings: Settings) -> dict[str, Factory]:
    """The second stage, trained on each window as production trains it, before list rules and gate."""
    _, params = settings.recommender.products(settings.horizon_days, settings.threads)
    return {"second stage": StageFactory(params)}


def baselines(als: AlsParams, ease: EaseParams) -> dict[str, Factory]:
    """Name -> factory of every baseline, in the order of the table."""
    return {
        "popularity": lambda w: DenseRanker(fit_popularity(w.history, w.day)),
        RECENT: lambda w: DenseRanker(fit_popularity(w.history, w.day, days=28)),
        "P-TopFreq": lambda w: DenseRanker(fit_top_frequency(w.history, w.day, fill=False)),
        "GP-TopFreq": lambda w: DenseRanker(fit_top_frequency(w.history, w.day)),
        DECAYED: lambda w: DenseRanker(fit_top_frequency(w.history, w.day, half_life_days=120.0)),
        "EASE": lambda w: DenseRanker(fit_ease(w.history, w.day, ease)),
        "ALS": AlsFactory(als),
    }


@dataclass(frozen=True)
class AlsFactory:
    """Fits ALS on a window; customers are folded in when they are ranked, as in production."""

    params: AlsParams

    def __call__(self, window: Window) -> Ranker:
        """The fitted ranker."""
        p, day = self.params, window.day
        model = fit_als(build_matrix(window.history, day, p), window.history.products, p)
        fold = FoldIn(model.item_factors, p.alpha, p.regularization, p.bias)
        return FactorRanker(ItemBlocks.of(model.item_factors, p.bias), fold, lambda h: build_matrix(h, day, p))
