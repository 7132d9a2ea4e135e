"""Many cuts of a step: holes are found and filled, published cuts stay, changed ones are named."""

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from features.as_of import AsOf
from features.contract import Column, Contract
from features.errors import DataError
from features.output_tables import RUNS
from jobs.backfill import CHANGED, HOLE, INCOMPLETE, PUBLISHED, days_between, plan, seconds_per_cut, show_plan
from jobs.runs import Job, Step, execute
from jobs.session import Engine
from jobs.settings import load_settings
from jobs.tables import Lake
from jobs.tracking import Tracking

IN = Contract("raw", "test", ("id",), (Column("id", "string", "i"),))
COLUMNS = (Column("as_of", "date", "a"), Column("id", "string", "i"))
OUT, SIDE, EARLIER = (
    Contract(n, "test", ("as_of", "id"), COLUMNS, mode="snapshot") for n in ("out", "side", "earlier")
)
DAYS = [date(2017, 12, d) for d in (1, 2, 3)]


def one_row(day: date) -> pa.Table:
    """One row of a snapshot."""
    return pa.table({"as_of": [day], "id": ["a"]}, schema=OUT.arrow_schema())


def copy(job: Job) -> None:
    """Writes one row per cut."""
    job.write("out", one_row(job.as_of.day))


def copy_both(job: Job) -> None:
    """Writes one row per cut, and one of the companion."""
    job.write("side", one_row(job.as_of.day))
    copy(job)


class World:
    """A lake with an input, and one of snapshots (once it is put there), and a step over both."""

    def __init__(self, root: Path, engine: Engine) -> None:
        self.lake = Lake(root, {c.name: c for c in (IN, EARLIER, OUT, SIDE, RUNS)})
        self.lake.check_writable()
        self.engine, self.tracking = engine, Tracking(None, root)
        self.settings = load_settings(None, {"lake": str(root)})
        made = {"writes": ("out",), "may_write": ("side",)}
        step = Step("copy", ("raw",), ("earlier",), settings=("seed",), **made)  # type: ignore[arg-type]
        self.module: Any = SimpleNamespace(STEP=step, run=copy)
        self.put("a")

    def put(self, value: str) -> None:
        """Publishes the input."""
        staged = self.lake.stage("raw", pa.table({"id": [value]}), f"in-{value}", None)
        self.lake.publish(staged, run_id="x", step="test", attempt_id="x")

    def put_earlier(self, day: date) -> None:
        """Publishes a cut of the snapshot input."""
        staged = self.lake.stage("earlier", one_row(day), f"e{len(self.lake.history('earlier'))}", day)
        self.lake.publish(staged, run_id="x", step="test", attempt_id="x")

    def build(self, day: date) -> None:
        """One cut."""
        execute(self.module, self.settings, AsOf(day), self.engine, self.lake, self.tracking)

    def plan(self) -> list[Any]:
        """What the lake holds of the three cuts."""
        return plan(self.module, self.settings, self.lake, self.tracking, DAYS)


