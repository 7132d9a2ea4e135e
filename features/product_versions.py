"""What was known of a product when something happened to it, and at the cut.

A version holds from its `valid_from` until the next one; the first known one reaches back, since a product was
what it was before anybody described it. Versions from the cut on do not exist yet. Versions that differ in other
columns only are one: a price that changes every week would else multiply a join by fifty.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import or_

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.as_of import OPEN_START, AsOf


def versions_at_event(
    frame: DataFrame, products: DataFrame, columns: Sequence[str], as_of: AsOf, any_of: Sequence[str] | None = None
) -> DataFrame:
    """`frame` (with `product_id` and `event_ts`) and the `columns` of its product as they held at the event.

    Rows whose product states none of `any_of` (default: of the columns) at that moment are left out: products
    without colours cost a join with nothing.
    """
    versions = product_versions(products, columns, as_of).where(stated(any_of or columns))
    versions = versions.withColumnRenamed("product_id", "_product_id")
    holds = (
        (F.col("product_id") == F.col("_product_id"))
        & (F.col("event_ts") >= F.col("_from"))
        & (F.col("event_ts") < F.col("_until"))
    )
    return frame.join(F.broadcast(versions), holds, how="inner").drop("_product_id", "_from", "_until")


def versions_at_cut(products: DataFrame, columns: Sequence[str], as_of: AsOf) -> DataFrame:
    """product_id and the `columns` as they hold at the cut, one row per product that states any of them."""
    newest = F.col("_until") == F.lit(as_of.ts)
    return product_versions(products, columns, as_of).where(newest).drop("_from", "_until")


def product_versions(products: DataFrame, columns: Sequence[str], as_of: AsOf) -> DataFrame:
    """product_id, columns, `_from`, `_until`: the spans of time for which a product states any of the columns."""
    always, cut = F.lit(OPEN_START), F.lit(as_of.ts)
    start = F.coalesce(F.col("valid_from"), always)
    known = products.select("product_id", *columns, start.alias("_start")).where(F.col("_start") < cut)
    # most products never change: they need no windows, which take ten times as long as counting
    repeated = known.groupBy("product_id").agg(F.count(F.lit(1)).alias("_versions")).where(F.col("_versions") > 1)
    once = known.join(F.broadcast(repeated), "product_id", how="left_anti").select(
        "product_id", *columns, always.alias("_from"), cut.alias("_until")
    )
    changing = known.join(F.broadcast(repeated), "product_id", how="left_semi")
    return once.unionByName(_as_spans(changing, columns, as_of)).where(stated(columns))


def _as_spans(changing: DataFrame, columns: Sequence[str], as_of: AsOf) -> DataFrame:
    """Versions from `_start` on as spans in which all columns stay the same."""
    # the columns in the order make versions of one moment follow one another the same way on every run; all but the
    # last of them hold for no time at all
    in_time = Window.partitionBy("product_id").orderBy("_start", *[F.col(c).asc_nulls_first() for c in columns])
    changed = [~F.col(c).eqNullSafe(F.lag(c).over(in_time)) for c in columns]
    numbered = changing.withColumn("_n", F.row_number().over(in_time)).withColumn("_changed", reduce(or_, changed))
    return (
        numbered.where((F.col("_n") == 1) | F.col("_changed"))
        .withColumn("_until", F.coalesce(F.lead("_start").over(in_time), F.lit(as_of.ts)))
        .withColumn("_from", F.when(F.col("_n") == 1, F.lit(OPEN_START)).otherwise(F.col("_start")))
        .select("product_id", *columns, "_from", "_until")
    )


def stated(columns: Sequence[str]) -> Column:
    """Whether any of the columns has a value."""
    return reduce(or_, [F.col(c).isNotNull() for c in columns])
