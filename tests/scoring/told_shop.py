"""A shop with looks and tags whose reasons can be proved: what is said of a row is what moved customers to buy.

Each product has a partner that buyers of it take up, customers buy their favourites at their own rhythm, look at what
they will buy soon, and those with the tag of a category begin to buy in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from features.interactions import from_columns
from models.calibration import Calibrator
from models.recommender_params import RankerParams
from recommend.catalogue import Catalogue, as_objects, build_catalogue
from recommend.dealings import Dealings, on_one_axis
from recommend.histories import Histories, Ints, build_histories
from recommend.list_params import CandidateParams, ListParams
from recommend.signals import build_seen, build_tagged
from scoring.recommender_params import Level, StageParams
from scoring.second_stage import SecondStage
from scoring.train_second_stage import fit_second_stage
from tests.recommend.shop import ALS, EASE

CUSTOMERS, PRODUCTS, DAYS, HORIZON = 240, 48, 168, 14
NONE = np.empty(0, dtype=np.int64)
LEVEL = Level("products", ListParams(k=10, discovery_slots=5))
PARAMS = StageParams(
    CandidateParams(als=10, similar=10, popular=10, min_customers=1, max_idle_days=1000),
    ALS,
    replace(EASE, max_products=PRODUCTS),
    RankerParams(trees=40, min_child=20, negatives=0.5, min_positives=50),
    horizon_days=HORIZON,
)


def told_shop(seed: int = 0) -> Dealings:
    """Purchases, looks and tags until day `DAYS`."""
    rng = np.random.default_rng(seed)
    bought: list[tuple[int, int, int]] = []
    looked: list[tuple[int, int, int]] = []
    tagged: list[tuple[int, int, int]] = []
    for c in range(CUSTOMERS):
        for item in rng.choice(PRODUCTS, 4, replace=False):
            start, gap = int(rng.integers(0, 120)), int(rng.integers(6, 25))
            bought += [(c, int(item), day) for day in range(start, DAYS, gap)]
            partner = (int(item) + PRODUCTS // 2) % PRODUCTS
            if rng.random() < 0.6:
                first = start + int(rng.integers(10, 60))
                bought += [(c, partner, day) for day in range(first, DAYS, gap + 3)]
        for _ in range(6):  # looks before purchases
            item, day = int(rng.integers(0, PRODUCTS)), int(rng.integers(0, DAYS))
            looked.append((c, item, day))
            if rng.random() < 0.6:
                bought.append((c, item, day + int(rng.integers(1, 10))))
        if rng.random() < 0.6:  # a tag opens a category
            tag, day = int(rng.integers(0, PRODUCTS // 8)), int(rng.integers(0, DAYS))
            tagged.append((c, tag, day))
            for _ in range(3):
                bought.append((c, tag * 8 + int(rng.integers(0, 8)), day + int(rng.integers(1, 40))))
    products = [f"p{i:02d}" for i in range(PRODUCTS)]
    bought = [row for row in bought if row[2] < DAYS]
    return on_one_axis(
        _log(bought, products), _log(looked, products), _log(tagged, [f"post:t{i}" for i in range(PRODUCTS // 8)])
    )


def _log(rows: list[tuple[int, int, int]], things: list[str]):  # type: ignore[no-untyped-def]
    """Rows (customer, thing, day), each once."""
    table = np.unique(np.array(rows, dtype=np.int64), axis=0)
    ones = np.ones(len(table), dtype=np.float32)
    ids = as_objects([f"c{i:03d}" for i in range(CUSTOMERS)])
    columns = (table[:, 0].astype(np.int32), table[:, 1].astype(np.int32), table[:, 2].astype(np.int32))
    return from_columns(ids, as_objects(things), *columns, ones, ones, ones.astype(np.int32))


def shelf() -> Catalogue:
    """Eight products in a row share a category, two a type."""
    ids = [f"p{i:02d}" for i in range(PRODUCTS)]
    kinds = ([f"cat{i // 8}" for i in range(PRODUCTS)], [f"type{i // 2:02d}" for i in range(PRODUCTS)])
    return build_catalogue(ids, [f"item {p}" for p in ids], *kinds, [None] * PRODUCTS)


def told_stage(data: Dealings) -> SecondStage:
    """The second stage at the last day, ranked by the trees in both segments."""
    stage = fit_second_stage(data, shelf(), DAYS, LEVEL, PARAMS, lambda line: None).stage
    assert set(stage.rankers) == {"repeat", "explore"}
    calibrators = {f"ranker.{kind}": Calibrator("sigmoid") for kind in range(4)}
    return replace(stage, modes={"repeat": "ranker", "explore": "ranker"}, calibrators=calibrators)


def variants(h: Histories, customer: Ints, gone: Sequence[Mapping[str, Ints]]) -> Histories:
    """A history per element of `customer`: hers, without the positions `gone` of purchases, looks and tags."""

    def kept(log: str, owner: Ints) -> tuple[Ints, Ints]:
        low, high = (np.searchsorted(owner, customer, side=side) for side in ("left", "right"))
        parts = [np.setdiff1d(np.arange(a, z), g.get(log, NONE)) for a, z, g in zip(low, high, gone, strict=True)]
        return np.concatenate(parts), np.repeat(np.arange(len(parts)), [len(part) for part in parts])

    rows, who = kept("purchases", h.customer)
    s, looker = kept("looks", h.seen.customer)
    t, holder = kept("tags", h.tagged.customer)
    seen = build_seen(h.cut, looker, h.seen.item[s], h.cut - h.seen.age[s], h.seen.views[s], h.seen.carts[s])
    tagged = build_tagged(h.cut, holder, h.tagged.tag[t], h.cut - h.tagged.age[t], h.tagged.confidence[t])
    columns = (h.item, h.cut - h.age, h.orders, h.quantity, h.amount)
    ids = h.customers[customer]
    return build_histories(ids, h.n_items, h.cut, who, *(c[rows] for c in columns), seen=seen, tagged=tagged)
