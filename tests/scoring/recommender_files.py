"""A recommender of the test shop, as files, for tests of whatever scores with it."""

from datetime import timedelta
from pathlib import Path

from features.as_of import EPOCH
from recommend.list_params import CategoryParams, ListParams
from scoring.recommendations import build_recommender
from scoring.recommender_inputs import build_levels
from scoring.recommender_params import RecommenderParams
from scoring.train_second_stage import fit_second_stage
from tests.recommend.shop import ALS, CANDIDATES, CUT, EASE, HORIZON, PARAMS, shelf, shop


def save_recommender(folder: Path) -> Path:
    """Trains both levels on the days before `CUT` and saves them."""
    data = shop().before(CUT)
    catalogue = shelf(data)
    n = data.n_products
    rows = {
        "product_id": list(data.products),
        "name": list(catalogue.labels),
        "department": ["d"] * n,
        "category": [f"cat{i // 4}" for i in range(n)],
        "product_type": [f"type{i // 2:02d}" for i in range(n)],
        "brand": [None] * n,
    }
    levels = build_levels(data, rows)
    params = RecommenderParams(
        als=ALS,
        ease=EASE,
        candidates=CANDIDATES,
        ranker=PARAMS.ranker,
        lists=ListParams(k=6),
        categories=CategoryParams(k=4, never_slots=2, bought_slots=1, factors=4, min_customers=1),
    )
    level, stage = params.products(HORIZON, 1)
    products = fit_second_stage(levels.products, levels.catalogue, CUT, level, stage, lambda line: None)
    level, stage = params.category_level(HORIZON, 1)
    categories = fit_second_stage(levels.categories, levels.upper, CUT, level, stage, lambda line: None)
    day = EPOCH + timedelta(days=CUT)
    return build_recommender(day, HORIZON, products.stage, categories.stage, levels.place).save(folder)
