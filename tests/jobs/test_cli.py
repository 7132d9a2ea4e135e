"""The command line: help without waiting, errors that say what to do, exit codes that scripts can trust."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.cli import COMMANDS

ROOT = Path(__file__).parents[2]


def nextbest(*args: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Runs the command line as a user would."""
    command = [sys.executable, "-m", "jobs.cli", *args]
    env = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


def test_help_lists_the_commands_in_daily_order_and_loads_nothing_heavy() -> None:
    """Every command is there with a line of help; LightGBM, MLflow and PySpark stay unloaded."""
    text = nextbest("--help").stdout
    places = [text.index(f"\n  {name} ") for name in COMMANDS]
    assert places == sorted(places)
    code = (
        "import sys, click; from jobs.cli import group\n"
        "try: group(['--help'], standalone_mode=False)\n"
        "finally: print([m for m in ('lightgbm', 'mlflow', 'implicit', 'pysail', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_has_help_and_the_common_options(command: str) -> None:
    """--config, --as-of, --lake and --engine are on every command that reads or writes a lake."""
    from click.testing import CliRunner

    from jobs.cli import group

    done = CliRunner().invoke(group, [command, "--help"])
    assert done.exit_code == 0, done.output
    args = [command, "list", "--help"] if command == "tables" else [command, "recommender", "--help"]
    text = done.output + (CliRunner().invoke(group, args).output if command in ("tables", "evaluate") else "")
    expected = ("--out", "--seed") if command == "simulate" else ("--config", "--as-of", "--lake", "--engine")
    for option in expected:
        assert option in text, f"{command} lacks {option}"


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (["bild-features"], 2, "there is no command 'bild-features' (did you mean 'build-features'?)"),
        (["run", "--dryrun"], 2, "Did you mean '--dry-run'?"),
        (["run", "--as-of", "yesterday"], 2, "'yesterday' does not match the format '%Y-%m-%d'"),
        (["run", "--config", "nothing.yaml"], 2, "settings file nothing.yaml does not exist"),
        (["run", "--engine", "sparc"], 2, "engine in command line: input should be 'embedded', 'spark' or 'connect'"),
        (["ingest", "--lake", "LAKE"], 2, "ingest needs a folder of source files: give --sources DIR"),
        (["ingest", "--lake", "LAKE", "--sources", "nowhere"], 2, "nowhere"),
        (["build-features", "--lake", "LAKE"], 2, "has no transactions yet; `nextbest ingest --sources DIR`"),
        (["build-features", "--from", "2017-01-01", "--force"], 2, "of a span, --restate builds again the cuts that"),
        (
            ["tag-customers", "--dry-run", "--force"],
            2,
            "--force does one cut again, without --from, --to and --dry-run",
        ),
        (
            ["build-features", "--restate", "--every", "7"],
            2,
            "--restate and --every: only of a span, give --from or --to",
        ),
        (["build-cube", "--dry-run", "--every", "7"], 2, "--every: only of a span, give --from or --to"),
        (["tables", "--lake", "LAKE"], 3, "holds no table yet; `nextbest demo` or `nextbest run` fills it"),
        (["tables", "history", "scores", "--lake", "LAKE"], 3, "there is no table 'scores'"),
        (["run", "--lake", "s3://bucket/lake"], 3, "object stores are not supported yet"),
        (["run", "--lake", "/proc/nextbest"], 3, "is not writable"),
        (["explain", "1", "--lake", "LAKE"], 3, "`nextbest run`"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else None,
)
def test_errors_say_what_to_do(args: list[str], code: int, message: str, tmp_path: Path) -> None:
    """One clear line, no traceback, and an exit code by kind of error."""
    done = nextbest(*[str(tmp_path / "lake") if a == "LAKE" else a for a in args])
    assert message in done.stderr.replace("\n", " "), done.stderr + done.stdout
    assert done.returncode == code
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["build-features", "tag-customers", "build-cube"])
def test_help_tells_what_becomes_of_a_published_cut(command: str) -> None:
    """A single cut that changed is written again as a new version, those of a span only when asked for."""
    from click.testing import CliRunner

    from jobs.cli import group

    text = " ".join(CliRunner().invoke(group, [command, "--help"]).output.split())
    assert "as a new version beside what was published" in text
    assert "published cuts stay as they are unless --restate is given" in text


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    """--debug is for whoever mends the code."""
    assert "Traceback" in nextbest("--debug", "tables", "--lake", str(tmp_path)).stderr


def test_dry_run_lists_steps_and_touches_nothing(tmp_path: Path) -> None:
    """A dry run names each step with what it reads and writes, and makes no lake."""
    done = nextbest("run", "--dry-run", "--lake", str(tmp_path / "lake"))
    assert done.returncode == 0, done.stderr
    assert "build-features: reads transactions" in done.stdout
    assert not (tmp_path / "lake").exists()
