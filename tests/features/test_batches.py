"""Python inside an engine: columns go by name, whatever their order."""

from collections.abc import Iterator

import pyarrow as pa
from pyspark.sql import SparkSession

from features.batches import map_batches
from features.contract import Column, Contract

COLUMNS = (Column("id", "string", "id"), Column("n", "long", "n"), Column("x", "double", "x"))
OUT = Contract("out", "t", ("id",), COLUMNS)


def test_columns_are_mapped_by_name(spark: SparkSession) -> None:
    """Columns in another order, of a narrower type and with one too many arrive where they belong."""

    def function(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
        for batch in batches:
            n = pa.compute.cast(batch["n"], pa.int32())
            yield pa.table({"extra": n, "x": pa.compute.cast(n, pa.float32()), "id": batch["id"], "n": n})

    df = spark.createDataFrame([("a", 1), ("b", 2)], "id string, n bigint")
    rows = sorted(tuple(r) for r in map_batches(df, function, OUT).collect())
    assert rows == [("a", 1, 1.0), ("b", 2, 2.0)]
