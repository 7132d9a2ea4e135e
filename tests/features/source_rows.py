"""Good rows of every source table in arriving form, made from the contracts' examples, to be spoilt by tests."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from features.contract import Contract
from features.quality import arriving_contract
from features.source_tables import SOURCES

BY_NAME = {c.name: c for c in SOURCES}


def as_value(kind: str, written: Any) -> Any:
    """A value of an example (JSON) as Python holds it in arriving form."""
    if written is None:
        return None
    if kind == "timestamp":
        return datetime.fromisoformat(str(written)).astimezone(UTC)
    if kind == "date":
        return date.fromisoformat(str(written))
    return float(written) if kind in ("money", "double") else written


def good_row(table: str, **changes: Any) -> dict[str, Any]:
    """The example of a table, changed; changes are written as in JSON."""
    contract = BY_NAME[table]
    written = contract.example | changes
    return {n: as_value(contract.column(n).kind, v) for n, v in written.items()}


def arriving(spark: SparkSession, table: str, rows: list[dict[str, Any]]) -> DataFrame:
    """Rows of `good_row` as a frame in arriving form, placed in file f.csv from row 1."""
    contract: Contract = arriving_contract(BY_NAME[table])
    placed = [row | {"source_file": "f.csv", "source_row": i} for i, row in enumerate(rows, start=1)]
    return spark.createDataFrame([tuple(r.get(n) for n in contract.names) for r in placed], contract.ddl())
