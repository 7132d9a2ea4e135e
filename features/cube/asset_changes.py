"""How the asset cube came from one snapshot to the next, so that an identity change never looks like growth."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.cube.cube_tables import CELL
from features.cube.lineage import CONTINUES, MERGED, SPLIT
from features.windows import MONEY

ZERO = "0.00"


def as_asset_changes(before: DataFrame, after: DataFrame, lineage: DataFrame) -> DataFrame:
    """Rows of `ASSET_CHANGES` without as_of and previous_as_of.

    `before` and `after` are `as_cells` of two snapshots, `lineage` is `as_lineage` of them. Amounts that a merge
    brought along are shown as `merged` out of the old cell and into the cell of the survivor, whose own amount is
    less by them; a split is the same the other way round, with what the new part has now. So over all cells
    `merged` and `split` change no amount, and everything else is what customers did.
    """
    old = before.select(
        F.col("customer_id").alias("old_id"), *[F.col(c).alias(f"old_{c}") for c in (*CELL, "net_amt_365")]
    )
    new = after.select(F.col("customer_id").alias("new_id"), *CELL, F.col("net_amt_365"))
    linked = lineage.join(old, "old_id", how="inner").join(new, "new_id", how="inner")
    split = linked.where(F.col("link") == SPLIT)
    taken = split.groupBy("old_id").agg(F.sum("net_amt_365").cast(MONEY).alias("taken"))
    # who merges may have lost a part to a split before: only the rest comes along
    rest = F.col("old_net_amt_365") - F.coalesce(F.col("taken"), _money(ZERO))
    merged = linked.where(F.col("link") == MERGED).join(taken, "old_id", how="left").withColumn("rest", rest)
    brought = merged.groupBy("new_id").agg(F.sum("rest").cast(MONEY).alias("brought"))
    kept = (
        linked.where(F.col("link") == CONTINUES)
        .join(brought, "new_id", how="left")
        .join(taken, "old_id", how="left")
        .withColumn("change", _change())
    )
    amount, old_amount = F.col("net_amt_365"), F.col("old_net_amt_365")
    parts = [
        _arrivals(kept, F.col("change"), 1, amount - F.coalesce(F.col("brought"), _money(ZERO))),
        _departures(kept, F.col("change"), 1, rest),
        _departures(merged, F.lit(MERGED), 1, F.col("rest")),
        _arrivals(merged, F.lit(MERGED), 0, F.col("rest")),
        _arrivals(split, F.lit(SPLIT), 1, amount),
        _departures(split, F.lit(SPLIT), 0, amount),
        _arrivals(new.join(lineage, "new_id", how="left_anti"), F.lit("new"), 1, amount),
        _departures(old.join(lineage, "old_id", how="left_anti"), F.lit("gone"), 1, old_amount),
    ]
    return (
        reduce(DataFrame.unionByName, parts)
        .groupBy(*CELL, "change")
        .agg(
            *[F.sum(c).cast("bigint").alias(c) for c in ("customers_in", "customers_out")],
            *[F.sum(c).cast(MONEY).alias(c) for c in ("amount_in", "amount_out")],
        )
    )


def _change() -> Column:
    """What became of one who was there before and is there now."""
    entered = F.col("stage") != F.col("old_stage")
    same_cell = reduce(lambda a, b: a & b, [F.col(c) == F.col(f"old_{c}") for c in CELL])
    return (
        F.when(entered & (F.col("stage") == "lapsed"), F.lit("lapsed"))
        .when(entered & (F.col("stage") == "won_back"), F.lit("won_back"))
        .when(same_cell, F.lit("kept"))
        .otherwise(F.lit("moved"))
    )


def _arrivals(rows: DataFrame, change: Column, customers: int, amount: Column) -> DataFrame:
    """Into the cell of now."""
    return _movements(rows, [F.col(c) for c in CELL], change, (customers, 0), (amount, _money(ZERO)))


def _departures(rows: DataFrame, change: Column, customers: int, amount: Column) -> DataFrame:
    """Out of the cell of before."""
    return _movements(rows, [F.col(f"old_{c}").alias(c) for c in CELL], change, (0, customers), (_money(ZERO), amount))


def _movements(
    rows: DataFrame, cell: list[Column], change: Column, customers: tuple[int, int], amounts: tuple[Column, Column]
) -> DataFrame:
    return rows.select(
        *cell,
        change.alias("change"),
        *[F.lit(n).alias(f"customers_{d}") for n, d in zip(customers, ("in", "out"), strict=True)],
        *[a.cast(MONEY).alias(f"amount_{d}") for a, d in zip(amounts, ("in", "out"), strict=True)],
    )


def _money(text: str) -> Column:
    return F.lit(text).cast(MONEY)
