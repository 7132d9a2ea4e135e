"""Places where a test can kill the process, to prove that a killed run leaves nothing half done."""

from __future__ import annotations

import os
import signal
from collections import Counter

_seen: Counter[str] = Counter()


def failpoint(name: str) -> None:
    """Kills this process at the n-th pass through `name` when `NEXTBEST_FAIL=name:n` is set; else does nothing."""
    wanted = os.environ.get("NEXTBEST_FAIL")
    if not wanted:
        return
    _seen[name] += 1
    stage, _, nth = wanted.rpartition(":")
    if stage == name and int(nth) == _seen[name]:
        os.kill(os.getpid(), signal.SIGKILL)
