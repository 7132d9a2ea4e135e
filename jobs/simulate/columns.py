"""Columns of Arrow tables from arrays of numbers, without a Python loop over rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from jobs.simulate.draws import bits

Array = np.ndarray[Any, Any]

DAY_US = 86_400_000_000
MINUTE_US = 60_000_000
ZONE_HOURS = 8  # Asia/Shanghai has no summer time
MONEY = pa.decimal128(18, 2)
STAMP = pa.timestamp("us", tz="UTC")
_HEX = np.frombuffer("".join(f"{i:04x}" for i in range(65536)).encode(), dtype="<u4")


def hex_words(numbers: Array, prefix: str = "") -> pa.Array:
    """`prefix` and 16 hexadecimal digits per 64-bit number, as an Arrow string array.

    >>> hex_words(np.array([1, 255], np.uint64), "o-").to_pylist()
    ['o-0000000000000001', 'o-00000000000000ff']
    """
    n, lead = len(numbers), prefix.encode()
    quarters = np.ascontiguousarray(numbers).astype(">u8").view(">u2").reshape(n, 4)
    text = _HEX[quarters].view(np.uint8).reshape(n, 16)
    if lead:
        whole = np.empty((n, len(lead) + 16), np.uint8)
        whole[:, : len(lead)] = np.frombuffer(lead, np.uint8)
        whole[:, len(lead) :] = text
        text = whole
    offsets = np.arange(n + 1, dtype=np.int32) * np.int32(len(lead) + 16)
    return pa.StringArray.from_buffers(n, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(text)))


def ids(seed: int, purpose: str, prefix: str, *numbers: Array | int) -> pa.Array:
    """Identifiers that tell nothing of the numbers behind them: the Arrow counterpart of `draws.opaque_ids`."""
    return hex_words(np.atleast_1d(bits(seed, f"id:{purpose}", *numbers)), prefix)


def utc(first_day: date, day: Array | int, minute: Array | float = 0, second: Array | int = 0) -> Array:
    """Microseconds since 1970 in UTC of a local day (counted from `first_day`), minute of the day and second."""
    start = (first_day.toordinal() - date(1970, 1, 1).toordinal()) * DAY_US - ZONE_HOURS * 3_600_000_000
    moment = (
        np.asarray(day).astype(np.int64) * DAY_US + np.floor(np.asarray(minute) * 60.0).astype(np.int64) * 1_000_000
    )
    return start + moment + np.asarray(second).astype(np.int64) * 1_000_000


def stamps(us: Array, missing: Array | None = None) -> pa.Array:
    """Timestamps from microseconds since 1970 in UTC; null where `missing`."""
    return pa.array(np.asarray(us, np.int64), pa.int64(), mask=missing).view(STAMP)


def dates(first_day: date, day: Array, missing: Array | None = None) -> pa.Array:
    """Dates from days counted from `first_day`; null where `missing`."""
    start = first_day.toordinal() - date(1970, 1, 1).toordinal()
    return pa.array(np.asarray(day).astype(np.int32) + np.int32(start), pa.int32(), mask=missing).view(pa.date32())


def money(amount: Array, missing: Array | None = None) -> pa.Array:
    """Amounts rounded to cents, as decimal(18,2); null where `missing`."""
    cents = np.rint(np.asarray(amount, np.float64) * 100).astype(np.int64)
    wide = np.empty((len(cents), 2), np.int64)
    wide[:, 0], wide[:, 1] = cents, cents >> 63
    valid = None if missing is None else pa.py_buffer(np.packbits(~missing, bitorder="little"))
    return pa.Array.from_buffers(MONEY, len(cents), [valid, pa.py_buffer(wide)])


def words(known: Sequence[str | None], code: Array) -> pa.Array:
    """The word of each code as a dictionary array; null where the code is negative. `known` holds no word twice."""
    code = np.asarray(code)
    missing = code < 0
    index = pa.array(code.astype(np.int32), mask=missing if missing.any() else None)
    return pa.DictionaryArray.from_arrays(index, pa.array(known, pa.string()))


def constant(word: str | None, n: int) -> pa.Array:
    """The same word `n` times."""
    return words((word or "",), np.full(n, 0 if word is not None else -1))


def encoded(strings: pa.Array) -> pa.DictionaryArray:
    """`strings` as a dictionary array."""
    if isinstance(strings, pa.ChunkedArray):
        strings = strings.combine_chunks()
    return strings if pa.types.is_dictionary(strings.type) else strings.dictionary_encode()


def taken(strings: pa.Array, row: Array) -> pa.Array:
    """`strings[row]`, as a dictionary array; null where the row is negative."""
    coded = encoded(strings)
    missing = row < 0
    index = pa.array(np.asarray(row, np.int64), mask=missing if missing.any() else None)
    return coded.take(index)


def or_null(values: pa.Array, missing: Array) -> pa.Array:
    """`values` with null where `missing`."""
    return values.take(pa.array(np.arange(len(values)), mask=missing))


def numbers(values: Array, kind: pa.DataType, missing: Array | None = None) -> pa.Array:
    """Numbers of the type `kind`; null where `missing`."""
    return pa.array(values, mask=missing).cast(kind)


def table(columns: Mapping[str, pa.Array], rows: Array | None = None) -> pa.Table:
    """The columns as a table, with only `rows` in that order if given."""
    whole = pa.table(dict(columns))
    return whole if rows is None else whole.take(pa.array(rows))


def order_by(us: Array, tie: Array) -> Array:
    """Rows by time (to the second) and then by `tie` (64 random bits), so that order tells nothing else."""
    if not len(us):
        return np.empty(0, np.int64)
    second = ((us - us.min()) // 1_000_000).astype(np.uint64)
    room = np.uint64(64 - int(second.max()).bit_length())
    key = second << room if room < 64 else np.zeros(len(us), np.uint64)
    key = key | (tie.astype(np.uint64) >> (np.uint64(64) - room) if room else np.uint64(0))
    return np.argsort(key, kind="stable")


def expand(counts: Array) -> tuple[Array, Array]:
    """Row of the owner and position among hers, for `counts` rows per owner.

    >>> [a.tolist() for a in expand(np.array([2, 0, 1]))]
    [[0, 0, 2], [0, 1, 0]]
    """
    counts = np.asarray(counts, np.int64)
    owner = np.repeat(np.arange(len(counts)), counts)
    start = np.repeat(np.cumsum(counts) - counts, counts)
    return owner, np.arange(len(owner)) - start


def rank_in(*groups: Array) -> Array:
    """Position of each row among the rows of its group, in row order.

    >>> rank_in(np.array([5, 7, 5, 5])).tolist()
    [0, 0, 1, 2]
    """
    if not len(groups[0]):
        return np.empty(0, np.int64)
    order = np.lexsort(groups[::-1])  # stable
    new = np.zeros(len(order), bool)
    for group in groups:
        new[1:] |= group[order][1:] != group[order][:-1]
    place = np.arange(len(order))
    start = np.maximum.accumulate(np.where(new, place, 0))
    rank = np.empty(len(order), np.int64)
    rank[order] = place - start
    return rank
