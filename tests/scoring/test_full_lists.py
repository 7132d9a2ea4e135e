"""Everybody has K rows, also who never bought, and the p_buy of those is calibrated on such as them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from features.interactions import from_columns
from recommend.dealings import Dealings, on_one_axis
from recommend.histories import Histories, histories_before
from recommend.list_params import ListParams
from recommend.lists import PRODUCT_KINDS
from recommend.tag_rules import KNOWN
from scoring.recommendations import publish
from scoring.recommender_params import Level
from scoring.second_stage import SecondStage, presence_of
from scoring.train_second_stage import fit_second_stage
from tests.recommend.shop import CUT, PARAMS, shelf, shop

K, NEW = 6, 15


def world() -> Dealings:
    """The test shop, and fifteen customers who were known from the first day and never bought."""
    data = shop()
    ids = np.array([*(str(c) for c in data.customers), *(f"n{i:02d}" for i in range(NEW))], dtype=object)
    one = np.ones(len(ids), dtype=np.float32)
    zero = np.zeros(len(ids), dtype=np.int32)
    known = from_columns(
        ids, np.array([KNOWN], dtype=object), np.arange(len(ids), dtype=np.int32), zero, zero, one, one, zero + 1
    )
    return on_one_axis(data, tags=known)


@pytest.fixture(scope="module")
def stage() -> SecondStage:
    """Trained at the cut; every source gives few items."""
    few = replace(PARAMS.candidates, als=2, similar=2, popular=2, segment_popular=2, launch=0, complement=0)
    level = Level("products", ListParams(k=K, discovery_slots=2, repeat_slots=2, max_per_category=2))
    data = world()
    return fit_second_stage(data, shelf(data.purchases), CUT, level, replace(PARAMS, candidates=few), print).stage


@pytest.fixture(scope="module")
def h() -> Histories:
    """Everybody's history at the cut."""
    data = world()
    return histories_before(data, shelf(data.purchases), CUT)


def test_everybody_has_exactly_k_rows_or_all_that_is_left(stage: SecondStage, h: Histories) -> None:
    """Six rows each; with exclusions as many as remain; ranks without gaps; what the sources did not give says so."""
    banned = {0: 20, 41: 18, 42: 21, 43: 24}  # customer: how many of 24 products are excluded
    exclude = np.concatenate([c * h.n_items + np.arange(n) for c, n in banned.items()])
    for keys in (None, exclude):
        scored = stage.score(h, keys)
        rows = publish(stage, scored)
        customer = scored.candidates.customer[rows.pair]
        left = [h.n_items - (banned.get(c, 0) if keys is not None else 0) for c in range(h.n)]
        assert np.bincount(customer, minlength=h.n).tolist() == [min(K, n) for n in left]
        assert rows.rank.tolist() == [r for n in left for r in range(1, min(K, n) + 1)]
        spare = ~scored.candidates.source[rows.pair].any(axis=1)
        assert spare.any()
        assert {PRODUCT_KINDS[k] for k in rows.kind[spare]} == {"fallback"}


def test_who_never_bought_is_told_a_lower_chance(stage: SecondStage, h: Histories) -> None:
    """Nobody of the fifteen ever bought: their calibrators say less than those of customers who do."""
    assert any(key.endswith(".none") for key in stage.calibrators)
    scored = stage.score(h)
    new = presence_of(scored.x)
    assert np.unique(scored.candidates.customer[new == 0]).tolist() == list(range(40, 40 + NEW))
    explored = ~scored.candidates.owned
    assert scored.p_buy[(new == 0) & explored].mean() < 0.5 * scored.p_buy[(new == 2) & explored].mean()
