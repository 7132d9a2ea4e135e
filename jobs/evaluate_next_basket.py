"""`nextbest evaluate recommender --next-basket`: the last basket of each customer, for comparison with papers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from jobs.evaluate_recommender_tables import Found, finish, report_window
from jobs.evaluation_data.shop import Shop
from jobs.recommenders import STAGE, UNTUNED, AlsFactory, fit_and_measure, parameters, second_stage
from jobs.settings import Settings
from jobs.workspace import Workspace
from models.baselines import fit_popularity, fit_top_frequency
from models.ease import fit_ease
from models.up_cf import UpCfParams, fit_up_cf
from recommend.evaluation import Factory, tabulate
from recommend.next_basket import WEEK, pose_next_basket
from recommend.rankers import DenseRanker
from scoring.pooled import Measured, pool
from scoring.untuned_stage import UntunedFactory

CHAMPION = "GP-TopFreq"
CHAMPIONS = {"all": CHAMPION, "repeat": CHAMPION, "explore": "popularity"}


def run(w: Workspace, shop: Shop, seeds: int = 1, only: tuple[str, ...] = (), json_path: Path | None = None) -> Found:
    """Fits all on what was before the last baskets; prints, stores and returns the tables."""
    w.tracking.check()
    settings = w.settings
    problem = pose_next_basket(shop.purchases, shop.hierarchy)
    found = Found("next basket", seeds)
    history = problem.window.history
    place = {"cut": problem.name, "level": "product", "catalogue": problem.catalogue}
    found.dropped.append(
        place | {"items": history.n_products, "customers": history.n_customers} | dict(problem.dropped)
    )
    values = fit_and_measure(
        problem, lambda seed: recommenders(settings, seed), CHAMPIONS, settings.seed, seeds, only, "next basket"
    )
    found.lines += tabulate(problem, values, CHAMPIONS, settings.seed)
    report_window(found)
    found.pooled += pool([Measured(problem, values)], STAGE, (UNTUNED,), settings.seed)
    als, ease = parameters(settings)
    finish(w, found, {"als": als, "ease": ease, "up_cf": UpCfParams()}, json_path)
    return found


def recommenders(settings: Settings, seed: int) -> dict[str, Factory]:
    """Name -> factory; what decays by days elsewhere counts all baskets the same here, as the papers do."""
    als, ease = parameters(settings)
    return {
        "popularity": lambda w: DenseRanker(fit_popularity(w.history, w.day)),
        "P-TopFreq": lambda w: DenseRanker(fit_top_frequency(w.history, w.day, fill=False)),
        CHAMPION: lambda w: DenseRanker(fit_top_frequency(w.history, w.day)),
        "UP-CF": lambda w: DenseRanker(fit_up_cf(w.history, UpCfParams())),
        "EASE": lambda w: DenseRanker(fit_ease(w.history, w.day, ease)),
        "ALS": AlsFactory(replace(als, seed=seed, half_life_days=None)),
        UNTUNED: UntunedFactory(settings.threads),
        **second_stage(settings, seed, WEEK),
    }
