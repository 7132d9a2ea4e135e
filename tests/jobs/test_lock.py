"""One writer per lake, and no lock outlives its holder."""

import subprocess
import sys
from pathlib import Path

import pytest

from features.errors import ConflictError
from jobs.lock import lake_lock

HOLD = """
import sys, pathlib
from jobs.lock import lake_lock
with lake_lock(pathlib.Path(sys.argv[1]), "run"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_second_run_is_told_who_holds_the_lake(tmp_path: Path) -> None:
    """The second stops at once and names the first; a killed holder leaves no lock."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ConflictError, match=f"another run \\(run, process {holder.pid} on"):  # noqa: SIM117
            with lake_lock(tmp_path, "ingest"):
                pass
        holder.kill()
        holder.wait()
    with lake_lock(tmp_path, "ingest"):
        pass
