"""Reads one column of a delivered batch into the type it is judged in, and finds the values that cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

FIRST_US = -62_135_596_800_000_000  # 0001-01-01 in microseconds; beyond these Python and the engines have no time
LAST_US = 253_402_300_799_999_999  # 9999-12-31
UTC_US = pa.timestamp("us", tz="UTC")
# kind of a contract column -> Arrow type it is judged in (see `arriving_contract`)
JUDGED = {
    "string": pa.string(),
    "int": pa.int64(),
    "long": pa.int64(),
    "double": pa.float64(),
    "money": pa.float64(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "timestamp": UTC_US,
    "strings": pa.list_(pa.string()),
}
UNREADABLE = {
    "string": "is not valid UTF-8",
    "int": "is not a whole number",
    "long": "is not a whole number",
    "double": "is not a number",
    "money": "is not a number",
    "bool": "is not true or false",
    "date": "is not a date such as 2017-12-04",
    "timestamp": "is not a time such as 2017-12-04T05:00:00Z in the years 1 to 9999",
    "strings": "is not a list of texts",
}
BOOLS = {"true": True, "t": True, "yes": True, "1": True, "false": False, "f": False, "no": False, "0": False}


def read_values(arriving: pa.Array, kind: str) -> tuple[pa.Array, list[int]]:
    """`arriving` as the type that columns of `kind` are judged in, and the positions that cannot be read (null there).

    Bytes are the text of a CSV value. Times without a zone are UTC; nanoseconds are cut to microseconds.
    """
    if pa.types.is_dictionary(arriving.type):
        arriving = arriving.dictionary_decode()
    if pa.types.is_timestamp(arriving.type):
        return _times(arriving)
    from_text = pa.types.is_binary(arriving.type) and kind != "string"
    try:
        return (_cast_text if from_text else _cast)(arriving, kind), []
    except (pa.ArrowInvalid, UnicodeDecodeError):
        return _one_by_one(arriving, kind)


def _cast(arriving: pa.Array, kind: str) -> pa.Array:
    target = JUDGED[kind]
    if kind == "string":
        # Arrow trusts the file that text is UTF-8; only a cast from bytes looks
        small = arriving.cast(pa.binary())
        return small.cast(target)
    if kind in ("double", "money"):
        return arriving.cast(target, safe=False)
    return arriving.cast(target)


def _cast_text(arriving: pa.Array, kind: str) -> pa.Array:
    text = pc.utf8_trim_whitespace(arriving.cast(pa.string()))
    if kind != "timestamp":
        return text.cast(JUDGED[kind])
    try:
        return _within_calendar(text.cast(UTC_US))
    except pa.ArrowInvalid:
        return _within_calendar(text.cast(pa.timestamp("us")).cast(UTC_US))


def _within_calendar(times: pa.Array) -> pa.Array:
    if _outside(times.cast(pa.int64()), FIRST_US, LAST_US):
        raise pa.ArrowInvalid("outside the calendar")
    return times


def _outside(numbers: pa.Array, low: int, high: int) -> list[int]:
    mask = pc.or_(pc.less(numbers, low), pc.greater(numbers, high))
    return pc.indices_nonzero(pc.fill_null(mask, False)).to_pylist()


def _times(arriving: pa.Array) -> tuple[pa.Array, list[int]]:
    """Times of any unit to microseconds; a coarser unit can hold times that microseconds cannot."""
    per_second = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}[arriving.type.unit]
    low, high = FIRST_US * per_second // 1_000_000, LAST_US * per_second // 1_000_000
    numbers = arriving.cast(pa.int64())
    bad = [] if per_second == 1_000_000_000 else _outside(numbers, low, high)
    if bad:
        keep = pa.array([i not in set(bad) for i in range(len(arriving))])
        arriving = pc.if_else(keep, arriving, pa.scalar(None, arriving.type))
    if arriving.type.tz is None:
        return arriving.cast(pa.timestamp("us"), safe=False).cast(UTC_US), bad
    return arriving.cast(UTC_US, safe=False), bad


def _one_by_one(arriving: pa.Array, kind: str) -> tuple[pa.Array, list[int]]:
    raw = arriving.cast(pa.binary()) if pa.types.is_string(arriving.type) else arriving
    raw = raw.cast(pa.large_binary()) if pa.types.is_large_string(arriving.type) else raw
    values: list[Any] = []
    bad: list[int] = []
    for i, value in enumerate(raw.to_pylist()):
        try:
            text = value.decode("utf-8") if isinstance(value, bytes) else value
            values.append(None if text is None else READERS[kind](text))
        except (ValueError, TypeError, OverflowError, KeyError):
            values.append(None)
            bad.append(i)
    return pa.array(values, JUDGED[kind]), bad


def _whole(value: Any) -> int:
    number = int(value) if not isinstance(value, str) or value.strip().lstrip("+-").isdigit() else float(value)
    if number != int(number) or abs(number) >= 2**63:
        raise ValueError(value)
    return int(number)


def _time(value: str) -> datetime:
    moment = datetime.fromisoformat(value.strip())
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


READERS: dict[str, Callable[[Any], Any]] = {
    "string": str,
    "int": _whole,
    "long": _whole,
    "double": float,
    "money": float,
    "bool": lambda v: BOOLS[v.strip().lower()],
    "date": lambda v: date.fromisoformat(v.strip()),
    "timestamp": _time,
    "strings": list,
}
