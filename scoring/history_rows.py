"""Everything known of a customer in one row of the scoring pass, and its way back into arrays.

One union and one group: each thing known is an entry of the same shape in a list, told apart by `kind`, so that the
pass needs no join however many logs there are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
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
from recommend.sources.store_popular import home_stores
from recommend.tag_rules import KNOWN
from scoring.eligible_items import Knowledge

PURCHASE, VIEW, TAG, EXCLUDED, ADMITTED = range(5)
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
    admitted: DataFrame | None = None,
) -> DataFrame:
    """One row per customer: `customer_id` and `log`, entries (kind, id, day, numbers, store_id) in no order.

    `purchase_days` as from `features.interactions.as_purchase_days`; `views` and `tags` as from
    `scoring/recommender_inputs.py`; `excluded` (customer_id, product_id, perhaps reason) is what must not be
    recommended to whom, `admitted` (customer_id, product_id) what is for her though others may not be shown it;
    neither makes anybody a customer. Who bought nothing has a row where the tag `KNOWN` says that she is there.
    """
    parts = [_entries(purchase_days, PURCHASE)]
    if views is not None:
        parts.append(_entries(views, VIEW))
    if tags is not None:
        parts.append(_entries(tags, TAG))
    if excluded is not None:
        why = {"store_id": F.col("reason")} if "reason" in excluded.columns else {}
        parts.append(_entries(excluded.withColumns(why) if why else excluded, EXCLUDED))
    if admitted is not None:
        parts.append(_entries(admitted, ADMITTED))
    entries = reduce(lambda a, b: a.unionByName(b), parts)
    rows = entries.groupBy("customer_id").agg(
        F.collect_list("entry").alias("log"),
        F.max(F.when(_makes_a_customer(), F.lit(1))).alias("_there"),
    )
    return rows.where(F.col("_there") == 1).drop("_there")


def _makes_a_customer() -> Column:
    """Whether an entry shows that somebody is a customer: passing visitors view pages, and rules name anybody."""
    kind = F.col("entry.kind")
    return (kind == PURCHASE) | ((kind == TAG) & (F.col("entry.id") == KNOWN))


def _entries(rows: DataFrame, kind: int) -> DataFrame:
    """`customer_id` and `entry` of each row; columns that `rows` lacks are null."""
    there = set(rows.columns)

    def column(name: str, otherwise: str) -> Column:
        return F.col(name) if name in there else F.lit(None).cast(otherwise)

    entry = F.struct(
        F.lit(kind).alias("kind"),
        F.col("product_id").alias("id"),
        F.unix_date(column("day", "date")).alias("day"),
        *(column(n, "double").cast("double").alias(n) for n in NUMBERS),
        column("store_id", "string").alias("store_id"),
    )
    return rows.select("customer_id", entry.alias("entry"))


def batch_histories(axes: Axes, batch: pa.RecordBatch, cut: int) -> tuple[Histories, Ints]:
    """Histories of a batch of `as_histories`, and sorted keys of what is excluded; what the model does not know is
    dropped."""
    log = _Log.of(batch)
    customers, n = as_objects(batch["customer_id"].to_pylist()), len(axes.products)
    h = build_histories(
        customers,
        n,
        cut,
        log.who(PURCHASE),
        log.place(PURCHASE, axes.products),
        *(log.numbers(PURCHASE, name) for name in ("day", "orders", "quantity", "amount")),
        list_amount=log.numbers(PURCHASE, "list_amount"),
        store=log.place(PURCHASE, axes.stores, "store_id"),
        seen=build_seen(
            cut,
            log.who(VIEW),
            log.place(VIEW, axes.products),
            *(log.numbers(VIEW, x) for x in ("day", "quantity", "amount")),
        ),
        tagged=build_tagged(
            cut, log.who(TAG), log.place(TAG, axes.tags), log.numbers(TAG, "day"), log.numbers(TAG, "amount")
        ),
    )
    return h, np.unique(log.keys(EXCLUDED, axes.products)[0])


def batch_knowledge(axes: Axes, batch: pa.RecordBatch, h: Histories, attributes: Collection[str]) -> Knowledge:
    """What the rules on products need of the same batch: the latest value of each attribute, and rules on herself."""
    log = _Log.of(batch)
    values = {name: np.full(h.n, None, dtype=object) for name in attributes}
    if "store" in values:
        home = home_stores(h)
        values["store"][home >= 0] = as_objects([*axes.stores])[home[home >= 0]]
    names, code = _distinct(log.texts(TAG, "id"))
    who, day = log.who(TAG), log.numbers(TAG, "day")
    kinds = [name.partition(":") for name in names]
    for name in values.keys() - {"store"}:
        mine = np.array([kind == name and colon == ":" for kind, colon, _ in kinds] + [False], dtype=bool)
        rows = np.flatnonzero(mine[code])
        rank = np.argsort(np.argsort(as_objects(names), kind="stable")) if len(names) else code
        order = rows[np.lexsort((rank[code[rows]], day[rows], who[rows]))]
        # written in order of time: the last one stays
        values[name][who[order]] = as_objects([value for _, _, value in kinds])[code[order]]
    denied, rows = log.keys(EXCLUDED, axes.products)
    denied, first = np.unique(denied, return_index=True)
    because = as_objects(log.texts(EXCLUDED, "store_id").take(pa.array(rows[first])).to_pylist())
    admitted = np.unique(log.keys(ADMITTED, axes.products)[0])
    return Knowledge(values, denied, because, admitted)


@dataclass(frozen=True)
class _Log:
    """The entries of a batch, all customers' after one another; `owner` is each entry's row."""

    owner: Ints
    entries: pa.StructArray
    rows: Mapping[int, Ints]

    @staticmethod
    def of(batch: pa.RecordBatch) -> _Log:
        lists = batch["log"]
        length = np.asarray(lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False), dtype=np.int64)
        entries = lists.flatten()
        kind = entries.field("kind").to_numpy(zero_copy_only=False)
        rows = {k: np.flatnonzero(kind == k) for k in (PURCHASE, VIEW, TAG, EXCLUDED, ADMITTED)}
        return _Log(np.repeat(np.arange(len(lists)), length), entries, rows)

    def who(self, kind: int) -> Ints:
        return self.owner[self.rows[kind]]

    def texts(self, kind: int, name: str) -> pa.Array:
        return self.entries.field(name).take(pa.array(self.rows[kind]))

    def numbers(self, kind: int, name: str) -> NDArray:
        return np.asarray(pc.fill_null(self.texts(kind, name), 0).to_numpy(zero_copy_only=False))

    def place(self, kind: int, known: Mapping[str, int], name: str = "id") -> Ints:
        return _positions(self.texts(kind, name), known)

    def keys(self, kind: int, products: Mapping[str, int]) -> tuple[Ints, Ints]:
        """customer * n_items + item of the known products, and which of the entries of that kind they are."""
        at = self.place(kind, products)
        rows = np.flatnonzero(at >= 0)
        return self.who(kind)[rows] * len(products) + at[rows], rows


def _distinct(texts: pa.Array) -> tuple[list[str], Ints]:
    """Distinct texts, and which of them each is; -1 for none."""
    encoded = texts.dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)


def _positions(ids: pa.Array, known: Mapping[str, int]) -> Ints:
    """Position of each id, -1 where unknown; distinct ids are looked up once."""
    names, code = _distinct(ids)
    return np.array([known.get(v, -1) for v in names] + [-1], dtype=np.int64)[code]
