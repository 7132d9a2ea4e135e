"""Checks one source file by its bytes, footer and header, before an engine opens it.

Engines skip empty files without a word and say of a damaged one neither its name nor what to do.
"""

from __future__ import annotations

import csv
import hashlib
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

SUFFIXES = (".parquet", ".csv")
MAGIC = b"PAR1"
SETTLED_SECONDS = 2.0
# first bytes -> what people rename to .csv or .parquet by mistake
OTHER_FORMATS = {b"PK\x03\x04": "a zip or Excel file", b"\x1f\x8b": "a gzip file", b"Obj\x01": "Avro", b"ORC": "ORC"}


@dataclass(frozen=True)
class SourceFile:
    """One file that passed its checks. `rows` is the footer's count (None for CSV, which has none)."""

    path: Path
    name: str  # relative to the sources folder; what operators see
    schema: pa.Schema
    size: int
    sha256: str
    rows: int | None

    @property
    def is_csv(self) -> bool:
        """Whether the file is text."""
        return self.path.suffix == ".csv"


class FileFault(Exception):
    """One file cannot be used; collected into the error that names them all."""


def check_file(path: Path, name: str) -> SourceFile:
    """Looks at one file's bytes and footer; raises `FileFault` with a sentence that names it."""
    try:
        about = path.stat()
        size = about.st_size
        # a file that changed just now could change again within its time stamp
        settled = time.time() - about.st_mtime > SETTLED_SECONDS
        sha256 = (_digest if settled else _digest.__wrapped__)(path, size, about.st_mtime_ns, about.st_ino)
        with path.open("rb") as f:
            head = f.read(4)
            f.seek(max(size - 4, 0))
            tail = f.read(4)
    except OSError as e:
        raise FileFault(f"{name}: cannot be read ({e.strerror}); check that it is there and readable") from e
    if size == 0:
        raise FileFault(f"{name}: is empty (0 bytes); deliver it again")
    other = next((what for magic, what in OTHER_FORMATS.items() if head.startswith(magic)), None)
    if other:
        raise FileFault(f"{name}: is not Parquet or CSV but {other}; export the table as one of them")
    if path.suffix == ".csv":
        if head == MAGIC:
            raise FileFault(f"{name}: is Parquet, named .csv; rename it to .parquet")
        return SourceFile(path, name, _csv_header(path, name), size, sha256, None)
    if head != MAGIC:
        raise FileFault(
            f"{name}: is not Parquet or CSV: it is named .parquet and starts with {head!r}; export it again"
        )
    if size < 12 or tail != MAGIC:
        raise FileFault(f"{name}: is a truncated Parquet file ({size:,} bytes, without a footer); deliver it again")
    schema, rows = _footer(path, name, size)
    return SourceFile(path, name, schema, size, sha256, rows)


@lru_cache(maxsize=4096)
def _digest(path: Path, size: int, changed_ns: int, inode: int) -> str:
    """SHA-256 of a file; a delivery is looked at more than once in a run, and an unchanged file is read once."""
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def _footer(path: Path, name: str, size: int) -> tuple[pa.Schema, int]:
    try:
        meta = pq.read_metadata(path)
        schema = pa.schema([pa.field(f.name, plain_type(f.type)) for f in meta.schema.to_arrow_schema()])
    except (pa.ArrowException, OSError) as e:
        raise FileFault(f"{name}: has a damaged Parquet footer ({e}); deliver it again") from e
    for g in range(meta.num_row_groups):
        for c in range(meta.num_columns):
            chunk = meta.row_group(g).column(c)
            start = min(chunk.data_page_offset, chunk.dictionary_page_offset or chunk.data_page_offset)
            if chunk.num_values and (start < 4 or start + chunk.total_compressed_size > size):
                raise FileFault(f"{name}: column {chunk.path_in_schema!r} lies outside the file; deliver it again")
    if len(set(schema.names)) < len(schema.names):
        raise FileFault(f"{name}: has two columns of the same name")
    return schema, meta.num_rows


def _csv_header(path: Path, name: str) -> pa.Schema:
    with path.open("rb") as f:
        line = f.readline(1 << 20)
    try:
        names = next(csv.reader([line.decode("utf-8-sig").rstrip("\r\n")]), [])
    except (UnicodeDecodeError, csv.Error) as e:
        raise FileFault(f"{name}: its first line is not a CSV header in UTF-8 ({e}); export it as UTF-8") from e
    if "\0" in "".join(names):
        raise FileFault(f"{name}: is not Parquet or CSV: its first line holds NUL; export it as UTF-8 CSV")
    if len(names) == 1:
        for separator, word in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
            if separator in names[0]:
                raise FileFault(f"{name}: its columns are separated by {word}; export it with commas")
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        # by place, not by name: without a header line these are values, perhaps somebody's number
        places = ", ".join(str(i) for i, n in enumerate(names, start=1) if n in twice)
        raise FileFault(f"{name}: columns {places} have equal names; is its first line a header?")
    return pa.schema([pa.field(n, pa.binary()) for n in names])


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type without its encoding: a dictionary column (a pandas category) is its values' type."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind
