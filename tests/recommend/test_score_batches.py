"""Top-K through the engine."""

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from features.batches import map_batches
from features.errors import ModelError
from models.als import AlsParams, build_matrix, fit_als, save_als
from recommend.fold_in import fold_in
from recommend.score_batches import FACTOR_LISTS, history_matrix, open_factors, score_batches
from recommend.topk import top_k
from tests.purchases import CUT, random_purchases


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A saved model, its weights, and the same histories as rows."""
    history = random_purchases(customers=120, products=60, rows=3000)
    params = AlsParams(factors=6, iterations=3, threads=1)
    matrix = build_matrix(history, CUT, params)
    folder = tmp_path_factory.mktemp("als")
    save_als(fit_als(matrix, history.products, params), folder)
    rows = [
        (
            history.customers[i],
            [str(p) for p in history.products[matrix[i].indices]],
            [float(w) for w in matrix[i].data],
        )
        for i in range(history.n_customers)
    ]
    return str(folder), matrix, history, rows


def test_the_engine_gives_the_lists_of_one_process(trained, spark: SparkSession):
    """Whatever the batches, rows are those of one call over all customers; seen products are kept out."""
    folder, matrix, history, rows = trained
    frame = spark.createDataFrame(rows, "customer_id string, product_ids array<string>, weights array<double>")
    got = map_batches(frame.repartition(3), score_batches(lambda: folder, k=5), FACTOR_LISTS).toArrow()
    factors = open_factors(folder)
    positions, scores = top_k(factors.items, fold_in(factors.model, matrix), 5, matrix)
    want = {
        (history.customers[c], r + 1): (history.products[positions[c, r]], scores[c, r])
        for c, r in np.argwhere(positions >= 0)
    }
    assert {(r["customer_id"], r["rank"]): (r["product_id"], r["score"]) for r in got.to_pylist()} == want


def test_unknown_products_are_passed_over_and_empty_histories_kept():
    """A product the model never saw adds nothing; a null or empty history is a row of zeros."""
    batch = pa.record_batch(
        {
            "customer_id": ["a", "b", "c"],
            "product_ids": pa.array([["p2", "new", "p1"], [], None], pa.list_(pa.string())),
            "weights": pa.array([[2.0, 9.0, 1.0], [], None], pa.list_(pa.float64())),
        }
    )
    assert history_matrix(batch, pa.array(["p1", "p2"])).toarray().tolist() == [[1.0, 2.0], [0.0, 0.0], [0.0, 0.0]]
    assert history_matrix(batch.slice(1), pa.array(["p1", "p2"])).shape == (2, 2)


def test_the_order_of_a_history_does_not_matter(trained):
    """Arrays come in any order from an engine; the list is the same."""
    folder, _, _, rows = trained

    def lists(turn: bool) -> list[dict]:
        step = -1 if turn else 1
        batch = pa.record_batch(
            {
                "customer_id": [r[0] for r in rows],
                "product_ids": [r[1][::step] for r in rows],
                "weights": [r[2][::step] for r in rows],
            }
        )
        return [row for t in score_batches(lambda: folder, 4)(iter([batch])) for row in t.to_pylist()]

    assert lists(False) == lists(True)


def test_seen_products_may_stay(trained):
    """With exclude_seen off, what a customer buys may be in her list."""
    folder, _, _, rows = trained
    batch = pa.record_batch({"customer_id": ["a"], "product_ids": [rows[0][1]], "weights": [rows[0][2]]})
    (kept,) = score_batches(lambda: folder, 60, exclude_seen=False)(iter([batch]))
    (new,) = score_batches(lambda: folder, 60)(iter([batch]))
    assert kept.num_rows == 60
    assert new.num_rows == 60 - len(rows[0][1])


def test_a_missing_model_says_what_to_do(tmp_path):
    """The message names the folder and the way out."""
    with pytest.raises(ModelError, match="train the recommender again"):
        open_factors(str(tmp_path))
