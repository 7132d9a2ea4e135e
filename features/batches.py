"""The one way Python code runs inside an engine: Arrow batches in, a contract's columns out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pyarrow as pa
from pyspark.sql import DataFrame

from features.contract import Contract

BatchFunction = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.Table]]


def map_batches(df: DataFrame, function: BatchFunction, contract: Contract) -> DataFrame:
    """Runs `function` over the Arrow batches of `df`; it yields tables that hold at least the contract's columns.

    Both engines map the columns of `mapInArrow` by position, so the result is selected by name and cast here.
    Batches have no fixed size (1,024 rows on Sail, 10,000 on Spark): the function must not depend on it.
    """
    schema = contract.arrow_schema()
    # nullability is audited on write; engines differ in what they accept here
    schema = pa.schema([f.with_nullable(True) for f in schema])

    def apply(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for table in function(batches):
            yield from table.select(schema.names).cast(schema).combine_chunks().to_batches()

    return df.mapInArrow(apply, contract.ddl())
