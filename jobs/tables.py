"""The lake: Delta tables by write, audit, publish. No engine is needed to read it.

Each table is a folder `<lake>/<table>/` with `data/<attempt>/*.parquet` and a Delta log. The engine writes plain
Parquet, the files are sealed and audited, and one commit makes them visible. Readers pin one version.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.schema import Schema
from deltalake.transaction import AddAction, Transaction, create_table_with_add_actions
from pyspark.sql import DataFrame, SparkSession

from features.contract import Contract, nearest
from features.errors import ConflictError, LakeError
from jobs.sealing import SealedFile, check_files, filled_columns, fsync, seal, write_one_file

OURS = "nextbest"  # key of our metadata in a commit
ROLLBACK = "rollback"  # the step that a commit made by `restore` carries


@dataclass(frozen=True)
class Commit:
    """What a table's commit says of itself. `as_of` is None for tables that are replaced or appended as a whole."""

    version: int
    timestamp: int  # milliseconds since the epoch
    run_id: str
    step: str
    attempt_id: str
    rows: int
    as_of: str | None
    note: str


@dataclass(frozen=True)
class Staged:
    """Files written and sealed, not yet visible."""

    contract: Contract
    files: list[SealedFile]
    as_of: date | None
    note: str = ""  # for the commit
    part: Mapping[str, str] = field(default_factory=dict)  # which part of the snapshot, for a contract with `parts`

    @property
    def partition(self) -> dict[str, str]:
        """Partition columns and the values that the files hold, and that a commit replaces."""
        return {"as_of": str(self.as_of), **self.part} if self.contract.mode == "snapshot" else {}

    @property
    def rows(self) -> int:
        """Rows in all files."""
        return sum(f.rows for f in self.files)


