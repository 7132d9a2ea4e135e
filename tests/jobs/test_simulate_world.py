"""The command `nextbest simulate`."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from features.errors import SettingsError
from jobs.cli import group
from jobs.simulate_world import ensure_world, overrides

SMALL = ["simulate", "--customers", "40", "--days", "28"]


def run(*args: str) -> str:
    """What the command prints; its error if there is one."""
    done = CliRunner().invoke(group, list(args), standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done.output


def test_it_writes_a_world_and_says_what_next(tmp_path: Path) -> None:
    """Rows per table, seconds, size and the next command; a second time it refuses unless told."""
    out = tmp_path / "w"
    said = run(*SMALL, "--out", str(out), "--control", "quiet_market", "--set", "browse.idle_sessions=2")
    assert "sources/transactions" in said
    assert f"next: nextbest run --sources {out / 'sources'} --config conf/world_demo.yaml" in said
    assert (out / "sources" / "products").is_dir()
    with pytest.raises(SettingsError, match="--overwrite"):
        run(*SMALL, "--out", str(out))
    run(*SMALL, "--out", str(out), "--overwrite", "--end", "2026-03-01")
    assert '"end": "2026-03-01"' in (out / "_WORLD.json").read_text("utf-8")


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    """It tells rows and size."""
    assert "nothing was written" in run(*SMALL, "--out", str(tmp_path / "w"), "--dry-run")
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--set", "browse.idle"], "must read SECTION.KEY=VALUE"),
        (["--set", "brows.idle_sessions=1"], "unknown section 'brows'"),
        (["--set", "browse.idle_session=1"], "did you mean 'idle_sessions'"),
        (["--set", "browse.search_share=3"], "search_share must lie within 0 and 1; found 3"),
        (["--set", "browse.search_share={"], "not valid YAML"),
        (["--params", "nowhere.yaml"], "nowhere.yaml cannot be read"),
        (["--days", "5"], "days must be in"),
    ],
)
def test_wrong_parameters_are_named(args: list[str], message: str, tmp_path: Path) -> None:
    """Each fault names the parameter and what is allowed."""
    with pytest.raises(SettingsError, match=message):
        run(*SMALL, "--out", str(tmp_path / "w"), *args)
    assert not (tmp_path / "w").exists()


def test_switches_become_parameters() -> None:
    """`--set` and `--control` fill sections."""
    assert overrides(("browse.idle_sessions=2", "browse.search_share=.5"), ("drift",)) == {
        "browse": {"idle_sessions": 2, "search_share": 0.5},
        "controls": {"drift": True},
    }


def test_a_world_that_is_there_is_kept(tmp_path: Path) -> None:
    """The same world is not simulated twice; another one takes its place."""
    ensure_world(tmp_path / "w", customers=30, days=28)
    before = (tmp_path / "w" / "_WORLD.json").stat().st_mtime_ns
    ensure_world(tmp_path / "w", customers=30, days=28)
    assert (tmp_path / "w" / "_WORLD.json").stat().st_mtime_ns == before
    ensure_world(tmp_path / "w", customers=30, days=28, seed=2)
    assert '"seed": 2' in (tmp_path / "w" / "_WORLD.json").read_text("utf-8")
