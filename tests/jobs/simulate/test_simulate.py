"""Writing a world's folder: whole or not at all, resumed where it stopped, never over something else."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from jobs.simulate import simulate as module
from jobs.simulate.errors import WorldError
from jobs.simulate.params import load_world_params, params_from_dict
from jobs.simulate.simulate import is_written, simulate
from jobs.simulate.world import World, make_world


def small(seed: int = 3, persons: int = 60) -> World:
    """Four weeks of a few persons."""
    return make_world(seed, persons, 28, load_world_params(), date(2026, 6, 1))


def test_the_folder_says_what_it_holds(tmp_path: Path) -> None:
    """Rows are counted per table, the marker comes last, and the world can be made again from the truth."""
    heard: list[tuple[int, int]] = []
    world = small()
    rows = simulate(world, tmp_path / "w", progress=lambda done, of: heard.append((done, of)), block=25)
    assert heard == [(1, 3), (2, 3), (3, 3)]
    for name, n in rows.items():
        files = sorted((tmp_path / "w" / name).iterdir())
        assert sum(pq.read_metadata(f).num_rows for f in files) == n, name
    assert sorted(p.name for p in (tmp_path / "w").iterdir()) == ["_WORLD.json", "sources", "truth"]
    assert is_written(world, tmp_path / "w", block=25)
    assert not is_written(small(4), tmp_path / "w", block=25)
    about = json.loads((tmp_path / "w" / "truth" / "world.json").read_text("utf-8"))
    again = make_world(
        about["seed"],
        about["customers"],
        about["days"],
        params_from_dict(about["params"]),
        date.fromisoformat(about["end"]),
    )
    assert again.params == world.params
    assert again.first_day == world.first_day


def test_a_stopped_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks that were finished are kept, and the whole is the same as without the stop."""
    made: list[int] = []
    real = module.make_block

    def stops(world: World, numbers: object) -> object:
        made.append(int(numbers[0]))  # type: ignore[index]
        if len(made) == 3:
            raise KeyboardInterrupt
        return real(world, numbers)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "make_block", stops)
    with pytest.raises(KeyboardInterrupt):
        simulate(small(), tmp_path / "w", block=20)
    assert not (tmp_path / "w" / "sources").exists()
    rows = simulate(small(), tmp_path / "w", block=20)
    assert made == [0, 20, 40, 40]
    assert rows == simulate(small(), tmp_path / "other", block=20)


def test_a_run_stopped_at_the_very_end_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped between moving the sources and the truth, the next run moves the rest and makes no block again."""
    real = Path.rename

    def stops(self: Path, target: Path) -> Path:
        if self.name == "truth":
            raise KeyboardInterrupt
        return real(self, target)

    with monkeypatch.context() as m:
        m.setattr(Path, "rename", stops)
        with pytest.raises(KeyboardInterrupt):
            simulate(small(), tmp_path / "w")
    assert (tmp_path / "w" / "sources").exists()
    monkeypatch.setattr(module, "make_block", lambda *_: pytest.fail("a block was made again"))
    simulate(small(), tmp_path / "w")
    assert is_written(small(), tmp_path / "w")


def test_other_worlds_and_files_are_not_lost(tmp_path: Path) -> None:
    """A world, half of one, or files of something else are refused; `overwrite` replaces worlds only."""
    simulate(small(), tmp_path / "w")
    with pytest.raises(WorldError, match="already holds a world; give --overwrite"):
        simulate(small(4), tmp_path / "w")
    simulate(small(4), tmp_path / "w", overwrite=True)
    assert is_written(small(4), tmp_path / "w")

    half = tmp_path / "half" / ".building"
    half.mkdir(parents=True)
    (half / "_WORLD.json").write_text('{"seed": 9}', "utf-8")
    with pytest.raises(WorldError, match="half of a world with other parameters"):
        simulate(small(), tmp_path / "half")

    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("dear", "utf-8")
    for overwrite in (False, True):
        with pytest.raises(WorldError, match=r"letter\.txt, which is no part of a world"):
            simulate(small(), mine, overwrite=overwrite)
    tables = tmp_path / "tables" / "sources"
    tables.mkdir(parents=True)
    with pytest.raises(WorldError, match="no world wrote them"):
        simulate(small(), tables.parent, overwrite=True)
    with pytest.raises(WorldError, match="is a file"):
        simulate(small(), mine / "letter.txt")
    with pytest.raises(WorldError, match="must be at least 1"):
        simulate(small(), tmp_path / "none", processes=0)


def test_a_smaller_world_is_the_beginning_of_a_larger(tmp_path: Path) -> None:
    """Persons keep their trips when others join, so growing a world changes nobody."""
    simulate(small(persons=40), tmp_path / "a")
    simulate(small(persons=60), tmp_path / "b")
    few, many = (pq.read_table(tmp_path / w / "sources" / "transactions").to_pylist() for w in "ab")
    assert {r["order_id"] for r in few} < {r["order_id"] for r in many}
