"""Scores and reasons of an audience: every customer for one subject, whatever the partitions."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from features.as_of import EPOCH, AsOf
from features.audience_tables import NEIGHBOURS
from features.batches import map_batches
from features.errors import DataError
from features.output_tables import NEXT_BEST_PRODUCTS
from jobs.reason_words import read_words
from recommend.catalogue import as_objects
from recommend.histories import build_histories
from recommend.signals import build_seen
from recommend.tag_rules import KNOWN
from scoring.audience_scores import (
    AUDIENCE_REASONS,
    AUDIENCE_SCORES,
    audience_reasons,
    audience_scores,
    score_target,
    wanted_not_bought,
)
from scoring.audience_targets import Target, category_target, offer_target, product_target
from scoring.history_rows import as_histories
from scoring.recommendations import Recommender, open_recommender, product_rows
from tests.recommend.shop import CUT
from tests.scoring.recommender_files import save_recommender
from tests.scoring.test_recommendations import purchase_days

AS_OF = AsOf(EPOCH + timedelta(days=CUT))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recommender of the test shop, as files."""
    return save_recommender(tmp_path_factory.mktemp("model") / "recommender")


@pytest.fixture(scope="module")
def model(folder: Path) -> Recommender:
    """The recommender, opened."""
    return open_recommender(str(folder))


def test_partitions_change_nothing_and_nobody_is_left_out(
    spark: SparkSession, folder: Path, model: Recommender
) -> None:
    """Everybody has a score, strangers included; three shuffled partitions give what one gives; reasons are said."""
    days = purchase_days(spark).where(F.col("day") < F.lit(AS_OF.day))
    log = "customer_id string, product_id string, day date, quantity double, amount double"
    known = spark.createDataFrame([("stranger", KNOWN, AS_OF.plus(-9).day, 1.0, 1.0)], log)
    path = partial(str, folder)
    listed = map_batches(as_histories(days), product_rows(path, AS_OF, read_words("en")), NEXT_BEST_PRODUCTS)
    rows = listed.where(F.col("kind") != "trending").orderBy("product_id").collect()
    product = rows[0]["product_id"]
    target = product_target(model, product, {}, 50)

    def scored(partitions: int) -> dict[str, tuple[float, float]]:
        histories = as_histories(days, tags=known).repartition(partitions, "customer_id")
        rows = map_batches(histories, audience_scores(path, AS_OF, target), AUDIENCE_SCORES).collect()
        return {r["customer_id"]: (r["score"], r["raw"]) for r in rows}

    one = scored(1)
    assert one == scored(3)
    assert len(one) == 41
    assert all(r["p_buy"] == one[r["customer_id"]][0] for r in rows if r["product_id"] == product)
    some = as_histories(days.where(F.col("customer_id").isin("c00", "c01")))
    told = map_batches(some, audience_reasons(path, AS_OF, target, read_words("en")), AUDIENCE_REASONS).collect()
    assert {r["customer_id"] for r in told} == {"c00", "c01"}
    assert all(r["reasons"] for r in told)


def test_a_product_without_sales_is_judged_by_those_like_it(model: Recommender) -> None:
    """Type and brand first, then type, then category; the score is their mean; nothing like it is an error."""
    items = [str(p) for p in model.products.catalogue.items]
    twin = product_target(model, "new", {"product_type": "type01", "brand": None, "category": "cat0"}, 50)
    assert (twin.basis, [items[i] for i in twin.items], twin.likeness) == (NEIGHBOURS, ["p02", "p03"], "type")
    category = product_target(model, "new", {"product_type": "unheard", "brand": None, "category": "cat1"}, 2)
    assert (len(category.items), category.likeness) == (2, "category")
    with pytest.raises(DataError, match="no one to learn from"):
        product_target(model, "new", {"product_type": "unheard", "brand": None, "category": None}, 50)
    h = build_histories(as_objects(["c"]), len(items), CUT, *(np.array([v]) for v in (0, 2, CUT - 3, 1, 1, 1)))
    apart = [score_target(model, Target("products", (i,)), h).score[0] for i in twin.items]
    assert score_target(model, twin, h).score[0] == pytest.approx(np.mean(apart), abs=1e-6)


def test_what_was_never_sold_stands_in_for_nothing(model: Recommender) -> None:
    """A launch that the model lists is judged by the other of its type, not by itself."""
    stage = model.products
    side, at = stage.sources.side, int(stage.catalogue.positions(["p02"])[0])
    buyers = np.asarray(side.buyers).copy()
    buyers[at] = 0
    side = replace(side, buyers=buyers, can_offer=np.ones(len(buyers), dtype=bool))
    unsold = replace(model, products=replace(stage, sources=replace(stage.sources, side=side)))
    twin = product_target(unsold, "p02", {"product_type": "type01", "brand": None, "category": "cat0"}, 50)
    assert [str(stage.catalogue.items[i]) for i in twin.items] == ["p03"]


def test_offers_and_categories_find_their_targets(model: Recommender) -> None:
    """An offer stands for any of its products, else for its category; unknown categories name the nearest."""
    target = offer_target(model, ["p01", "p05", "nowhere"], None, 50)
    assert target is not None
    assert (target.any_of, len(target.items)) == (True, 2)
    h = build_histories(as_objects(["c"]), 24, CUT, *(np.array([v]) for v in (0, 1, CUT - 3, 1, 1, 1)))
    apart = [score_target(model, Target("products", (i,)), h).score[0] for i in target.items]
    assert score_target(model, target, h).score[0] == pytest.approx(1 - np.prod(1 - np.array(apart)), abs=1e-6)
    by_category = offer_target(model, [], "cat2", 50)
    assert by_category is not None
    assert by_category.level == "categories"
    assert 0 <= score_target(model, by_category, h).score[0] <= 1
    assert offer_target(model, [], None, 50) is None
    with pytest.raises(DataError, match="did you mean 'cat2'"):
        category_target(model, "catt2")


def test_what_was_wanted_counts_until_it_is_bought() -> None:
    """The last look at the target's items without a purchase since; carts before views of the same day."""
    cut = 100
    rows = {"customer": [0, 0, 1, 1, 2], "item": [3, 4, 3, 4, 9], "day": [90, 95, 90, 90, 99]}
    views, carts = np.ones(5), np.array([0.0, 0.0, 0.0, 1.0, 0.0])
    customer, item, day = (np.array(rows[k]) for k in ("customer", "item", "day"))
    seen = build_seen(cut, customer, item, day, views, carts)
    # customer 0 bought item 4 after she looked at it
    bought = (np.array([v]) for v in (0, 4, 97, 1, 1, 1))
    h = build_histories(as_objects(["a", "b", "c"]), 10, cut, *bought, seen=seen)
    assert wanted_not_bought(h, np.array([3, 4]), 90) == {0: (3, 10, False), 1: (4, 10, True)}
    assert wanted_not_bought(h, np.array([3, 4]), 9) == {}  # 10 days ago is too long
    assert wanted_not_bought(h, np.array([1]), 90) == {}
