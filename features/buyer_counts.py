"""A sample of the customers, taken by the engine, and counts of buyers over all of them.

What is learned from a sample must still say truly how many customers bought a product: those counts are aggregates of
the engine and small, one row per product and cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

BUCKETS = 1_000_000
RECENT = (7, 28, 56)  # days
NEW_DAYS = 28
COUNTS = (*(f"pop{days}" for days in RECENT), f"new{NEW_DAYS}", "buyers")
NEVER = {"since": 0.0, "idle": np.inf}  # days of an item that was never sold
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class BuyerCounts:
    """Customers who bought before a cut: `customers` any item, and per item (arrays (n_items,), float32) those of the
    last 7, 28 and 56 days, those whose first purchase of it was in the last 28, and all; beside them the days from its
    first (`since`, 0: never sold) and its last sale (`idle`, inf: never sold) to the cut."""

    customers: int
    pop7: NDArray[np.float32]
    pop28: NDArray[np.float32]
    pop56: NDArray[np.float32]
    new28: NDArray[np.float32]
    buyers: NDArray[np.float32]
    since: NDArray[np.float32]
    idle: NDArray[np.float32]


def count_customers(purchase_days: DataFrame) -> DataFrame:
    """One row, one column `customers`."""
    return purchase_days.select("customer_id").distinct().agg(F.count(F.lit(1)).alias("customers"))


def filter_sample(rows: DataFrame, share: float, seed: int) -> DataFrame:
    """The rows of about that share of the customers, by hash of `customer_id` and seed.

    Who is in it does not depend on who else is a customer, and a larger share holds a smaller one.
    """
    bucket = F.pmod(F.xxhash64(F.lit(f"sample {seed}"), F.col("customer_id")), F.lit(BUCKETS))
    return rows.where(bucket < F.lit(round(share * BUCKETS)))


def as_buyer_counts(purchase_days: DataFrame, cuts: Sequence[date], item: str = "product_id") -> DataFrame:
    """One row per value of `item`, and one where it is null for any item: for each cut `COUNTS`, as `pop7_0` and so on,
    and the days `since_0` and `idle_0` from the first and the last sale, null without one.

    A purchase counts at a cut when it happened before it and, where `known_day` is there, was known before it.
    """
    known = "known_day" if "known_day" in purchase_days.columns else "day"
    days = purchase_days.select("customer_id", F.col(item).alias("item"), "day", F.col(known).alias("known"))
    anything = days.withColumn("item", F.lit(None).cast("string"))
    span = []
    for number, cut in enumerate(cuts):
        before = (F.col("day") < F.lit(cut)) & (F.col("known") < F.lit(cut))
        seen = F.when(before, F.unix_date("day"))
        span += [F.min(seen).alias(f"first_{number}"), F.max(seen).alias(f"last_{number}")]
    pairs = days.unionByName(anything).groupBy("customer_id", "item").agg(*span)
    counts = []
    for number, cut in enumerate(cuts):
        first, last, day = F.col(f"first_{number}"), F.col(f"last_{number}"), (cut - EPOCH).days
        when = [last >= F.lit(day - days) for days in RECENT] + [first >= F.lit(day - NEW_DAYS), first.isNotNull()]
        counts += [
            F.sum(F.when(condition, F.lit(1)).otherwise(F.lit(0))).cast("bigint").alias(f"{name}_{number}")
            for name, condition in zip(COUNTS, when, strict=True)
        ]
        counts += [
            (F.lit(day) - F.min(first)).alias(f"since_{number}"),
            (F.lit(day) - F.max(last)).alias(f"idle_{number}"),
        ]
    return pairs.groupBy("item").agg(*counts)


def collect_buyer_counts(
    purchase_days: DataFrame, cuts: Sequence[date], item: str = "product_id"
) -> tuple[list[str], Mapping[int, BuyerCounts]]:
    """Sorted items ever bought, and the counts on that axis at each cut (keyed by days since 1970-01-01)."""
    table = as_buyer_counts(purchase_days, cuts, item).toArrow().to_pydict()
    place = {name: i for i, name in enumerate(table["item"])}
    items = sorted(name for name in place if name is not None)
    order = np.array([place[name] for name in items], dtype=np.int64)
    found: dict[int, BuyerCounts] = {}
    for number, cut in enumerate(cuts):
        columns = {n: np.asarray(table[f"{n}_{number}"], dtype=np.float32)[order] for n in (*COUNTS, *NEVER)}
        for name, never in NEVER.items():
            columns[name] = np.nan_to_num(columns[name], nan=never, posinf=never)
        customers = table[f"buyers_{number}"][place[None]] if None in place else 0
        found[(cut - EPOCH).days] = BuyerCounts(int(customers), **columns)
    return items, found


def on_axis(counts: BuyerCounts, items: Sequence[str], axis: NDArray[np.object_]) -> BuyerCounts:
    """The counts of `items` (sorted) at the positions of `axis` (sorted ids), those of no sale where nobody bought."""
    known = np.array(items, dtype=object)
    at = np.minimum(np.searchsorted(known, axis), max(len(known) - 1, 0))
    there = known[at] == axis if len(known) else np.zeros(len(axis), dtype=bool)

    def moved(name: str) -> NDArray[np.float32]:
        out = np.full(len(axis), NEVER.get(name, 0.0), dtype=np.float32)
        out[there] = getattr(counts, name)[at[there]]
        return out

    return BuyerCounts(counts.customers, **{name: moved(name) for name in (*COUNTS, *NEVER)})
