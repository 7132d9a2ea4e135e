"""Spans of time for which a product was the same in a few respects: what joins to a log of page views.

A product whose price changes every week has fifty versions a year, but one category: joined by version, each view of
it would be compared with fifty rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import or_

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.as_of import AsOf
from features.product_versions import product_versions


def product_spans(products: DataFrame, columns: Sequence[str], as_of: AsOf) -> DataFrame:
    """product_id, columns, from_us, until_us (exclusive): as `product_versions`, neighbours with equal columns joined.

    Moments are microseconds since 1970-01-01 UTC. A span in which a product states none of the columns is left out.
    """
    versions = product_versions(products, columns, as_of).select(
        "product_id", *columns, F.unix_micros("_from").alias("from_us"), F.unix_micros("_until").alias("until_us")
    )
    return as_spans(versions, columns)


def as_spans(versions: DataFrame, columns: Sequence[str]) -> DataFrame:
    """Versions (product_id, columns, from_us, until_us) with neighbours joined where all columns are equal."""
    in_time = Window.partitionBy("product_id").orderBy("from_us")
    changed = [~F.col(c).eqNullSafe(F.lag(c).over(in_time)) for c in columns]
    begins = F.lag("until_us").over(in_time).isNull() | (F.lag("until_us").over(in_time) != F.col("from_us"))
    marked = versions.where(F.col("from_us") < F.col("until_us")).withColumn(
        "_begins", reduce(or_, changed, begins).cast("int")
    )
    so_far = in_time.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    return (
        marked.withColumn("_span", F.sum("_begins").over(so_far))
        .groupBy("product_id", "_span", *columns)
        .agg(F.min("from_us").alias("from_us"), F.max("until_us").alias("until_us"))
        .drop("_span")
    )


def holds(us: Column) -> Column:
    """Whether a span holds at a moment in microseconds."""
    return (us >= F.col("from_us")) & (us < F.col("until_us"))


def join_spans(frame: DataFrame, spans: DataFrame, us: Column, key: str = "product_id") -> DataFrame:
    """Rows of `frame` (with the key) with the columns of the span that holds at `us`; others are left out."""
    then = spans.withColumnRenamed(key, "_key")
    held = (F.col(key) == F.col("_key")) & holds(us)
    # the embedded engine builds its hash table from the left: the spans are the smaller side
    return F.broadcast(then).join(frame, held, how="inner").drop("_key", "from_us", "until_us")
