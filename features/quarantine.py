"""What the rules refused, as it was delivered, in a table that many may read: private values are cut out."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator
from datetime import date
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.batches import map_batches
from features.contract import Column, Contract

# where a row came from; also the total order that says which of two rows is the first
PLACE = (
    Column("source_file", "string", "file it was delivered in"),
    Column("source_row", "long", "row in that file, from 1; in CSV the line number, its header being 1", low=1),
)


def quarantine_contract(contract: Contract) -> Contract:
    """The table that keeps what the source of `contract` delivered and the rules refused; text, so that all fits."""
    return Contract(
        f"quarantine_{contract.name}",
        f"Rows of {contract.name} that broke a rule, as delivered, with the reasons.",
        ("source_file", "source_row"),
        (
            *PLACE,
            Column("reasons", "strings", "rules the row breaks"),
            Column("row", "string", "the row as JSON; a CSV line that could not be read is one JSON string"),
            Column("batch_id", "string", "the delivery: a digest of the table's files"),
        ),
        role="internal",
    )


def as_quarantine(judged: DataFrame, contract: Contract, batch_id: str) -> DataFrame:
    """The rows that broke a rule, in the columns of `quarantine_contract(contract)`."""
    names, private = contract.names, contract.private_names

    def to_json(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
        for batch in batches:
            rows = batch.select(names).to_pylist()
            yield pa.table(
                {
                    "source_file": batch["source_file"],
                    "source_row": batch["source_row"],
                    "reasons": batch["broken"],
                    "row": pa.array([row_as_json(without_values(r, private)) for r in rows], pa.string()),
                    "batch_id": pa.array([batch_id] * len(rows), pa.string()),
                }
            )

    bad = judged.where(F.size("broken") > 0)
    return map_batches(bad, to_json, quarantine_contract(contract))


def without_values(row: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    """The row with the named values replaced by their length, for tables that many may read."""
    return {k: left_out(v) if k in names else v for k, v in row.items()}


def left_out(value: Any) -> str | None:
    """What stands in place of a value that must not be shown.

    >>> left_out("13812345678"), left_out(b"ab"), left_out(None)
    ('(11 characters left out)', '(2 bytes left out)', None)
    """
    if value is None:
        return None
    unit = "bytes" if isinstance(value, bytes) else "characters"
    return f"({len(value)} {unit} left out)" if isinstance(value, bytes | str) else "(left out)"


def row_as_json(row: dict[str, Any]) -> str:
    """One row as JSON; what JSON cannot hold (NaN, dates, raw bytes) as text.

    >>> row_as_json({"amount": float("nan"), "order_id": "a"})
    '{"amount": "nan", "order_id": "a"}'
    """
    return json.dumps({k: _plain(v) for k, v in row.items()}, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, date):  # and datetime
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return value if value is None or isinstance(value, str | int | bool) else str(value)
