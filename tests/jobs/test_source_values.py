"""Values are read into the type they are judged in, and unreadable ones found by position."""

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest

from features.contract import KINDS
from features.quality import arriving_contract
from features.source_tables import SOURCES
from jobs.source_values import JUDGED, UNREADABLE, read_values

NOON = datetime(2017, 12, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "texts", "values", "bad"),
    [
        ("long", [b"1", b" 2 ", None, b"3.0", b"3.5", b"x", b"9" * 30], [1, 2, None, 3, None, None, None], [4, 5, 6]),
        ("money", [b"1.50", b"-2", b"1e3", b"1,5"], [1.5, -2.0, 1000.0, None], [3]),
        ("bool", [b"true", b"0", b"yes", b"maybe"], [True, False, True, None], [3]),
        ("date", [b"2017-12-04", b"4.12.2017"], [date(2017, 12, 4), None], [1]),
        ("timestamp", [b"2017-12-04T12:00:00Z", b"2017-12-04T20:00:00+08:00"], [NOON, NOON], []),
        ("timestamp", [b"2017-12-04 12:00:00", b"2017-12-04 12:00:00.000"], [NOON, NOON], []),
        ("timestamp", [b"2017-12-04 12:00:00", b"2017-12-04 12:00:00Z", b"noon"], [NOON, NOON, None], [2]),
        ("string", ["买🍎".encode(), b"\xff", b" a "], ["买🍎", None, " a "], [1]),
    ],
)
def test_text(kind: str, texts: list[bytes | None], values: list[Any], bad: list[int]) -> None:
    """CSV text of every kind, with and without faults in the batch."""
    read, found = read_values(pa.array(texts, pa.binary()), kind)
    assert (read.to_pylist(), found) == (values, bad)
    assert read.type == JUDGED[kind]


@pytest.mark.parametrize(
    ("array", "kind", "values", "bad"),
    [
        (pa.array([1, 2], pa.int8()), "long", [1, 2], []),
        (pa.array([2**63], pa.uint64()), "long", [None], [0]),
        (pa.array([1, 2], pa.int32()), "money", [1.0, 2.0], []),
        (pa.array(["1.25"]).cast(pa.decimal128(10, 4)), "money", [1.25], []),
        (pa.array(["a", None]).dictionary_encode(), "string", ["a", None], []),
        (pa.array(["a"], pa.large_string()), "string", ["a"], []),
        (pa.array([NOON.replace(tzinfo=None)], pa.timestamp("ns")), "timestamp", [NOON], []),
        (pa.array([NOON], pa.timestamp("ms", tz="Asia/Shanghai")), "timestamp", [NOON], []),
        (pa.array([10**15, 1], pa.timestamp("s")), "timestamp", [None, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)], [0]),
    ],
)
def test_typed(array: pa.Array, kind: str, values: list[Any], bad: list[int]) -> None:
    """Parquet columns of related types; times that no calendar holds are unreadable."""
    read, found = read_values(array, kind)
    assert (read.to_pylist(), found) == (values, bad)


def test_invalid_utf8_in_a_string_column() -> None:
    """Parquet says string and holds other bytes: Arrow does not look, we do."""
    array = pa.array([b"ok", b"\xff\xfe"], pa.binary()).view(pa.string())
    assert read_values(array, "string")[1] == [1]


def test_every_kind_is_covered() -> None:
    """Each kind of a contract column has a judged type, equal to that of the arriving contract."""
    assert set(JUDGED) == set(KINDS) == set(UNREADABLE)
    for contract in SOURCES:
        for before, after in zip(contract.columns, arriving_contract(contract).columns, strict=False):
            assert JUDGED[before.kind] == after.arrow_type
