"""One writer per lake, by an advisory lock that the kernel drops when its holder dies."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from features.errors import ConflictError, LakeError


@contextmanager
def lake_lock(root: Path, command: str) -> Iterator[None]:
    """Holds the lake for writing; `ConflictError` at once, naming the holder, when somebody else has it.

    A lock left by a killed run does not exist: the kernel releases it with the process.
    """
    path = root / ".lock"
    try:
        handle = path.open("a+", encoding="utf-8")
    except OSError as e:
        raise LakeError(f"lake {root} is not writable: {e.strerror}") from e
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            handle.seek(0)
            raise ConflictError(
                f"lake {root} is in use by another run ({_holder(handle.read())}); wait for it, or use another --lake"
            ) from e
        handle.truncate(0)
        handle.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "command": command}))
        handle.flush()
        yield
        handle.truncate(0)


def _holder(text: str) -> str:
    try:
        about = json.loads(text)
        return f"{about['command']}, process {about['pid']} on {about['host']}"
    except (ValueError, KeyError):
        return "unknown"
