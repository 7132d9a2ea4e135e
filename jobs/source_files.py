"""Finds the files of the source tables and checks each one before an engine opens it.

A sources folder holds, per table, `<table>.parquet`, `<table>.csv` or a folder `<table>/` of such files. Engines
skip empty and missing files without a word, so magic bytes, footers and row counts are looked at here, and all
faults of all tables are told at once.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from features.contract import Contract, nearest
from features.errors import ContractError, DataError, NextbestError

SUFFIXES = (".parquet", ".csv")
MAGIC = b"PAR1"
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


@dataclass(frozen=True)
class Source:
    """The files that deliver one table."""

    contract: Contract
    files: tuple[SourceFile, ...]

    @property
    def batch_id(self) -> str:
        """Names this delivery by its content: equal files give an equal id."""
        text = "\n".join(f"{f.name} {f.size} {f.sha256}" for f in self.files)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def ignored_columns(self) -> list[str]:
        """Columns that are there but not in the contract."""
        return sorted({n for f in self.files for n in f.schema.names} - set(self.contract.names))


class FileFault(Exception):
    """One file cannot be used; collected into the error that names them all."""


def find_sources(folder: Path, contracts: Iterable[Contract]) -> tuple[dict[str, Source], list[str]]:
    """The sources found in `folder` by table name, and notes for the operator.

    Raises one `NextbestError` that lists every fault of every table: `ContractError` when only columns are
    wrong, else `DataError`.
    """
    folder = Path(folder)
    contracts = list(contracts)
    if not folder.is_dir():
        raise DataError(
            f"the sources folder {folder} does not exist or is not a folder; name one that holds a Parquet or CSV "
            "file per table with --sources, or run `nextbest demo`"
        )
    sources: dict[str, Source] = {}
    notes: list[str] = []
    file_faults: list[str] = []
    column_faults: list[str] = []
    for contract in contracts:
        try:
            paths = _paths(folder, contract)
        except FileFault as e:
            file_faults.append(str(e))
            continue
        if not paths:
            if contract.required:
                file_faults.append(_missing(folder, contract))
            else:
                notes.append(f"{contract.name}: not there; what needs it is switched off")
            continue
        files, faults = _check_all(paths, folder)
        file_faults += faults
        column_faults += _column_faults(contract, files)
        source = Source(contract, tuple(files))
        if source.ignored_columns:
            notes.append(f"{contract.name}: ignored columns not in the contract: {', '.join(source.ignored_columns)}")
        sources[contract.name] = source
    notes += _strangers(folder, [c.name for c in contracts])
    if file_faults or column_faults:
        kind: type[NextbestError] = DataError if file_faults else ContractError
        lines = "\n".join(f"  - {f}" for f in file_faults + column_faults)
        hints = "".join(f"\n  {n}" for n in notes if "did you mean" in n)
        raise kind(
            f"the sources in {folder} cannot be used; nothing was written:\n{lines}{hints}\n"
            "  `nextbest tables describe TABLE` lists the columns expected"
        )
    return sources, notes


def _paths(folder: Path, contract: Contract) -> list[Path]:
    """The files of one table, sorted by name."""
    here = [p for p in (folder / f"{contract.name}{s}" for s in SUFFIXES) if p.is_file()]
    subfolder = folder / contract.name
    if subfolder.is_dir():
        inside = sorted(p for p in subfolder.iterdir() if not p.name.startswith((".", "_")))
        for p in inside:
            if p.is_dir():
                raise FileFault(f"{contract.name}: {subfolder.name}/{p.name} is a folder; put the files side by side")
            if p.suffix not in SUFFIXES:
                raise FileFault(f"{contract.name}: {subfolder.name}/{p.name} is not Parquet or CSV, by its name")
        if len({p.suffix for p in inside}) > 1:
            raise FileFault(f"{contract.name}: the folder {subfolder.name}/ mixes Parquet and CSV; keep one of them")
        if here and inside:
            here.append(subfolder)
        elif inside:
            return inside
    if len(here) > 1:
        found = " and ".join(p.name for p in here)
        raise FileFault(f"{contract.name}: found {found}; keep one, so that no row is counted twice")
    return here


def _missing(folder: Path, contract: Contract) -> str:
    places = ", ".join(f"{contract.name}{s}" for s in SUFFIXES)
    return (
        f"{contract.name}: required and missing; looked for {places} and files in {contract.name}/ in {folder}. "
        "Put the table there, or name another folder with --sources"
    )


def _check_all(paths: list[Path], folder: Path) -> tuple[list[SourceFile], list[str]]:
    files: list[SourceFile] = []
    faults: list[str] = []
    for path in paths:
        try:
            files.append(check_file(path, str(path.relative_to(folder))))
        except FileFault as e:
            faults.append(str(e))
    return files, faults


def check_file(path: Path, name: str) -> SourceFile:
    """Looks at one file's bytes and footer; raises `FileFault` with a sentence that names it."""
    try:
        size = path.stat().st_size
        with path.open("rb") as f:
            head = f.read(4)
            f.seek(max(size - 4, 0))
            tail = f.read(4)
            f.seek(0)
            sha256 = hashlib.file_digest(f, "sha256").hexdigest()
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
        raise FileFault(f"{name}: has two columns called {', '.join(twice)}")
    return pa.schema([pa.field(n, pa.binary()) for n in names])


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type without its encoding: a dictionary column (a pandas category) is its values' type."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _column_faults(contract: Contract, files: list[SourceFile]) -> list[str]:
    """What is wrong with the columns, told for the first file, and every file that differs from the first."""
    faults = [
        f"{f.name}: {difference}"
        for f in files[:1]
        for difference in contract.differences(_typed(contract, f), partial=True)
    ]
    for f in files[1:]:
        differences = list(_disagreements(files[0].schema, f.schema, set(contract.names)))
        if differences:
            faults.append(f"{f.name} and {files[0].name} disagree: {'; '.join(differences)}")
    return faults


def _typed(contract: Contract, file: SourceFile) -> pa.Schema:
    """The schema to compare: CSV has names only; a column of nulls without a type is as good as left out."""
    if file.is_csv:
        known = {c.name: c.arrow_type for c in contract.columns}
        return pa.schema([pa.field(n, known.get(n, pa.string())) for n in file.schema.names])
    return pa.schema([f for f in file.schema if not pa.types.is_null(f.type)])


def _disagreements(first: pa.Schema, other: pa.Schema, names: set[str]) -> Iterator[str]:
    a, b = ({f.name: f.type for f in s if f.name in names} for s in (first, other))
    for name in sorted(a.keys() | b.keys()):
        if name not in a or name not in b:
            yield f"column {name!r} is {'missing in' if name in a else 'only in'} the former"
        elif a[name] != b[name] and not (pa.types.is_null(a[name]) or pa.types.is_null(b[name])):
            yield f"column {name!r} is {b[name]} in the former and {a[name]} in the latter"


def _strangers(folder: Path, tables: list[str]) -> list[str]:
    """Notes on entries that belong to no table."""
    notes = []
    for p in sorted(folder.iterdir()):
        stem = p.name.split(".")[0]
        known = stem in tables and (p.is_dir() or p.suffix in SUFFIXES)
        if known or p.name.startswith((".", "_")):
            continue
        if stem in tables:
            notes.append(f"{p.name} is ignored: {stem} is read from .parquet or .csv only")
        else:
            notes.append(f"{p.name} is ignored: no table is called {stem}{nearest(stem, tables)}")
    return notes
