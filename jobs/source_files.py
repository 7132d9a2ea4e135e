"""Finds the files of the source tables and checks each one before an engine opens it.

A sources folder holds, per table, `<table>.parquet`, `<table>.csv` or a folder `<table>/` of such files. Engines
skip empty and missing files without a word, so magic bytes, footers and row counts are looked at here, and all
faults of all tables are told at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from features.contract import Contract, nearest
from features.errors import ContractError, DataError, NextbestError
from features.source_needs import WHAT_NEEDS
from jobs.file_checks import SUFFIXES, FileFault, SourceFile, check_file


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
                notes.append(f"{contract.name}: not there; switched off: {WHAT_NEEDS[contract.name]}")
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
