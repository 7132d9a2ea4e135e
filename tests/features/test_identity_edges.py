"""Sightings to edges in the engine: states, local days, cuts, and the driver's limit."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from features.as_of import AsOf
from features.errors import DataError
from features.identity_edges import Cuts, as_edges, as_sighting_counts, as_sightings, collect_edges
from features.identity_params import KIND_CODE, LINKING_KINDS

AS_OF = AsOf(date(2025, 3, 20), "Asia/Shanghai")  # the cut is 16:00 UTC on the 19th
DAY = AS_OF.epoch_day
SCHEMA = (
    "account_id string, identifier_kind string, identifier string, event_ts timestamp, available_ts timestamp, "
    "identifier_state string"
)


def sightings(spark: SparkSession, rows: list[tuple[Any, ...]]) -> DataFrame:
    """Rows of account, kind, identifier, event, availability, state."""
    return as_sightings(spark.createDataFrame(rows, SCHEMA), AS_OF)


def at(day: int, hour: int = 4) -> datetime:
    """An hour of March 2025, UTC."""
    return datetime(2025, 3, day, hour, tzinfo=UTC)


def test_states_and_cuts(spark: SparkSession) -> None:
    """Each sighting has one state; usable ones fall on the first cut that knows them, by local days."""
    df = sightings(
        spark,
        [
            ("a", "phone", "n", at(1), at(1), None),  # known before the first cut
            ("a", "phone", " n ", at(2), at(2), "ok"),  # the same value
            ("a", "phone", "n", at(5), at(8), "ok"),  # happened on the 5th, known on the 8th
            ("b", "phone", "n", at(18), None, None),  # no word on availability: known when it happened
            ("b", "email", "", at(1), at(1), None),
            ("b", "email", None, at(1), at(1), None),
            ("b", "email", "x@", at(1), at(1), "malformed"),
            ("b", "phone", "13800138000", at(1), at(1), "blocked"),
            ("c", "phone", "n", at(19, 16), at(19, 16), None),  # at the cut itself
            ("c", "phone", "n", at(18), at(25), None),
            ("c", "openid", "o", at(1), at(1), None),  # never links
        ],
    )
    counts = {(r["identifier_kind"], r["state"]): r["n"] for r in as_sighting_counts(df).collect()}
    assert counts == {("phone", "ok"): 4, ("phone", "blocked"): 1, ("phone", "future"): 2, ("email", "blank"): 2,
                      ("email", "malformed"): 1, ("openid", "ok"): 1}  # fmt: skip
    cuts = Cuts(DAY - 14, 7, DAY)  # the 6th, the 13th, the 20th
    assert cuts.days == [DAY - 14, DAY - 7, DAY]
    table = collect_edges(as_edges(df, cuts, LINKING_KINDS), 3)
    rows = {(r["account_id"], r["cut"]): (r["first_day"] - DAY, r["last_day"] - DAY, r["n"]) for r in table.to_pylist()}
    assert rows == {("a", 0): (-19, -18, 2), ("a", 1): (-15, -15, 1), ("b", 2): (-2, -2, 1)}
    assert len(set(table["value"].to_pylist())) == 1
    assert set(table["kind"].to_pylist()) == {KIND_CODE["phone"]}


def test_the_drivers_limit(spark: SparkSession) -> None:
    """One edge too many is an error that names limit, found and setting."""
    df = sightings(spark, [(a, "phone", "n", at(1), at(1), None) for a in "abc"])
    with pytest.raises(DataError, match=r"3 edges.*the limit is 2.*identity\.max_edges"):
        collect_edges(as_edges(df, Cuts(DAY, 7, DAY), LINKING_KINDS), 2)
