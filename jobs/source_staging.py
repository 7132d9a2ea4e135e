"""Turns delivered files into Parquet of one known shape, batch by batch, without losing a row.

Engines differ in what they do with nanoseconds, invalid UTF-8, ragged CSV rows and unreadable numbers (from a
wrong value to a stop of the whole job). So each value is read here: a row that cannot be read goes to the rejects
with its reason, every other one to the staged files, and in = staged + rejected is checked against the footers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from features.contract import Contract
from features.errors import DataError
from features.identifiers import Pseudonymiser
from features.quality import arriving_contract
from features.quarantine import left_out, quarantine_contract, row_as_json
from features.source_tables import ACCOUNTS
from jobs.csv_lines import read_blocks
from jobs.file_checks import SourceFile
from jobs.source_files import Source
from jobs.source_privacy import SET_ON_INGEST, is_sensitive, pseudonymised, shown
from jobs.source_values import UNREADABLE, read_values

BATCH_ROWS = 65_536

Reject = tuple[int, list[str], str]  # row in its file, reasons, the row as JSON


@dataclass(frozen=True)
class StagedSource:
    """A source ready for an engine: `rows_file` in the shape of `arriving_contract`, `rejects_file` as quarantine.

    Both are None without a row, since engines differ on empty files.
    """

    source: Source
    rows_file: Path | None
    rejects_file: Path | None
    rows: int
    rejected: int

    @property
    def rows_in(self) -> int:
        """Rows delivered."""
        return self.rows + self.rejected


class _Output:
    """A Parquet file that appears with its first row."""

    def __init__(self, path: Path, contract: Contract) -> None:
        # nullability is judged by the rules, not by the writer
        self.schema = pa.schema([f.with_nullable(True) for f in contract.arrow_schema()])
        self.path: Path = path
        self.rows = 0
        self._writer: pq.ParquetWriter | None = None

    def write(self, table: pa.Table) -> None:
        if table.num_rows:
            if self._writer is None:
                self._writer = pq.ParquetWriter(self.path, self.schema, compression="zstd")
            self._writer.write_table(table.select(self.schema.names).cast(self.schema))
            self.rows += table.num_rows

    def close(self) -> Path | None:
        if self._writer is None:
            return None
        self._writer.close()
        return self.path


class _Staging:
    """One source on its way into the two outputs."""

    def __init__(self, source: Source, folder: Path, hashes: Pseudonymiser | None) -> None:
        self.source = source
        self.hashes = hashes
        self.skipped = SET_ON_INGEST if hashes else ()  # whatever a source says of these, we say it
        self.staged = _Output(folder / "rows.parquet", arriving_contract(source.contract))
        self.rejects = _Output(folder / "rejects.parquet", quarantine_contract(source.contract))

    @property
    def rows(self) -> int:
        return self.staged.rows + self.rejects.rows

    def parquet(self, file: SourceFile) -> None:
        names = [n for n in file.schema.names if n in self.source.contract.names and n not in self.skipped]
        start = 1
        with pq.ParquetFile(file.path) as parquet:
            for batch in parquet.iter_batches(BATCH_ROWS, columns=names, use_threads=False):
                places = pa.array(range(start, start + batch.num_rows), pa.int64())
                self._batch(pa.table(batch), places, file.name)
                start += batch.num_rows

    def csv(self, file: SourceFile) -> None:
        names = list(file.schema.names)
        for block in read_blocks(file.path, file.name, names):
            self._reject([(n, why, self._line(text)) for n, why, text in block.rejects], file.name)
            self._batch(block.table.drop_columns([n for n in self.skipped if n in names]), block.lines, file.name)

    def _batch(self, table: pa.Table, places: pa.Array, name: str) -> None:
        """Reads the values of one batch; rows with an unreadable one are rejected as they came."""
        columns: dict[str, pa.Array] = {}
        bad: dict[int, list[str]] = {}
        for c in self.source.contract.columns:
            if c.name not in table.column_names:
                columns[c.name] = pa.nulls(table.num_rows, self.staged.schema.field(c.name).type)
                continue
            arriving = table[c.name].combine_chunks()
            columns[c.name], unreadable = read_values(arriving, c.kind)
            for i in unreadable:
                bad.setdefault(i, []).append(f"{c.name} {UNREADABLE[c.kind]}")
        if self.hashes is not None:
            columns |= pseudonymised(columns, self.hashes)
        columns |= {"source_file": pa.array([name] * table.num_rows, pa.string()), "source_row": places}
        staged = pa.table(columns)
        if bad:
            rows = sorted(bad)
            delivered = _as_delivered(table.take(rows), [n for n in table.column_names if n in columns])
            clean = {n: columns[n].take(pa.array(rows)).to_pylist() for n in table.column_names if n in columns}
            numbers = places.take(pa.array(rows)).to_pylist()
            texts = [
                row_as_json(shown(self.source.contract, row, {n: clean[n][j] for n in clean}))
                for j, row in enumerate(delivered)
            ]
            self._reject([(n, bad[i], text) for n, i, text in zip(numbers, rows, texts, strict=True)], name)
            staged = staged.filter(pa.array([i not in bad for i in range(table.num_rows)]))
        self.staged.write(staged)

    def _line(self, text: str) -> str:
        """A line that is no row, as JSON; where it may hold what must not be shown, its length."""
        return json.dumps(left_out(json.loads(text))) if is_sensitive(self.source.contract) else text

    def _reject(self, rejects: list[Reject], name: str) -> None:
        rows: list[dict[str, Any]] = [
            {"source_file": name, "source_row": n, "reasons": why, "row": row, "batch_id": self.source.batch_id}
            for n, why, row in rejects
        ]
        self.rejects.write(pa.Table.from_pylist(rows, schema=self.rejects.schema))


def stage_source(source: Source, folder: Path, hashes: Pseudonymiser | None = None) -> StagedSource:
    """Reads every file of `source` once and writes its rows under `folder`, identifiers replaced by `hashes`.

    Raises `DataError` naming the file when its content cannot be decoded or its rows do not add up.
    """
    if hashes is None and source.contract.name == ACCOUNTS.name:
        raise DataError("accounts cannot be read without a way to hash their identifiers")
    folder.mkdir(parents=True, exist_ok=True)
    staging = _Staging(source, folder, hashes if source.contract.name == ACCOUNTS.name else None)
    try:
        for file in source.files:
            before = staging.rows
            try:
                (staging.csv if file.is_csv else staging.parquet)(file)
            except (pa.ArrowException, OSError) as e:
                raise DataError(f"{file.name} is damaged and was read up to row {staging.rows - before:,}: {e}") from e
            read = staging.rows - before
            if file.rows is not None and read != file.rows:
                raise DataError(
                    f"{file.name}: its footer says {file.rows:,} rows, {read:,} were read; deliver it again"
                )
    finally:
        files = staging.staged.close(), staging.rejects.close()
    return StagedSource(source, *files, rows=staging.staged.rows, rejected=staging.rejects.rows)


def _as_delivered(table: pa.Table, names: list[str]) -> list[dict[str, Any]]:
    """Rows by column, with text that is not UTF-8 kept as bytes and times beyond the calendar as numbers."""
    columns: dict[str, list[Any]] = {}
    for name in names:
        values = table[name].combine_chunks()
        if pa.types.is_dictionary(values.type):
            values = values.dictionary_decode()
        if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
            values = values.cast(pa.large_binary())
        elif pa.types.is_timestamp(values.type):
            values = values.cast(pa.int64())
        columns[name] = values.to_pylist()
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
