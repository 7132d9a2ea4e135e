"""A catalogue of two hundred thousand items."""

import tracemalloc

import numpy as np

from features.interactions import from_columns
from recommend.candidates import FoldInParams, Sources, build_candidates
from recommend.catalogue import build_catalogue
from recommend.histories import histories_before
from recommend.item_side import fit_item_side
from recommend.list_params import CandidateParams
from recommend.pair_features import FEATURES, fit_feature_parts, pair_features
from recommend.sources.registry import fit_parts

ITEMS, CUSTOMERS, CUT = 200_000, 100, 100


def test_two_hundred_thousand_items_are_scored_in_little_memory() -> None:
    """Every customer has her candidates and features; what is needed beside the factors does not grow with customers
    times items."""
    rng = np.random.default_rng(0)
    rows = 4_000
    who, day = rng.integers(0, CUSTOMERS, rows).astype(np.int32), rng.integers(0, CUT, rows).astype(np.int32)
    what = np.minimum(rng.pareto(1.0, rows) * 50, ITEMS - 1).astype(np.int32)
    one, ids = np.ones(rows, dtype=np.float32), [f"p{i:06d}" for i in range(ITEMS)]
    customers = np.array([f"c{i:03d}" for i in range(CUSTOMERS)], dtype=object)
    data = from_columns(customers, np.array(ids, dtype=object), who, what, day, one, one, np.ones(rows, dtype=np.int32))
    groups = [[f"{name}{i // size}" for i in range(ITEMS)] for name, size in (("cat", 2000), ("type", 200), ("b", 500))]
    catalogue = build_catalogue(ids, [None] * ITEMS, *groups)
    params = CandidateParams(min_customers=1)
    h = histories_before(data, catalogue, CUT)
    factors = rng.standard_normal((ITEMS, 10)).astype(np.float32)
    factors[:, 0] = 1.0
    none, parts = np.empty(0, dtype=np.int64), fit_parts(h, catalogue, params) | fit_feature_parts(h, catalogue, 28)
    side = fit_item_side(h, factors, none, np.empty((0, 0), dtype=np.float32), params, parts)
    side.can_offer[:] = True  # the worst case: everything may be offered
    sources = Sources.of(side, catalogue, params, FoldInParams())
    tracemalloc.start()
    found = build_candidates(h, sources)
    x = pair_features(h, catalogue, side, found.customer, found.item, found.scores)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (np.bincount(found.customer, minlength=CUSTOMERS) >= params.als).all()
    assert x.shape == (len(found.item), len(FEATURES))
    assert peak < 100e6  # a matrix of scores alone would be 160 MB
