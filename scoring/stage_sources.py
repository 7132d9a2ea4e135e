"""The item side of a cut: what every source of candidates learned from the histories before it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from features.buyer_counts import BuyerCounts
from features.errors import DataError
from models.als import fit_als
from models.ease import fit_ease
from recommend.candidates import FoldInParams, Sources, taste_matrix
from recommend.catalogue import Catalogue
from recommend.dealings import Dealings
from recommend.fresh import Fresh, fill_factors, find_fresh, similar_stand_ins
from recommend.histories import Histories
from recommend.item_side import fit_item_side
from recommend.pair_features import fit_feature_parts
from recommend.sources.context import Context
from recommend.sources.registry import fit_parts
from scoring.recommender_params import StageParams


def fit_sources(data: Dealings, catalogue: Catalogue, h: Histories, params: StageParams) -> Sources:
    """Item side at the cut of `h`, from the histories of all customers; `data` has the catalogue's product axis."""
    counts = counts_at(data, h.cut)
    fresh = find_fresh(h, catalogue, params.candidates, counts)
    factors = fit_factors(h, catalogue, params, fresh)
    ease = fit_ease(data.purchases.before(h.cut), h.cut, params.ease)
    parts = fit_parts(h, catalogue, params.candidates, Context(data.tags.products, data.rules, counts))
    parts |= similar_stand_ins(ease.kept, h, catalogue, fresh)
    parts |= fit_feature_parts(h, catalogue, params.horizon_days)
    side = fit_item_side(h, factors, ease.kept, ease.weights, params.candidates, parts, fresh.offered, counts)
    return Sources.of(side, catalogue, params.candidates, fold_in_params(params))


def fit_factors(h: Histories, catalogue: Catalogue, params: StageParams, fresh: Fresh) -> NDArray[np.float32]:
    """ALS factors (n_items, columns); those of fresh items stand in."""
    taste = taste_matrix(h, fold_in_params(params))
    # rare items teach the factors little and cost as much as the others; theirs stay zero, which folds in as absent
    kept = np.flatnonzero(np.bincount(taste.indices, minlength=h.n_items) >= params.candidates.min_customers)
    factors = np.zeros((h.n_items, params.als.columns), dtype=np.float32)
    if params.outside is not None:
        ids, learned = params.outside(h.cut)
        place = catalogue.positions(ids)
        known = (place >= 0) & np.isin(place, kept)
        kept = np.sort(place[known])
        factors[place[known]] = learned[known]
    elif len(kept):
        als = replace(params.als, threads=params.threads)
        factors[kept] = fit_als(taste[:, kept].tocsr(), catalogue.items[kept], als).item_factors
    return fill_factors(factors, kept, h, catalogue, fresh)


def fold_in_params(params: StageParams) -> FoldInParams:
    """How customers are folded in: as the factors were learned."""
    als = params.als
    return FoldInParams(als.alpha, als.regularization, als.half_life_days, als.weight, als.cap, als.bias)


def counts_at(data: Dealings, cut: int) -> BuyerCounts | None:
    """Buyers among all customers at `cut`; None where `data` are no sample.

    `DataError` where they were counted at other cuts only: those of the sample would pass for those of all.
    """
    if data.counts and cut not in data.counts:
        raise DataError(f"buyers among all customers were counted at the days {sorted(data.counts)}, not at {cut}")
    return data.counts.get(cut)


def bare_sources(data: Dealings, catalogue: Catalogue, h: Histories, params: StageParams) -> Sources:
    """What is known of items at the cut of `h` without any learning: for one source to be fitted alone."""
    counts = counts_at(data, h.cut)
    fresh = find_fresh(h, catalogue, params.candidates, counts)
    factors = np.zeros((h.n_items, params.als.columns), dtype=np.float32)
    nothing, none = np.empty(0, dtype=np.int64), np.empty((0, 0), dtype=np.float32)
    side = fit_item_side(h, factors, nothing, none, params.candidates, {}, fresh.offered, counts)
    return Sources.of(side, catalogue, params.candidates, fold_in_params(params))


def with_other_als(sources: Sources, data: Dealings, h: Histories, params: StageParams) -> Sources:
    """`sources` fitted on `h`, their factors fitted anew with the ALS of `params`; the rest stays."""
    fresh = find_fresh(h, sources.catalogue, params.candidates, counts_at(data, h.cut))
    side = replace(sources.side, factors=fit_factors(h, sources.catalogue, params, fresh))
    return Sources.of(side, sources.catalogue, sources.params, fold_in_params(params))


def with_other_ease(sources: Sources, data: Dealings, h: Histories, params: StageParams) -> Sources:
    """`sources` fitted on `h`, their item-item weights fitted anew with the EASE of `params`; the rest stays."""
    fresh = find_fresh(h, sources.catalogue, params.candidates, counts_at(data, h.cut))
    ease = fit_ease(data.purchases.before(h.cut), h.cut, params.ease)
    parts = {**sources.side.parts, **similar_stand_ins(ease.kept, h, sources.catalogue, fresh)}
    side = replace(sources.side, similar_items=ease.kept, similar_weights=ease.weights, parts=parts)
    return Sources.of(side, sources.catalogue, sources.params, sources.fold_params)
