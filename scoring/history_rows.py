"""Everything known of a customer in one row of the scoring pass, and its way back into arrays.

One union and one group: each thing known is an entry of the same shape in a list, told apart by `kind`, so that the
pass needs no join however many logs there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from recommend.catalogue import as_objects
from recommend.histories import Histories, Ints, build_histories
from recommend.signals import build_seen, build_tagged

PURCHASE, VIEW, TAG, EXCLUDED, CUSTOMER = range(5)
NUMBERS = ("orders", "quantity", "amount", "list_amount")


@dataclass(frozen=True)
class Axes:
    """Position of each product, store and tag that the model knows."""

    products: Mapping[str, int]
    stores: Mapping[str, int]
    tags: Mapping[str, int]


def as_histories(
    purchase_days: DataFrame,
    excluded: DataFrame | None = None,
    *,
    views: DataFrame | None = None,
    tags: DataFrame | None = None,
    customers: DataFrame | None = None,
) -> DataFrame:
    """One row per customer: `customer_id` and `log`, entries (kind, id, day, numbers, store_id) in no order.

    `purchase_days` as from `features.interactions.as_purchase_days`; `views` and `tags` as from
    `scoring/recommender_inputs.py`; `excluded` (customer_id, product_id) is what must not be recommended to whom: not
    eligible, out of stock, already offered; `customers` (customer_id) gives a row to those of whom nothing is known.
    """
    parts = [_entries(purchase_days, PURCHASE, "product_id")]
    if views is not None:
        parts.append(_entries(views, VIEW, "product_id"))
    if tags is not None:
        parts.append(_entries(tags, TAG, "product_id"))
    if excluded is not None:
        parts.append(_entries(excluded, EXCLUDED, "product_id"))
    if customers is not None:
        parts.append(_entries(customers, CUSTOMER, None))
    entries = reduce(lambda a, b: a.unionByName(b), parts)
    return entries.groupBy("customer_id").agg(F.collect_list("entry").alias("log"))


def _entries(rows: DataFrame, kind: int, what: str | None) -> DataFrame:
    """`customer_id` and `entry` of each row; columns that `rows` lacks are null."""
    there = set(rows.columns)

    def column(name: str, otherwise: str) -> Column:
        return F.col(name) if name in there else F.lit(None).cast(otherwise)

    entry = F.struct(
        F.lit(kind).alias("kind"),
        (F.lit(None).cast("string") if what is None else F.col(what)).alias("id"),
        F.unix_date(column("day", "date")).alias("day"),
        *(column(n, "double").cast("double").alias(n) for n in NUMBERS),
        column("store_id", "string").alias("store_id"),
    )
    return rows.select("customer_id", entry.alias("entry"))


def batch_histories(axes: Axes, batch: pa.RecordBatch, cut: int) -> tuple[Histories, Ints]:
    """Histories of a batch of `as_histories`, and sorted keys of what is excluded; what the model does not know is
    dropped."""
    customers = as_objects(batch["customer_id"].to_pylist())
    lists = batch["log"]
    length = np.asarray(lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False), dtype=np.int64)
    who, log = np.repeat(np.arange(len(lists)), length), lists.flatten()
    kind = log.field("kind").to_numpy(zero_copy_only=False)
    rows = {k: np.flatnonzero(kind == k) for k in (PURCHASE, VIEW, TAG, EXCLUDED)}
    ids, store = log.field("id"), log.field("store_id")

    def of(k: int, name: str) -> NDArray:
        values = log.field(name).take(pa.array(rows[k]))
        return np.asarray(pc.fill_null(values, 0).to_numpy(zero_copy_only=False))

    def place(k: int, known: Mapping[str, int], column: pa.Array = ids) -> Ints:
        return _positions(column.take(pa.array(rows[k])), known)

    n = len(axes.products)
    h = build_histories(
        customers,
        n,
        cut,
        who[rows[PURCHASE]],
        place(PURCHASE, axes.products),
        *(of(PURCHASE, name) for name in ("day", "orders", "quantity", "amount")),
        list_amount=of(PURCHASE, "list_amount"),
        store=place(PURCHASE, axes.stores, store),
        seen=build_seen(
            cut, who[rows[VIEW]], place(VIEW, axes.products), *(of(VIEW, x) for x in ("day", "quantity", "amount"))
        ),
        tagged=build_tagged(cut, who[rows[TAG]], place(TAG, axes.tags), of(TAG, "day"), of(TAG, "amount")),
    )
    at = place(EXCLUDED, axes.products)
    return h, np.unique((who[rows[EXCLUDED]] * n + at)[at >= 0])


def _positions(ids: pa.Array, known: Mapping[str, int]) -> Ints:
    """Position of each id, -1 where unknown; distinct ids are looked up once."""
    encoded = ids.dictionary_encode()
    place = np.array([known.get(v, -1) for v in encoded.dictionary.to_pylist()] + [-1], dtype=np.int64)
    codes = encoded.indices.fill_null(len(place) - 1).to_numpy(zero_copy_only=False)
    return place[codes]
