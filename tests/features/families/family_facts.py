"""Facts of rows written in a test, and what a plain loop reads of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from pyspark.sql import DataFrame, SparkSession

from features.as_of import AsOf
from features.definitions import FeatureParams
from features.facts import Facts
from features.output_tables import CUSTOMER_MAP
from features.source_tables import SOURCES
from tests.features.purchase_world import AS_OF, Row, as_self, frame

CONTRACTS = {c.name: c for c in (*SOURCES, CUSTOMER_MAP)}


def facts_of(
    spark: SparkSession,
    sources: Mapping[str, Iterable[Row]],
    as_of: AsOf = AS_OF,
    params: FeatureParams | None = None,
    customer_map: list[Row] | None = None,
) -> Facts:
    """The sources as facts; each account is its own customer unless a map is given. What is not named is not delivered.

    Intermediate frames are held in memory, so that each is computed once.
    """
    accounts = {r["account_id"] for rows in sources.values() for r in rows if r.get("account_id")}
    tables: dict[str, Iterable[Row]] = {**sources, "customer_map": customer_map or as_self(accounts)}
    tables = {"transactions": [], "products": [], **tables}
    frames = {name: frame(spark, CONTRACTS[name], rows) for name, rows in tables.items()}
    return Facts(frames, as_of, params or FeatureParams(), lambda name, df: held(spark, df))


def held(spark: SparkSession, df: DataFrame) -> DataFrame:
    """The frame, computed, as one of rows in memory."""
    table = df.toArrow()
    return spark.createDataFrame(table) if table.num_rows else spark.createDataFrame([], df.schema)


def family_rows(frames: Iterable[DataFrame]) -> dict[str, Row]:
    """customer_id -> all columns of a family's frames that have a row of her."""
    found: dict[str, Row] = {}
    for df in frames:
        rows = [r.asDict() for r in df.collect()]
        assert len({r["customer_id"] for r in rows}) == len(rows), "one row per customer"
        for r in rows:
            found.setdefault(r.pop("customer_id"), {}).update(r)
    return found


def bucketed(df: DataFrame, *keys: str) -> dict[tuple[str, ...], Row]:
    """Rows of a companion by customer and bucket, without the numbers of the snapshot (`_no`)."""
    rows = [{k: v for k, v in r.asDict().items() if not k.endswith("_no")} for r in df.collect()]
    found = {tuple(r.pop(k) for k in ("customer_id", *keys)): r for r in rows}
    assert len(found) == len(rows), "one row per customer and bucket"
    return found


def known(rows: Iterable[Row], as_of: AsOf = AS_OF, days: int | None = None) -> list[Row]:
    """Rows of a log before the cut, by event and by availability, and of the last so many days."""
    start = as_of.plus(-days).ts if days is not None else None
    return [
        r
        for r in rows
        if r["event_ts"] < as_of.ts
        and r["available_ts"] is not None
        and r["available_ts"] < as_of.ts
        and (start is None or r["event_ts"] >= start)
    ]


def days_ago(row: Row, as_of: AsOf = AS_OF, column: str = "event_ts") -> int:
    """Local days from a row's moment to the cut."""
    moment: Any = row[column]
    return int((as_of.day - moment.astimezone(ZoneInfo(as_of.time_zone)).date()).days)
