"""Sealing: files that an engine wrote become durable and known byte for byte, before anybody may read them.

Neither Spark nor delta-rs calls fsync, so we must.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable

from features.contract import Contract
from features.errors import LakeError
from jobs.digests import file_sha256

MANIFEST = "_MANIFEST.json"


@dataclass(frozen=True)
class SealedFile:
    """One data file: path relative to the table, rows from its footer, size in bytes, SHA-256."""

    path: str
    rows: int
    size: int
    sha256: str


def filled_columns(path: Path) -> set[str]:
    """The columns of a Parquet file that hold any value, by its footer; without statistics a column counts."""
    footer = pq.read_metadata(path)
    filled = set()
    for group in (footer.row_group(i) for i in range(footer.num_row_groups)):
        for column in (group.column(i) for i in range(group.num_columns)):
            stated = column.statistics is not None and column.statistics.has_null_count
            if not stated or column.statistics.null_count < group.num_rows:
                filled.add(column.path_in_schema.partition(".")[0])
    return filled


def seal(folder: Path, table_root: Path, contract: Contract) -> list[SealedFile]:
    """Reads every footer, checks the schema, hashes and fsyncs each file and the folder, writes the manifest.

    Empty files are removed: they carry no row and some readers trip over them. Raises `ContractError` when a
    file does not match the contract.
    """
    sealed = []
    for path in sorted(folder.glob("*.parquet")):
        footer = pq.read_metadata(path)
        if any(c.physical_type == "INT96" for c in (footer.schema.column(i) for i in range(len(footer.schema)))):
            raise LakeError(
                f"{path} holds INT96 timestamps; set spark.sql.parquet.outputTimestampType=TIMESTAMP_MICROS"
            )
        contract.check_schema(footer.schema.to_arrow_schema(), str(path))
        if footer.num_rows == 0:
            path.unlink()
            continue
        digest = file_sha256(path)
        fsync(path)
        sealed.append(SealedFile(path.relative_to(table_root).as_posix(), footer.num_rows, path.stat().st_size, digest))
    manifest = folder / MANIFEST
    manifest.write_text(json.dumps({"table": contract.name, "files": [asdict(f) for f in sealed]}, indent=1))
    for path in (manifest, folder, folder.parent, table_root):
        fsync(path)
    return sealed


def check_files(table: DeltaTable, actions: list[dict[str, object]], table_root: Path, name: str) -> list[Path]:
    """The local paths of a version's files, each proved present and of the committed size.

    Engines skip missing and empty files without a word, so this is done before they look.
    """
    paths, faults = [], []
    for action in actions:
        path = table_root / str(action["path"])
        if not path.exists():
            faults.append(f"{path} is missing")
        elif path.stat().st_size != action["size_bytes"]:
            faults.append(f"{path} has {path.stat().st_size:,} bytes, committed with {action['size_bytes']:,}")
        paths.append(path)
    if faults:
        raise LakeError(
            f"table {name}, version {table.version()}, is damaged:\n  - "
            + "\n  - ".join(faults)
            + f"\n  roll back with `nextbest tables rollback {name}`, or run the step that writes it again"
        )
    return paths


def write_one_file(table: pa.Table, folder: Path) -> None:
    """Writes an Arrow table as one Parquet file, the way the engines' files look."""
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / "part-0.parquet", compression="zstd")


def fsync(path: Path) -> None:
    """Makes a file's content, or a folder's entries, survive a power cut."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
