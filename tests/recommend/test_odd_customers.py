"""Customers and catalogues at the edges: ten thousand items, one item, none; a catalogue of one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from features.interactions import Interactions
from recommend.candidates import build_candidates
from recommend.dealings import Dealings, on_one_axis
from recommend.due import due_columns, due_pairs, fit_due
from recommend.histories import Histories, histories_before, take
from recommend.list_params import ListParams
from recommend.lists import Groups, choose_rows
from recommend.pair_features import FEATURES, pair_features
from recommend.sources.opened import Sources
from tests.purchases import purchases
from tests.recommend.shop import CANDIDATES, CUT, shelf, sources_at

ITEMS = 10_000
K = 20
PARAMS = replace(CANDIDATES, repeat=400, als=80, similar=80, popular=80)


def odd_shop(items: int) -> Dealings:
    """`all` bought every item, `one` one, `none` nothing; ten others bought twelve of the first hundred."""
    rng = np.random.default_rng(0)
    rows = [("all", f"p{i:05d}", CUT - 1 - i % 60, 1) for i in range(items)]
    rows.append(("one", "p00000", CUT - 9, 1))
    for c in range(10):
        chosen = rng.integers(0, min(items, 99), 12)
        rows += [(f"c{c}", f"p{i:05d}", CUT - 1 - int(rng.integers(0, 70)), 1) for i in chosen]
    bought: Interactions = purchases(rows, products=[f"p{i:05d}" for i in range(items)])
    return on_one_axis(bought, customers=["none"])


def lists(h: Histories, sources: Sources, exclude: np.ndarray | None = None) -> np.ndarray:
    """Rows per customer of `h` after the list rules; features must be numbers or missing, never infinite."""
    found = build_candidates(h, sources, exclude, at_least=K)
    x = pair_features(h, sources.catalogue, sources.side, found.customer, found.item, found.scores)
    assert not np.isinf(x).any()
    p = np.nan_to_num(x[:, FEATURES.index("item_pop28")].astype(np.float64)) / 100
    code = np.zeros(len(found.item), dtype=np.int64)
    rows = choose_rows(
        found.customer,
        found.item,
        Groups(code, code, code, code),
        found.owned,
        np.where(found.owned, 0, 2),
        p,
        p,
        ListParams(k=K),
        spare=np.asarray(~found.source.any(axis=1)),
    )
    return np.bincount(found.customer[rows.pair], minlength=h.n)


def test_everybody_has_k_rows() -> None:
    """Ten thousand items, one, or none: twenty rows each, also where all but thirty items are excluded, and all that
    is left where less than that remains."""
    data = odd_shop(ITEMS)
    catalogue = shelf(data.purchases)
    h = histories_before(data, catalogue, CUT)
    sources = sources_at(data.purchases, catalogue, CUT, PARAMS)
    assert lists(h, sources).tolist() == [K] * h.n
    place = {str(c): i for i, c in enumerate(h.customers)}
    left = {place["all"]: 30, place["none"]: 30, place["one"]: 7}
    banned = [c * ITEMS + np.arange(n, ITEMS) for c, n in sorted(left.items())]
    wanted = [min(K, left.get(c, K)) for c in range(h.n)]
    assert lists(h, sources, np.sort(np.concatenate(banned))).tolist() == wanted
    own = build_candidates(take(h, np.array([place["all"]])), sources)
    assert own.owned.sum() == PARAMS.repeat


def test_one_item_is_a_catalogue() -> None:
    """With one product everybody has one row, and its interval says when it is due."""
    data = odd_shop(1)
    catalogue = shelf(data.purchases)
    h = histories_before(data, catalogue, CUT)
    assert lists(h, sources_at(data.purchases, catalogue, CUT, PARAMS)).tolist() == [1] * h.n
    p = due_columns(fit_due(h), due_pairs(h), np.arange(h.n))["due_p"]
    assert p[list(h.customers).index("none")] == 0
    assert (p[[i for i, c in enumerate(h.customers) if c != "none"]] > 0).all()
