"""What lifetime models are fitted on: how many customers share each (x, t_x, T)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.errors import DataError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PurchaseCounts:
    """Groups of customers with equal histories; arrays of one length, in any unit of time.

    `x` repeat purchases (purchases after the first), `t_x` time of the last of them since the first purchase (0 when
    x is 0), `T` time from the first purchase to the cut, `n` customers in the group.
    """

    x: Floats
    t_x: Floats
    T: Floats
    n: Floats

    @staticmethod
    def of(x: ArrayLike, t_x: ArrayLike, T: ArrayLike, n: ArrayLike | None = None) -> PurchaseCounts:
        """Groups equal rows, in rising order of (x, t_x, T); `DataError` lists what is impossible."""
        a, b, c = (np.asarray(v, dtype=np.float64).reshape(-1) for v in (x, t_x, T))
        weight = np.ones(a.size) if n is None else np.asarray(n, dtype=np.float64).reshape(-1)
        faults = _faults(a, b, c, weight)
        if faults:
            raise DataError("these are no purchase counts: " + "; ".join(faults))
        order = np.lexsort((c, b, a))
        a, b, c = a[order], b[order], c[order]
        changed = (np.diff(a) != 0) | (np.diff(b) != 0) | (np.diff(c) != 0)
        starts = np.flatnonzero(np.concatenate([np.ones(min(1, weight.size), bool), changed]))
        n_grouped = np.add.reduceat(weight[order], starts) if starts.size else np.zeros(0)
        return PurchaseCounts(a[starts], b[starts], c[starts], n_grouped)

    def scaled(self, unit: float) -> PurchaseCounts:
        """The same histories with time counted in units `unit` times as long."""
        return PurchaseCounts(self.x, self.t_x / unit, self.T / unit, self.n)

    def every(self, k: int) -> PurchaseCounts:
        """One in `k` groups, in their order: a systematic sample; itself when k is 1."""
        return self if k <= 1 else PurchaseCounts(self.x[::k], self.t_x[::k], self.T[::k], self.n[::k])

    @property
    def customers(self) -> float:
        """How many customers there are."""
        return float(self.n.sum())

    @property
    def repeaters(self) -> float:
        """How many of them bought again."""
        return float(self.n[self.x > 0].sum())


def _faults(x: Floats, t_x: Floats, T: Floats, n: Floats) -> list[str]:
    if len({x.size, t_x.size, T.size, n.size}) > 1:
        return [f"x, t_x, T and n must be equally long, got {x.size}, {t_x.size}, {T.size}, {n.size}"]
    checks = {
        "a value is not finite": ~np.isfinite(x + t_x + T + n),
        "x is negative or no whole number": (x < 0) | (x != np.floor(x)),
        "t_x is not between 0 and T": (t_x < 0) | (t_x > T),
        "t_x is not 0 where x is 0": (x == 0) & (t_x != 0),
        "n is not above 0": n <= 0,
    }
    return [f"{words} in {int(bad.sum()):,} rows" for words, bad in checks.items() if bad.any()]


def collect_purchase_counts(histories: DataFrame) -> PurchaseCounts:
    """The counts of `features.order_days.histories`, grouped by the engine and brought to the driver."""
    table: pa.Table = histories.groupBy("x", "t_x", "T").agg(F.count(F.lit(1)).alias("n")).toArrow()
    return PurchaseCounts.of(*(_array(table, c) for c in ("x", "t_x", "T", "n")))


def collect_spend(histories: DataFrame, parts: int = 1) -> tuple[Floats, Floats]:
    """Order days and mean amount of an order day per customer with repeat purchases and a mean above 0, sorted.

    `parts` above 1 takes one in so many customers, by hash of their id.
    """
    mean = F.col("amount").cast("double") / F.col("n_days")
    chosen = histories.where((F.col("x") > 0) & (F.col("amount") > 0))
    if parts > 1:
        chosen = chosen.where(F.pmod(F.xxhash64("customer_id"), F.lit(parts)) == 0)
    table: pa.Table = chosen.select(F.col("n_days").alias("n"), mean.alias("mean")).toArrow()
    n, means = _array(table, "n"), _array(table, "mean")
    order = np.lexsort((means, n))
    return n[order], means[order]


def _array(table: pa.Table, name: str) -> NDArray[Any]:
    return np.asarray(table.column(name).combine_chunks().to_numpy(zero_copy_only=False), dtype=np.float64)
