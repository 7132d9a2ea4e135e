"""Implicit ALS (Hu, Koren, Volinsky 2008) on decay-weighted purchases, fitted with `implicit` on one node.

Only the item side is kept: every customer is folded in from her own history when she is scored
(`recommend/fold_in.py`), so new customers need no training and the model does not grow with the customers.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import implicit.cpu._als as als_kernel
import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from features.errors import ModelError
from features.interactions import Interactions
from models.recommender_params import AlsParams as AlsParams

Factors = NDArray[np.float32]


@dataclass(frozen=True)
class AlsModel:
    """Item factors (n_products, columns) float32, row i for `products[i]` (sorted ids), and how they were made.

    With `params.bias`, column 0 is 1 for every item (its partner in a customer's vector is her own level) and
    column 1 is the item's bias (its partner is 1). A customer is folded in with the same params.
    """

    params: AlsParams
    products: NDArray[np.object_]
    item_factors: Factors


def decayed_weights(history: Interactions, day: int, params: AlsParams) -> NDArray[np.float64]:
    """(n_interactions,) orders, halved every `half_life_days` before the cut `day`."""
    if params.half_life_days is None:
        return history.orders.astype(np.float64)
    return np.asarray(history.orders * np.exp2((history.day + 1.0 - day) / params.half_life_days))


def build_matrix(history: Interactions, day: int, params: AlsParams) -> csr_matrix:
    """Customers x products weights as a checked float32 CSR matrix.

    The decayed orders of a customer and product are summed first, then squeezed by log1p or the cap: `implicit`
    takes unsummed duplicates for a different matrix and crashes the process on an index out of bounds, so both are
    made impossible here. Raises `ModelError` for a non-finite weight, a day after the cut or an index out of bounds.
    """
    shape = (history.n_customers, history.n_products)
    for name, index, size in (("customer", history.customer, shape[0]), ("product", history.product, shape[1])):
        if len(index) and (index.min() < 0 or index.max() >= size):
            raise ModelError(f"{name} positions must lie in 0..{size - 1}, got {index.min()}..{index.max()}")
    if len(history) and history.day.max() >= day:
        raise ModelError(f"the history holds day {history.day.max()}, which is not before the cut {day}")
    weights = decayed_weights(history, day, params)
    if not np.isfinite(weights).all():
        raise ModelError(f"{np.count_nonzero(~np.isfinite(weights)):,} weights are not finite numbers")
    matrix = csr_matrix((weights, (history.customer, history.product)), shape=shape)
    matrix.sum_duplicates()
    matrix.data = np.log1p(matrix.data) if params.weight == "log1p" else np.minimum(matrix.data, params.cap)
    matrix = matrix.astype(np.float32)
    matrix.check_format(full_check=True)
    return matrix


def as_histories(purchase_days: DataFrame, day: date, params: AlsParams) -> DataFrame:
    """One row per customer: `customer_id`, `product_ids`, `weights`, as `build_matrix` weighs purchases before `day`.

    The engine's side of the same weights, for `recommend/score_batches.py`; rounded to 6 decimals, sorted by product.
    """
    half_life = params.half_life_days
    age = F.datediff(F.lit(day), F.col("day")) - 1
    decay = F.lit(1.0) if half_life is None else F.pow(F.lit(0.5), age / F.lit(half_life))
    total = F.sum(F.col("orders") * decay)
    weight = F.log1p(total) if params.weight == "log1p" else F.least(total, F.lit(params.cap))
    pairs = (
        purchase_days.where(F.col("day") < F.lit(day))
        .groupBy("customer_id", "product_id")
        .agg(F.round(weight, 6).alias("weight"))
    )
    lists = pairs.groupBy("customer_id").agg(F.sort_array(F.collect_list(F.struct("product_id", "weight"))).alias("h"))
    return lists.select("customer_id", F.col("h.product_id").alias("product_ids"), F.col("h.weight").alias("weights"))


def fit_als(matrix: csr_matrix, products: NDArray[np.object_], params: AlsParams) -> AlsModel:
    """Factors of a customers x products matrix (from `build_matrix`; rows are customers, which is asserted).

    Each half step is three conjugate-gradient steps from the last factors (Takacs et al. 2011, `implicit`'s default):
    a fifth of the time of exact solves at equal EXPLORE recall on the development cut of 2017-10-09 (.0346 against
    .0341 at product level). Bias columns are kept constant by writing them back after every half step, as RecTools
    does it (`fit_als_with_features_together_inplace`).
    """
    customers, items = matrix.shape
    if items != len(products):
        raise ModelError(f"the matrix has {items} columns for {len(products)} products: is it products x customers?")
    if not matrix.nnz:
        raise ModelError("the matrix is empty: no purchases before the cut")
    rng = np.random.default_rng(params.seed)
    x = _start(rng, customers, params, one=1)
    y = _start(rng, items, params, one=0)
    forward = (matrix * np.float32(params.alpha)).tocsr()
    # `implicit` reads c - 1 from the stored value, so a stored alpha * w must carry its own 1
    forward.data += np.float32(1.0)
    backward = forward.T.tocsr()
    backward.sort_indices()
    with threadpool_limits(limits=1, user_api="blas"):
        for _ in range(params.iterations):
            als_kernel.least_squares_cg(forward, x, y, params.regularization, num_threads=params.threads)
            if params.bias:
                x[:, 1] = 1.0
            als_kernel.least_squares_cg(backward, y, x, params.regularization, num_threads=params.threads)
            if params.bias:
                y[:, 0] = 1.0
    if not np.isfinite(y).all():
        raise ModelError("the factors are not finite; raise als.regularization or lower als.alpha")
    return AlsModel(params, np.asarray(products, dtype=object), y)


def _start(rng: np.random.Generator, rows: int, params: AlsParams, one: int) -> Factors:
    """Small random factors, with the constant bias column `one`."""
    factors = rng.random((rows, params.columns), dtype=np.float32) * np.float32(0.01)
    if params.bias:
        factors[:, one] = 1.0
    return factors


def save_als(model: AlsModel, folder: Path) -> None:
    """Writes `item_factors.npy`, `products.npy` (UTF-8 bytes, sorted) and `als.json`; no pickle in any of them."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "item_factors.npy", np.ascontiguousarray(model.item_factors), allow_pickle=False)
    np.save(folder / "products.npy", np.char.encode(model.products.astype(str), "utf-8"), allow_pickle=False)
    about = {"params": asdict(model.params), "products": len(model.products), "columns": model.params.columns}
    (folder / "als.json").write_text(json.dumps(about, indent=2) + "\n")


def load_als(folder: Path) -> AlsModel:
    """The model that `save_als` wrote, factors memory-mapped; `ModelError` when a file is missing or does not fit."""
    folder = Path(folder)
    try:
        about = json.loads((folder / "als.json").read_text())
        factors = np.load(folder / "item_factors.npy", mmap_mode="r", allow_pickle=False)
        products = np.char.decode(np.load(folder / "products.npy", allow_pickle=False), "utf-8").astype(object)
        params = AlsParams(**about["params"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{folder} is not a saved ALS model: {error}; train the recommender again") from error
    if factors.shape != (about["products"], params.columns) or len(products) != len(factors):
        raise ModelError(
            f"{folder}: factors {factors.shape} do not fit {len(products)} products, {params.columns} columns"
        )
    return AlsModel(params, products, factors)
