"""Reads CSV line by line in blocks: fast where the lines are well formed, and one line at a time where they are not.

`pyarrow.csv` alone stops the whole file at an unclosed quote or at a ragged row with invalid UTF-8. Here every
physical line is one row: it either has the header's number of values or is rejected by itself, with its number.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from features.errors import DataError

BLOCK_LINES = 65_536
BLOCK_BYTES = 32 << 20
LONGEST_LINE = 64 << 20  # bytes


@dataclass(frozen=True)
class CsvBlock:
    """Some lines of a file: `table` holds bytes by column, `lines` the line number of each of its rows.

    `rejects` are lines that are no rows: number, reasons, and the line as a JSON string.
    """

    table: pa.Table
    lines: pa.Array
    rejects: list[tuple[int, list[str], str]]


def read_blocks(path: Path, name: str, columns: list[str]) -> Iterator[CsvBlock]:
    """The rows of a CSV file with the header `columns`; blank lines are skipped and counted nowhere."""
    for numbers, lines in _line_blocks(path, name):
        table = _parse(lines, columns)
        if table is not None:
            yield CsvBlock(table, pa.array(numbers, pa.int64()), [])
        else:
            yield _parse_each(numbers, lines, columns)


def _line_blocks(path: Path, name: str) -> Iterator[tuple[list[int], list[bytes]]]:
    numbers: list[int] = []
    lines: list[bytes] = []
    size = 0
    with path.open("rb") as f:
        f.readline(LONGEST_LINE)  # the header
        number = 1
        while line := f.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise DataError(f"{name}: line {number} is longer than 64 MiB; is it a CSV file?")
            line = line.rstrip(b"\r\n")
            if line:
                numbers.append(number)
                lines.append(line)
                size += len(line)
            if len(lines) >= BLOCK_LINES or size >= BLOCK_BYTES:
                yield numbers, lines
                numbers, lines, size = [], [], 0
    if lines:
        yield numbers, lines


def _parse(lines: list[bytes], columns: list[str]) -> pa.Table | None:
    """All lines at once, or None when one of them is not a row of its own."""
    text = b"\n".join(lines) + b"\n"
    try:
        table = pacsv.read_csv(
            io.BytesIO(text),
            read_options=pacsv.ReadOptions(column_names=columns, use_threads=False, block_size=len(text) + 1),
            parse_options=pacsv.ParseOptions(ignore_empty_lines=False),
            convert_options=pacsv.ConvertOptions(
                check_utf8=False,
                column_types={c: pa.binary() for c in columns},
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except (pa.ArrowException, UnicodeDecodeError):
        return None
    if table.num_rows != len(lines):
        return None
    # a quote left open on one line and closed on a later one hides the lines between
    broken = b'"' in text and any(pc.any(pc.match_substring(c, "\n")).as_py() for c in table.columns)
    return None if broken else table.combine_chunks()


def _parse_each(numbers: list[int], lines: list[bytes], columns: list[str]) -> CsvBlock:
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_LINE))
    kept: list[int] = []
    rows: list[list[bytes | None]] = []
    rejects: list[tuple[int, list[str], str]] = []
    for number, line in zip(numbers, lines, strict=True):
        reason = None
        try:
            values = next(csv.reader([line.decode("utf-8", "surrogateescape")], strict=True), [])
        except csv.Error as e:
            reason = "has a quote that is not closed" if "end of data" in str(e) else "has a stray quote"
        else:
            if len(values) != len(columns):
                reason = f"has {len(values)} values where the header has {len(columns)}"
        if reason:
            rejects.append((number, [f"line {reason}"], json.dumps(line.decode("utf-8", "backslashreplace"))))
        else:
            kept.append(number)
            rows.append([v.encode("utf-8", "surrogateescape") or None for v in values])
    arrays = [pa.array([row[i] for row in rows], pa.binary()) for i in range(len(columns))]
    return CsvBlock(pa.table(arrays, names=columns), pa.array(kept, pa.int64()), rejects)
