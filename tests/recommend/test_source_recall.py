"""Recall of the sources: each by its own order, all together, by state of the item."""

from typing import cast

import numpy as np
import pytest

from recommend.histories import bought_between, histories_before, is_in
from recommend.list_params import CandidateParams
from recommend.source_recall import TOGETHER, source_recall
from recommend.sources.registry import SOURCES
from tests.recommend.shop import CUT, DAYS, shelf, shop, sources_at


def test_recall_per_source_and_state_adds_up() -> None:
    """Own items find what was bought before and nothing else; all sources together find the most."""
    data, catalogue = shop(), shelf(shop())
    h = histories_before(data, catalogue, CUT)
    truth = bought_between(data, catalogue, CUT, DAYS)
    sources = sources_at(data, catalogue, CUT, CandidateParams(min_customers=1, max_idle_days=1000))
    rows = source_recall(h, sources, truth, lapsed_days=20)
    table = {(str(r["source"]), str(r["state"])): r for r in rows}
    recall = {key: cast(float, r["recall"]) for key, r in table.items()}
    assert {s for s, _ in table} == {*SOURCES, TOGETHER}
    for state in ("lapsed", "active"):
        assert recall["repeat", state] == 1.0
        assert recall["popular", state] == 0.0
    assert recall["repeat", "never"] == 0.0
    assert 0.0 < recall["popular", "never"] <= recall[TOGETHER, "never"]
    assert recall[TOGETHER, "all"] == max(value for (_, state), value in recall.items() if state == "all")
    # by hand: the share of each customer's truth that she had bought before
    own = np.unique(h.customer * h.n_items + h.item)
    old, n = is_in(own, truth), truth // h.n_items
    shares = np.bincount(n, weights=old) / np.bincount(n)
    assert recall["repeat", "all"] == pytest.approx(shares[np.bincount(n) > 0].mean(), abs=1e-4)
    assert table["repeat", "all"]["candidates"] == round(len(own) / h.n, 1)


def test_one_place_per_source_and_nothing_bought() -> None:
    """With depth 1 a source proposes at most one item; without truth there is nothing to find."""
    data, catalogue = shop(), shelf(shop())
    h, sources = histories_before(data, catalogue, CUT), sources_at(data, catalogue, CUT)
    rows = source_recall(h, sources, np.empty(0, dtype=np.int64), depth=1)
    assert all(r["recall"] is None for r in rows)
    assert all(cast(float, r["candidates"]) <= 1.0 for r in rows if r["source"] != TOGETHER)
