"""`nextbest evaluate recommender --protocol movielens`: is the ALS a good ALS?

The protocol of the table in recommenders (github.com/recommenders-team/recommenders): MovieLens-100k, three quarters of
each user's ratings to learn from, at random, all ratings count as 1, NDCG at 10 of the rest with the ideal cut at 10,
what she rated before is not listed. Published there: most popular .246, ALS .466 (tuned), EASE .475.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from features.interactions import Interactions, from_columns
from jobs.console import progress
from jobs.evaluate_recommender_tables import Found, Table, finish
from jobs.evaluation_data.movielens import load_movielens
from jobs.recommenders import AlsFactory
from jobs.workspace import Workspace
from models.als import AlsParams
from models.baselines import fit_popularity
from models.ease import EaseParams, fit_ease
from recommend.evaluation import Factory, Window, rank_all
from recommend.metrics import bootstrap_interval, ndcg_at_k
from recommend.random_split import split_by_user
from recommend.rankers import DenseRanker, owned

Ints = NDArray[np.int64]
K, SHARE, DAY = 10, 0.75, 1
# of a plain iALS: binary weights, no decay, no bias
PLAIN = AlsParams(iterations=15, half_life_days=None, weight="capped", cap=1.0, bias=False)
GRID = {"factors": (32, 64, 96), "alpha": (2.0, 5.0, 10.0), "regularization": (10.0, 25.0, 50.0, 100.0)}
EASE_GRID = (50.0, 100.0, 200.0, 300.0, 500.0)
PUBLISHED = {"popularity": 0.246, "iALS": 0.466, "EASE": 0.475}


def run(w: Workspace, data: Path | None, seeds: int = 1, json_path: Path | None = None) -> Found:
    """Tunes on a quarter of what the first split learns from, then judges all on the test quarter, over all splits.

    Tuned once: the settings of further splits were chosen with ratings that those are judged on.
    """
    w.tracking.check()
    user, item = load_movielens(data)
    found = Found("movielens", seeds)
    values: dict[str, list[NDArray[np.float64]]] = {}
    with threadpool_limits(limits=1, user_api="blas"):
        first = split_by_user(user, SHARE, w.settings.seed)
        als, ease, trials = tune(user[first], item[first], item.max() + 1, w.settings.threads, w.settings.seed)
        for seed in range(w.settings.seed, w.settings.seed + seeds):
            learn = split_by_user(user, SHARE, seed)
            for name, fit in models(als, ease).items():
                values.setdefault(name, []).append(ndcg(user, item, learn, fit))
    for name, per_split in values.items():
        # a split draws anew what each user is judged on, so her values are averaged over the splits
        interval = bootstrap_interval(np.nanmean(per_split, axis=0), w.settings.seed)
        means = {"ndcg_at_10": interval.mean, "low": interval.low, "high": interval.high}
        found.extra.setdefault("movielens", []).append(
            {"recommender": name, **{k: round(v, 4) for k, v in means.items()}, "published": PUBLISHED[name]}
        )
    found.extra["tuning, best first"] = trials[:8]
    finish(w, found, {"als": als, "ease": ease}, json_path)
    return found


def models(als: AlsParams, ease: EaseParams) -> Mapping[str, Factory]:
    """Name -> factory."""
    return {
        "popularity": lambda w: DenseRanker(fit_popularity(w.history, w.day)),
        "EASE": lambda w: DenseRanker(fit_ease(w.history, w.day, ease)),
        "iALS": AlsFactory(als),
    }


def tune(user: Ints, item: Ints, n_items: int, threads: int, seed: int) -> tuple[AlsParams, EaseParams, Table]:
    """The best of both grids on a split within what is learned from, and all trials, best first."""
    learn = split_by_user(user, SHARE, seed)
    grid = [AlsParams(**{**asdict(PLAIN), **dict(zip(GRID, v)), "threads": threads}) for v in product(*GRID.values())]
    trials: list[tuple[float, str, AlsParams | EaseParams]] = []
    every: list[AlsParams | EaseParams] = [*grid, *(EaseParams(regularization=r) for r in EASE_GRID)]
    for params in progress(every, "tuning"):
        is_als = isinstance(params, AlsParams)
        fit = AlsFactory(params) if isinstance(params, AlsParams) else models(PLAIN, params)["EASE"]
        reached = round(float(np.nanmean(ndcg(user, item, learn, fit, n_items))), 4)
        trials.append((reached, "iALS" if is_als else "EASE", params))
    trials.sort(key=lambda trial: -trial[0])
    als = next(p for _, _, p in trials if isinstance(p, AlsParams))
    ease = next(p for _, _, p in trials if isinstance(p, EaseParams))
    shown: Table = [
        {"recommender": name, "ndcg_at_10": reached, **{k: getattr(p, k, "") for k in GRID}}
        for reached, name, p in trials
    ]
    return als, ease, shown


def ndcg(
    user: Ints,
    item: Ints,
    learn: NDArray[np.bool_],
    fit: Factory,
    n_items: int | None = None,
) -> NDArray[np.float64]:
    """(n_users,) NDCG at 10 of the rows that are not learned from."""
    n_users, n_items = int(user.max()) + 1, n_items or int(item.max()) + 1
    history = as_history(user[learn], item[learn], n_users, n_items)
    lists = rank_all(fit(Window("product", DAY, history, None)), history, K, ("explore",))["explore"]
    rest: Interactions = as_history(user[~learn], item[~learn], n_users, n_items)
    truth: csr_matrix = owned(rest)
    return ndcg_at_k(lists, truth, K)


def as_history(user: Ints, item: Ints, n_users: int, n_items: int) -> Interactions:
    """Ratings as purchases of the same day."""
    ones = np.ones(len(user))
    return from_columns(
        np.array([f"u{i:06d}" for i in range(n_users)], dtype=object),
        np.array([f"i{i:06d}" for i in range(n_items)], dtype=object),
        user.astype(np.int32),
        item.astype(np.int32),
        np.full(len(user), DAY - 1, dtype=np.int32),
        ones.astype(np.float32),
        ones.astype(np.float32),
        ones.astype(np.int32),
    )
