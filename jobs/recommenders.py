"""The recommenders that stand in every evaluation table: factories that fit one on a window of history."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from jobs.console import progress
from jobs.settings import Settings
from models.als import AlsParams, build_matrix, fit_als
from models.baselines import fit_popularity, fit_top_frequency
from models.ease import EaseParams, fit_ease
from recommend.evaluation import Factory, Problem, Window, mean_of, measure
from recommend.fold_in import FoldIn
from recommend.rankers import DenseRanker, FactorRanker, Ranker
from recommend.topk import ItemBlocks
from scoring.stage_ranker import StageFactory
from scoring.untuned_stage import UntunedFactory

DECAYED = "GP-TopFreq 120 d"
RECENT = "popularity 28 d"
UNTUNED = "untuned second stage"
STAGE = "second stage"
# whom the paired differences are against: the heuristics that are champion until something beats them
CHAMPIONS: Mapping[str, str] = {"all": DECAYED, "repeat": DECAYED, "explore": RECENT}
SEEDED = ("ALS", STAGE)  # those that a training seed changes; the untuned stage draws nothing


def recommenders(settings: Settings, seed: int, horizon_days: int) -> dict[str, Factory]:
    """All of them by name, in the order of the table, for label windows of `horizon_days`."""
    als, ease = parameters(settings)
    return {
        **baselines(replace(als, seed=seed), ease),
        UNTUNED: UntunedFactory(settings.threads),
        **second_stage(settings, seed, horizon_days),
    }


def parameters(settings: Settings) -> tuple[AlsParams, EaseParams]:
    """Those of the settings; item-item weights for the whole filtered catalogue, as the protocol has it."""
    # a plain ALS needs more than one that is a source of candidates
    plain = replace(settings.recommender.als, factors=AlsParams().factors, iterations=AlsParams().iterations)
    als = replace(plain, threads=settings.threads, seed=settings.seed)
    return als, replace(settings.recommender.ease, max_products=EaseParams().max_products)


def second_stage(settings: Settings, seed: int, horizon_days: int) -> dict[str, Factory]:
    """The second stage, trained on each window as production trains it, before list rules and gate."""
    _, params = settings.recommender.products(horizon_days, settings.threads)
    seeded = replace(params, als=replace(params.als, seed=seed), ranker=replace(params.ranker, seed=seed))
    return {STAGE: StageFactory(seeded, settings.recommender.categories)}


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


def fit_and_measure(
    problem: Problem,
    of_seed: Callable[[int], Mapping[str, Factory]],
    champions: Mapping[str, str],
    first: int,
    seeds: int,
    only: Sequence[str],
    label: str,
) -> dict[tuple[str, str, str], NDArray]:
    """(recommender, task, metric) -> values per customer, averaged over the training seeds `first` and following.

    With `only`, those recommenders and the champions. BLAS has one thread, so that numbers repeat.
    """
    fits = [
        (seed, name, factory)
        for seed in range(first, first + seeds)
        for name, factory in of_seed(seed).items()
        if seed == first or name in SEEDED
        if not only or name in only or name in champions.values()
    ]
    values: dict[int, dict[tuple[str, str, str], NDArray]] = {}
    with threadpool_limits(limits=1, user_api="blas"):
        for seed, name, factory in progress(fits, label):
            values.setdefault(seed, {}).update(measure(problem, {name: factory}))
    return mean_of(list(values.values()))
