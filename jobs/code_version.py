"""The code's own version: a digest of our sources, the same from a checkout, a wheel or a zip."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

PACKAGES = ("conf", "features", "jobs", "models", "recommend", "scoring")


@cache
def code_version() -> str:
    """First 12 hex digits of SHA-256 over every Python and settings file of ours."""
    digest = hashlib.sha256()
    for package in PACKAGES:
        for name, file in sorted(_sources(resources.files(package), package)):
            digest.update(name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


def _sources(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        name = f"{prefix}/{entry.name}"
        if entry.is_dir() and not entry.name.startswith("_"):
            yield from _sources(entry, name)
        elif entry.name.endswith((".py", ".yaml", ".txt")):
            yield name, entry
