"""A model on disk: plain files and a manifest that proves them unchanged.

LightGBM aborts the process on a truncated text model and can hang on a tampered one, so files are verified
before anything opens them.
"""

from __future__ import annotations

import json
from pathlib import Path

from features.errors import ModelError
from jobs.digests import file_sha256

MANIFEST = "MANIFEST.json"


def write_manifest(folder: Path) -> str:
    """Writes name, size and SHA-256 of every file of the folder; returns the manifest's own SHA-256."""
    files = {
        path.relative_to(folder).as_posix(): {"size": path.stat().st_size, "sha256": file_sha256(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }
    (folder / MANIFEST).write_text(json.dumps(files, indent=1, sort_keys=True))
    return file_sha256(folder / MANIFEST)


def verify_model(folder: Path, manifest_sha256: str = "") -> None:
    """`ModelError` unless the folder holds exactly the files of its manifest, byte for byte."""
    manifest = folder / MANIFEST
    if not manifest.exists():
        raise ModelError(f"model folder {folder} has no {MANIFEST}; register the model again")
    if manifest_sha256 and file_sha256(manifest) != manifest_sha256:
        raise ModelError(f"{manifest} is not the one that was registered; register the model again")
    try:
        files = json.loads(manifest.read_text("utf-8"))
    except ValueError as e:
        raise ModelError(f"{manifest} is damaged: {e}") from e
    faults = []
    for name, about in files.items():
        path = folder / name
        if not path.exists():
            faults.append(f"{name} is missing")
        elif path.stat().st_size != about["size"]:
            faults.append(f"{name} has {path.stat().st_size:,} bytes, registered with {about['size']:,}")
        elif file_sha256(path) != about["sha256"]:
            faults.append(f"{name} has other content than was registered")
    if faults:
        raise ModelError(f"model folder {folder} is damaged: {'; '.join(faults)}. Delete it to fetch it again")