def test_holes_published_and_changed_cuts(tmp_path: Path, engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    """A cut is missing, published, or changed since with the reason; only holes are due unless a restatement is."""
    world = World(tmp_path, engine)
    assert seconds_per_cut(world.lake, "copy") is None
    world.build(DAYS[0])
    world.build(DAYS[2])
    assert [p.state for p in world.plan()] == [PUBLISHED, HOLE, PUBLISHED]
    world.put("b")
    planned = world.plan()
    assert [(p.state, p.why) for p in planned] == [(CHANGED, "inputs raw"), (HOLE, ""), (CHANGED, "inputs raw")]
    assert [p.is_due(False) for p in planned] == [False, True, False]
    assert [p.is_due(True) for p in planned] == [True, True, True]
    show_plan(planned, "copy", False, seconds_per_cut(world.lake, "copy"))
    said = capsys.readouterr().out
    assert "3 cuts: 1 to build, 1 missing (2017-12-02)" in said
    assert "a cut as copy took before" in said
    assert "--restate builds them again as new versions" in said


def test_other_cuts_of_an_input_are_no_change(tmp_path: Path, engine: Engine) -> None:
    """A snapshot input counts as another one when this cut of it was written since, not when any other was."""
    world = World(tmp_path, engine)
    world.put_earlier(DAYS[0])
    world.build(DAYS[0])
    world.put_earlier(DAYS[1])
    assert world.plan()[0].state == PUBLISHED
    world.settings = load_settings(None, {"lake": str(tmp_path), "seed": 5})
    assert (world.plan()[0].state, world.plan()[0].why) == (CHANGED, "settings")
    world.put_earlier(DAYS[0])
    assert world.plan()[0].why == "inputs earlier and settings"


def test_a_restatement_that_was_killed_is_taken_up_again(
    tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """New companions beside an old wide row are of two runs: the cut is due without --restate, until it is whole."""
    world = World(tmp_path, engine)
    world.module.run = copy_both
    world.build(DAYS[0])
    world.put("b")
    publish = Lake.publish

    def killed(lake: Lake, staged: Any, **about: Any) -> int:
        if staged.contract is OUT:
            raise KeyboardInterrupt
        return publish(lake, staged, **about)

    with monkeypatch.context() as patch:
        patch.setattr(Lake, "publish", killed)
        with pytest.raises(KeyboardInterrupt):
            world.build(DAYS[0])
    planned = world.plan()
    assert (planned[0].state, planned[0].why) == (INCOMPLETE, "tables of 2 runs: one was stopped")
    assert planned[0].is_due(False)
    show_plan(planned, "copy", False, None)
    assert (
        "3 cuts: 3 to build, 2 missing (2017-12-02, 2017-12-03), 1 incomplete (2017-12-01)" in capsys.readouterr().out
    )
    world.build(DAYS[0])
    assert world.plan()[0].state == PUBLISHED


def test_a_table_rolled_back_by_hand_stays(tmp_path: Path, engine: Engine) -> None:
    """An old version that was published again on purpose is no run that was stopped."""
    world = World(tmp_path, engine)
    world.module.run = copy_both
    world.build(DAYS[0])
    old = world.lake.history("out")[0]
    world.put("b")
    world.build(DAYS[0])
    world.lake.restore("out", old.version, DAYS[0], old.run_id, "by-hand")
    (planned, *_) = world.plan()
    assert (planned.state, planned.why, planned.is_due(False)) == (CHANGED, "inputs raw", False)


def test_a_restatement_is_a_new_version_beside_the_old_one(tmp_path: Path, engine: Engine) -> None:
    """Building a published cut again leaves the version that was published readable."""
    world = World(tmp_path, engine)
    world.build(DAYS[0])
    first = world.lake.require("out").version()
    world.put("b")
    world.build(DAYS[0])
    assert world.lake.require("out").version() == first + 1
    assert world.lake.arrow("out", version=first, as_of=DAYS[0]).num_rows == 1


def test_a_span_that_makes_no_sense_is_refused() -> None:
    """The first cut is not after the last, and cuts are at least a day apart."""
    with pytest.raises(DataError, match="--to 2017-12-01 is before --from 2017-12-03"):
        days_between(DAYS[2], DAYS[0], 1)
    with pytest.raises(DataError, match="--every must be at least 1 day, found 0"):
        days_between(DAYS[0], DAYS[2], 0)


def test_a_cut_writes_its_own_partition_only(tmp_path: Path, engine: Engine) -> None:
    """Building a cut between two others leaves the files of both as they are, and no date is skipped."""
    world = World(tmp_path, engine)
    world.build(DAYS[0])
    world.build(DAYS[2])
    before = {day: world.lake.files("out", as_of=day) for day in (DAYS[0], DAYS[2])}
    world.build(DAYS[1])
    assert {day: world.lake.files("out", as_of=day) for day in (DAYS[0], DAYS[2])} == before
    assert world.lake.dates("out") == DAYS
