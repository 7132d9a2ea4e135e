"""ALS: the matrix it learns from, what it stores."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from pyspark.sql import SparkSession

from features.errors import ModelError
from models.als import AlsParams, as_histories, build_matrix, fit_als, load_als, save_als
from tests.purchases import CUT, purchases, random_purchases

PARAMS = AlsParams(factors=4, iterations=3, threads=1, half_life_days=10.0)


def test_orders_halve_with_age_and_are_summed_before_the_squeeze():
    """Three orders yesterday and two a half-life before: log1p(3 + 1), in one stored element."""
    history = purchases([("a", "x", CUT - 1, 3), ("a", "x", CUT - 11, 2), ("a", "y", CUT - 21, 4)])
    matrix = build_matrix(history, CUT, PARAMS)
    np.testing.assert_allclose(matrix.toarray(), np.log1p([[4.0, 1.0]]), rtol=1e-6)
    capped = build_matrix(history, CUT, replace(PARAMS, weight="capped", cap=2.0))
    np.testing.assert_allclose(capped.toarray(), [[2.0, 1.0]], rtol=1e-6)


def test_rows_are_customers():
    """A matrix the wrong way round is refused by its shape."""
    history = random_purchases()
    matrix = build_matrix(history, CUT, PARAMS)
    assert matrix.shape == (history.n_customers, history.n_products)
    assert fit_als(matrix, history.products, PARAMS).item_factors.shape == (history.n_products, 6)
    with pytest.raises(ModelError, match="products x customers"):
        fit_als(matrix.T.tocsr(), history.products, PARAMS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"product": np.array([9], dtype=np.int32)}, "product positions must lie in 0..0"),
        ({"customer": np.array([-1], dtype=np.int32)}, "customer positions must lie in 0..0"),
        ({"day": np.array([CUT], dtype=np.int32)}, "not before the cut"),
        ({"orders": np.array([np.inf])}, "not finite"),
    ],
)
def test_what_would_crash_or_leak_is_refused(change, message):
    """implicit ends the process on a wrong index, so nothing wrong reaches it."""
    with pytest.raises(ModelError, match=message):
        build_matrix(replace(purchases([("a", "x", 1, 1)]), **change), CUT, PARAMS)


@pytest.mark.parametrize("field", ["factors", "regularization", "alpha", "half_life_days", "weight"])
def test_parameters_out_of_range_name_the_key(field):
    """The message names the settings key."""
    with pytest.raises(ModelError, match=f"als.{field}"):
        replace(PARAMS, **{field: "other" if field == "weight" else -1})


def test_an_empty_matrix_is_refused():
    """Nothing to learn from is an error, not a model."""
    history = purchases([("a", "x", 1, 1)])
    with pytest.raises(ModelError, match="no purchases"):
        fit_als(build_matrix(history.before(0), CUT, PARAMS), history.products, PARAMS)


def test_bias_columns_stay_constant_and_carry_popularity():
    """Column 0 is one; column 1, the item's bias, is largest for what most customers buy."""
    history = random_purchases(rows=900)
    model = fit_als(build_matrix(history, CUT, PARAMS), history.products, PARAMS)
    buyers = np.diff(build_matrix(history, CUT, PARAMS).tocsc().indptr)
    assert (model.item_factors[:, 0] == 1.0).all()
    assert np.corrcoef(model.item_factors[:, 1], buyers)[0, 1] > 0.5


def test_same_seed_same_factors():
    """Two fits are equal bit for bit; another seed is not."""
    history = random_purchases()
    matrix = build_matrix(history, CUT, PARAMS)
    first = fit_als(matrix, history.products, PARAMS).item_factors
    np.testing.assert_array_equal(first, fit_als(matrix, history.products, PARAMS).item_factors)
    assert not np.array_equal(first, fit_als(matrix, history.products, replace(PARAMS, seed=1)).item_factors)


def test_saved_and_loaded_without_pickle(tmp_path):
    """The loaded model is the saved one, its factors memory-mapped; ids outside ASCII survive."""
    history = purchases([("a", "牛奶", 1, 1), ("b", "p1", 2, 1), ("b", "牛奶", 3, 1)])
    model = fit_als(build_matrix(history, CUT, PARAMS), history.products, PARAMS)
    save_als(model, tmp_path)
    loaded = load_als(tmp_path)
    assert loaded.params == PARAMS
    assert loaded.products.tolist() == ["p1", "牛奶"]
    assert isinstance(loaded.item_factors, np.memmap)
    np.testing.assert_array_equal(loaded.item_factors, model.item_factors)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["als.json", "item_factors.npy", "products.npy"]


@pytest.mark.parametrize("name", ["als.json", "item_factors.npy", "products.npy"])
def test_a_damaged_model_says_train_again(tmp_path, name):
    """A truncated file is a ModelError, not a traceback from numpy."""
    history = random_purchases()
    save_als(fit_als(build_matrix(history, CUT, PARAMS), history.products, PARAMS), tmp_path)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:20])
    with pytest.raises(ModelError, match="train the recommender again"):
        load_als(tmp_path)


@pytest.mark.parametrize("weight", ["log1p", "capped"])
def test_the_engine_weighs_histories_as_training_does(spark: SparkSession, weight):
    """as_histories gives build_matrix's weights to 6 decimals, sorted by product, and nothing on or after the cut."""
    params = replace(PARAMS, weight=weight, cap=2.0)
    rows = [("a", "y", CUT - 1, 3), ("a", "x", CUT - 11, 2), ("a", "y", CUT - 40, 4), ("b", "x", CUT - 3, 1)]
    frame = spark.createDataFrame(
        [(c, p, date.fromordinal(719163 + d), o) for c, p, d, o in [*rows, ("b", "y", CUT, 9)]],
        "customer_id string, product_id string, day date, orders int",
    )
    cut = date.fromordinal(719163 + CUT)
    got = {r.customer_id: (r.product_ids, r.weights) for r in as_histories(frame, cut, params).collect()}
    want = build_matrix(purchases(rows), CUT, params).toarray()
    assert got["a"][0] == ["x", "y"]
    assert got["b"][0] == ["x"]
    np.testing.assert_allclose(got["a"][1], want[0], atol=1e-6)
    np.testing.assert_allclose(got["b"][1], want[1, :1], atol=1e-6)