class Lake:
    """Tables under one root folder on a local file system."""

    def __init__(self, root: Path, contracts: Mapping[str, Contract]) -> None:
        """Opens the lake; `LakeError` when the root is an object store or cannot be written."""
        if "://" in str(root) or ":/" in str(root):
            raise LakeError(
                f"lake {root}: object stores are not supported yet (no fsync, locks or SQLite); use a folder"
            )
        self.root = root.absolute()
        self.contracts = contracts

    def check_writable(self) -> None:
        """`LakeError` unless files can be made under the root, which is created when missing."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            probe = self.root / f".probe-{os.getpid()}"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as e:
            raise LakeError(f"lake {self.root} is not writable: {e.strerror}; choose another with --lake") from e

    def contract(self, name: str) -> Contract:
        """The contract of `name`; `LakeError` naming the nearest table when there is none."""
        if name not in self.contracts:
            raise LakeError(f"there is no table {name!r}{nearest(name, self.contracts)}; `nextbest tables` lists them")
        return self.contracts[name]

    def _folder(self, name: str) -> Path:
        return self.root / self.contract(name).name

    def table(self, name: str, version: int | None = None) -> DeltaTable | None:
        """The Delta table at a version (the last by default), or None when it was never written."""
        folder = self._folder(name)
        if not (folder / "_delta_log").is_dir():
            return None
        try:
            return DeltaTable(str(folder), version=version)
        except TableNotFoundError:
            return None
        except (DeltaError, OSError) as e:
            raise LakeError(f"table {name}, version {version}: {e}") from e

    def require(self, name: str, version: int | None = None) -> DeltaTable:
        """As `table`, and `LakeError` when the table was never written."""
        table = self.table(name, version)
        if table is None:
            raise LakeError(f"table {name} is not in lake {self.root} yet; `nextbest run` writes it")
        return table

    # Reading

    def files(self, name: str, version: int | None = None, as_of: date | None = None) -> list[Path]:
        """Checked local paths of a version's files, of one `as_of` where given."""
        table = self.require(name, version)
        actions = pa.table(table.get_add_actions(flatten=True)).to_pylist()
        if as_of is not None and self.contract(name).mode == "snapshot":
            actions = [a for a in actions if str(a["partition.as_of"]) == str(as_of)]
        return check_files(table, actions, self._folder(name), name)

    def read(self, spark: SparkSession, name: str, version: int | None = None, as_of: date | None = None) -> DataFrame:
        """A pinned version as a DataFrame with the contract's schema."""
        contract = self.contract(name)
        files = self.files(name, version, as_of)
        if not files:
            return spark.createDataFrame([], contract.ddl())
        return spark.read.schema(contract.ddl()).parquet(*[str(f) for f in files])

    def arrow(self, name: str, version: int | None = None, as_of: date | None = None) -> pa.Table:
        """A pinned version as an Arrow table, without an engine."""
        schema = self.contract(name).arrow_schema()
        files = self.files(name, version, as_of)
        return (
            ds.dataset([str(f) for f in files], schema=schema, format="parquet").to_table()
            if files
            else schema.empty_table()
        )

    def bounds(self, name: str, column: str, version: int | None = None) -> tuple[Any, Any]:
        """Smallest and largest value of a column; (None, None) for an empty table."""
        files = [str(f) for f in self.files(name, version)]
        if not files:
            return None, None
        low_high = [pc.min_max(ds.dataset(f).to_table(columns=[column])[column]).as_py() for f in files]
        lows = [b["min"] for b in low_high if b["min"] is not None]
        highs = [b["max"] for b in low_high if b["max"] is not None]
        return min(lows, default=None), max(highs, default=None)

    def filled_columns(self, name: str, version: int | None = None) -> set[str]:
        """The columns of a version that hold any value, as its files' footers say."""
        filled: set[str] = set()
        for path in self.files(name, version):
            filled |= filled_columns(path)
        return filled

    def dates(self, name: str) -> list[date]:
        """The `as_of` dates that a snapshot table holds, oldest first."""
        table = self.table(name)
        if table is None:
            return []
        return sorted({date.fromisoformat(str(p["as_of"])) for p in table.partitions()})

    def history(self, name: str) -> list[Commit]:
        """The commits of a table, newest first."""
        table = self.table(name)
        commits = []
        for entry in table.history() if table is not None else []:
            ours = json.loads(entry.get(OURS, "{}"))
            commits.append(
                Commit(
                    version=entry["version"],
                    timestamp=entry.get("timestamp", 0),
                    run_id=ours.get("run_id", ""),
                    step=ours.get("step", ""),
                    attempt_id=ours.get("attempt_id", ""),
                    rows=ours.get("rows", 0),
                    as_of=ours.get("as_of"),
                    note=ours.get("note", ""),
                )
            )
        return commits

    def last_commit(self, name: str, as_of: date | None = None) -> Commit | None:
        """The newest commit that touched the table, or its `as_of` for a snapshot table."""
        for commit in self.history(name):
            if self.contract(name).mode != "snapshot" or as_of is None or commit.as_of == str(as_of):
                return commit
        return None

    # Writing: stage, audit, publish

    def stage(
        self,
        name: str,
        data: DataFrame | pa.Table,
        attempt_id: str,
        as_of: date | None,
        part: Mapping[str, str] | None = None,
    ) -> Staged:
        """Writes `data` under `data/<attempt>/`, where no reader looks, and seals it.

        `part` names the values of a contract's `parts` that the data holds; an attempt may stage several parts.
        """
        contract, part = self.contract(name), dict(part or {})
        if set(part) != set(contract.parts):
            raise LakeError(f"{name} is written by {_join(contract.parts)}, found {_join(part)}")
        folder = self._folder(name) / "data" / attempt_id
        if part:  # a subject may be any text: its digest names the folder
            folder /= hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest()[:16]
        folder.mkdir(parents=True, exist_ok=True)
        if isinstance(data, pa.Table):
            missing = [n for n in contract.names if n not in data.column_names]
            if missing:
                raise LakeError(f"{name}: the job did not compute {', '.join(missing)}")
            write_one_file(data.select(contract.names).cast(contract.arrow_schema()), folder)
        else:
            contract.conform(data).write.mode("overwrite").parquet(str(folder))
            folder.mkdir(parents=True, exist_ok=True)  # an empty frame leaves no folder on Sail
        return Staged(contract, seal(folder, self._folder(name), contract), as_of, part=part)

    def read_staged(self, spark: SparkSession, staged: Staged) -> DataFrame:
        """The staged files as a DataFrame, for the audit."""
        root = self._folder(staged.contract.name)
        if not staged.files:
            return spark.createDataFrame([], staged.contract.ddl())
        return spark.read.schema(staged.contract.ddl()).parquet(*[str(root / f.path) for f in staged.files])

    def publish(self, staged: Staged, *, run_id: str, step: str, attempt_id: str, note: str = "") -> int:
        """Makes staged files visible by one commit; returns the new version.

        A snapshot table has just its `as_of` (and of it the staged part) replaced, a whole table is replaced, an append
        table grows.
        """
        about = {
            "run_id": run_id,
            "step": step,
            "attempt_id": attempt_id,
            "rows": staged.rows,
            "as_of": str(staged.as_of) if staged.contract.mode == "snapshot" else None,
            "note": note,
        }
        adds = [
            AddAction(f.path, f.size, staged.partition, _modified(self._folder(staged.contract.name) / f.path), True,
                      json.dumps({"numRecords": f.rows}))
            for f in staged.files
        ]  # fmt: skip
        return self._commit(staged.contract, adds, staged.partition, about)

    def restore(self, name: str, version: int, as_of: date | None, run_id: str, attempt_id: str) -> int:
        """Publishes an old version's files again, of one `as_of` for a snapshot table; returns the new version."""
        contract = self.contract(name)
        if contract.mode == "append":
            raise LakeError(f"{name} only grows and cannot be rolled back")
        if contract.mode == "snapshot" and as_of is None:
            raise LakeError(f"{name} is kept per as_of: say which with --as-of; it holds {_join(self.dates(name))}")
        table = self.require(name, version)
        self.files(name, version, as_of)
        actions = pa.table(table.get_add_actions(flatten=True)).to_pylist()
        partition = {"as_of": str(as_of)} if contract.mode == "snapshot" else {}
        if partition:
            actions = [a for a in actions if str(a["partition.as_of"]) == str(as_of)]
            if not actions:
                raise LakeError(f"{name}, version {version}, holds no as_of {as_of}")
        adds = [
            AddAction(a["path"], a["size_bytes"], {k: str(a[f"partition.{k}"]) for k in contract.partition_by},
                      _modified(self._folder(name) / a["path"]), True, json.dumps({"numRecords": a["num_records"]}))
            for a in actions
        ]  # fmt: skip
        about = {
            "run_id": run_id,
            "step": ROLLBACK,
            "attempt_id": attempt_id,
            "rows": sum(a["num_records"] for a in actions),
            "as_of": str(as_of) if partition else None,
            "note": f"files of version {version}",
        }
        return self._commit(contract, adds, partition, about)

    def _commit(
        self, contract: Contract, adds: list[AddAction], partition: dict[str, str], about: dict[str, Any]
    ) -> int:
        folder = self._folder(contract.name)
        schema = Schema.from_arrow(contract.arrow_schema())
        table = self.table(contract.name)
        # a new number per attempt: after a restore the old one stays, and a rerun with it would do nothing
        seq = 0 if table is None else table.version() + 1
        properties = CommitProperties(
            custom_metadata={OURS: json.dumps(about)}, app_transactions=[Transaction(OURS, seq)], max_commit_retries=0
        )
        hooks = PostCommitHookProperties(cleanup_expired_logs=False)
        try:
            if table is None:
                create_table_with_add_actions(
                    str(folder), schema, adds, mode="error", partition_by=contract.partition_by, name=contract.name,
                    description=contract.meaning, commit_properties=properties, post_commithook_properties=hooks,
                )  # fmt: skip
            else:
                table.create_write_transaction(
                    list(adds), mode="append" if contract.mode == "append" else "overwrite", schema=schema,
                    partition_by=contract.partition_by or None,
                    partition_filters=[(k, "=", v) for k, v in partition.items()] or None,
                    commit_properties=properties, post_commithook_properties=hooks,
                )  # fmt: skip
        except (CommitFailedError, FileExistsError) as e:
            raise ConflictError(f"table {contract.name} was changed by another writer meanwhile; run again: {e}") from e
        except (DeltaError, OSError) as e:
            raise LakeError(f"table {contract.name}: the commit failed, the last version is intact: {e}") from e
        version = self.require(contract.name).version()
        fsync(folder / "_delta_log" / f"{version:020d}.json")
        fsync(folder / "_delta_log")
        return version

    def vacuum(self, name: str, keep_hours: float, *, dry_run: bool) -> list[str]:
        """Removes files that no version younger than `keep_hours` needs, and those of attempts that never finished.

        Keep longer than the longest reader.
        """
        return self.require(name).vacuum(
            retention_hours=int(keep_hours), dry_run=dry_run, enforce_retention_duration=False, full=True
        )


def _modified(path: Path) -> int:
    return int(path.stat().st_mtime * 1000)


def _join(values: Iterable[object]) -> str:
    return ", ".join(map(str, values)) or "none"
