"""Top-K inside the engine: histories in, lists out, one Arrow batch at a time, no join and no shuffle.

    lists = map_batches(histories, score_batches(engine.ship(folder), k=20), FACTOR_LISTS)

Factors are opened by path inside the worker (memory-mapped, once per process), never carried in the closure. Each
customer is folded in from her own history, so a list does not depend on the batch she came in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from features.batches import BatchFunction
from features.contract import Column, Contract
from features.errors import ModelError
from recommend.fold_in import FoldIn, fold_in
from recommend.item_blocks import ItemBlocks, Positions, Scores
from recommend.topk import top_k

FACTOR_LISTS = Contract(
    "factor_lists",
    "Best products of each customer by item factors, before any list rule.",
    ("customer_id", "rank"),
    (
        Column("customer_id", "string", "customer"),
        Column("rank", "int", "1 is best", low=1),
        Column("product_id", "string", "product"),
        Column("score", "double", "inner product of customer and item factors, 6 decimals"),
    ),
    role="internal",
)

CUSTOMERS_AT_ONCE = 4096


@dataclass(frozen=True)
class Factors:
    """Item factors as they are used: prepared blocks, the fold-in problem, and ids in the order of positions."""

    items: ItemBlocks
    model: FoldIn
    products: pa.Array


@lru_cache(maxsize=4)
def open_factors(folder: str) -> Factors:
    """Opens what `models.als.save_als` wrote; `ModelError` when it is not that. Cached per process and path."""
    path = Path(folder)
    try:
        params = json.loads((path / "als.json").read_text("utf-8"))["params"]
        item_factors = np.load(path / "item_factors.npy", mmap_mode="r", allow_pickle=False)
        ids = np.load(path / "products.npy", allow_pickle=False)
        # one thread: the gram matrix is then the same on every machine and worker
        with threadpool_limits(limits=1, user_api="blas"):
            model = FoldIn(item_factors, params["alpha"], params["regularization"], params["bias"])
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{folder} is not a saved factor model: {error}; train the recommender again") from error
    if len(ids) != len(item_factors):
        raise ModelError(f"{folder}: {len(ids)} ids for {len(item_factors)} item factors; train the recommender again")
    products = pa.array(np.char.decode(ids, "utf-8").tolist(), pa.string())
    return Factors(ItemBlocks.of(item_factors, params["bias"]), model, products)


def score_batches(folder: Callable[[], str], k: int, exclude_seen: bool = True) -> BatchFunction:
    """A function for `map_batches` over rows (customer_id, product_ids, weights), giving `FACTOR_LISTS`.

    `folder()` is the model's path inside the worker. `weights` are those of training (decayed and squeezed). Unknown
    products are passed over. With `exclude_seen` the products of the history are kept out of the list.
    """

    def score(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
        factors = open_factors(folder())
        with threadpool_limits(limits=1):
            for whole in batches:
                # an engine's batch may hold tens of thousands of customers
                for first in range(0, whole.num_rows, CUSTOMERS_AT_ONCE):
                    batch = whole.slice(first, CUSTOMERS_AT_ONCE)
                    weights = history_matrix(batch, factors.products)
                    customers = fold_in(factors.model, weights)
                    positions, scores = top_k(factors.items, customers, k, weights if exclude_seen else None)
                    yield as_lists(batch["customer_id"], positions, scores, factors.products)

    return score


def history_matrix(batch: pa.RecordBatch, products: pa.Array) -> csr_matrix:
    """(rows, n_products) weights from the list columns `product_ids` and `weights`; unknown products are left out.

    Without a column `weights` all are 1: enough to exclude by.
    """
    lists = batch["product_ids"]
    position = pc.index_in(lists.flatten(), value_set=products)
    length = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(False)
    # copies: Arrow's memory cannot be sorted in place
    column = np.array(position.fill_null(-1).to_numpy(False), dtype=np.int32)
    if "weights" in batch.schema.names:
        data = np.array(batch["weights"].flatten().to_numpy(False), dtype=np.float32)
    else:
        data = np.ones(len(column), dtype=np.float32)
    known = column >= 0
    end = np.cumsum(length)
    if not known.all():
        end = np.concatenate([[0], np.cumsum(known)])[end]
        column, data = column[known], data[known]
    ends = np.concatenate([[0], end]).astype(np.int32)
    matrix = csr_matrix((data, column, ends), shape=(batch.num_rows, len(products)))
    matrix.sum_duplicates()
    return matrix


def as_lists(customer_id: pa.Array, positions: Positions, scores: Scores, products: pa.Array) -> pa.Table:
    """Rows of `FACTOR_LISTS` from (n, k) positions and scores; unused places are left out."""
    row, place = np.nonzero(positions >= 0)
    return pa.table(
        {
            "customer_id": customer_id.take(pa.array(row)),
            "rank": pa.array(place + 1, pa.int32()),
            "product_id": products.take(pa.array(positions[row, place])),
            "score": pa.array(scores[row, place]),
        }
    )
