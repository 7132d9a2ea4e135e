"""A small shop for tests of the second stage: customers with favourites, two categories of items per type."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from features.interactions import Interactions
from models.als import fit_als
from models.ease import fit_ease
from models.recommender_params import AlsParams, EaseParams, RankerParams
from recommend.candidates import FoldInParams, Sources, taste_matrix
from recommend.catalogue import Catalogue, build_catalogue
from recommend.histories import histories_before
from recommend.item_side import fit_item_side
from recommend.list_params import CandidateParams
from recommend.pair_features import fit_feature_parts
from recommend.sources.registry import fit_parts
from scoring.recommender_params import StageParams
from tests.purchases import purchases

DAYS, CUT, HORIZON = 140, 112, 14
ALS = AlsParams(factors=8, iterations=4, threads=1)
EASE = EaseParams(regularization=20.0, max_products=15)
CANDIDATES = CandidateParams(als=6, similar=6, popular=6, min_customers=1, max_idle_days=1000)
PARAMS = StageParams(
    CANDIDATES, ALS, EASE, RankerParams(trees=20, min_child=10, negatives=0.5, min_positives=20), horizon_days=HORIZON
)


def shop(seed: int = 0, customers: int = 40, products: int = 24) -> Interactions:
    """Every customer buys six favourites at their own rhythm, and now and then something of the same category."""
    rng = np.random.default_rng(seed)
    rows = []
    for c in range(customers):
        likes = rng.permutation(products // 4)[:2]
        favourites = np.concatenate([np.arange(k * 4, k * 4 + 4)[:3] for k in likes])
        for item in favourites:
            gap = int(rng.integers(5, 25))
            rows += [(f"c{c:02d}", f"p{item:02d}", day, 1) for day in range(int(rng.integers(0, gap)), DAYS, gap)]
        for day in range(0, DAYS, 9):
            rows.append((f"c{c:02d}", f"p{int(rng.integers(0, products)):02d}", day, 1))
    return purchases(rows, products=[f"p{i:02d}" for i in range(products)])


def shelf(data: Interactions) -> Catalogue:
    """Four products in a row share a category, two a type."""
    n = data.n_products
    return build_catalogue(
        [str(p) for p in data.products],
        [f"item {p}" for p in data.products],
        [f"cat{i // 4}" for i in range(n)],
        [f"type{i // 2:02d}" for i in range(n)],
        ["ours" if i % 2 else None for i in range(n)],
    )


def sources_at(data: Interactions, catalogue: Catalogue, cut: int, params: CandidateParams = CANDIDATES) -> Sources:
    """Sources fitted on the days before `cut`."""
    h = histories_before(data, catalogue, cut)
    fold = FoldInParams(ALS.alpha, ALS.regularization, ALS.half_life_days, ALS.weight, ALS.cap, ALS.bias)
    als = fit_als(taste_matrix(h, fold), data.products, ALS)
    ease = fit_ease(data.before(cut), cut, EASE)
    parts = fit_parts(h, catalogue, params) | fit_feature_parts(h, catalogue, HORIZON)
    side = fit_item_side(h, als.item_factors, ease.kept, ease.weights, params, parts)
    return Sources.of(side, catalogue, params, fold)


def with_another_future(data: Interactions, cut: int) -> Interactions:
    """The same days before `cut`; afterwards other products, days and amounts."""
    later: NDArray[np.bool_] = data.day >= cut
    product, amount = data.product.copy(), data.amount.copy()
    product[later] = (product[later] + 7) % data.n_products
    amount[later] = 999.0
    return replace(data, product=product, amount=amount)
