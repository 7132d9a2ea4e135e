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
from jobs.backfill import CHANGED, HOLE, PUBLISHED, days_between, plan, seconds_per_cut, show_plan
from jobs.runs import Job, Step, execute
from jobs.session import Engine
from jobs.settings import load_settings
from jobs.tables import Lake
from jobs.tracking import Tracking

IN = Contract("raw", "test", ("id",), (Column("id", "string", "i"),))
COLUMNS = (Column("as_of", "date", "a"), Column("id", "string", "i"))
OUT = Contract("out", "test", ("as_of", "id"), COLUMNS, mode="snapshot")
DAYS = [date(2017, 12, d) for d in (1, 2, 3)]


def copy(job: Job) -> None:
    """Writes one row per cut."""
    job.write("out", pa.table({"as_of": [job.as_of.day], "id": ["a"]}, schema=OUT.arrow_schema()))


class World:
    """A lake with one input, and a step over it."""

    def __init__(self, root: Path, engine: Engine) -> None:
        self.lake = Lake(root, {c.name: c for c in (IN, OUT, RUNS)})
        self.lake.check_writable()
        self.engine, self.tracking = engine, Tracking(None, root)
        self.settings = load_settings(None, {"lake": str(root)})
        step = Step("copy", reads=("raw",), writes=("out",), settings=("seed",))
        self.module: Any = SimpleNamespace(STEP=step, run=copy)
        self.put("a")

    def put(self, value: str) -> None:
        """Publishes the input."""
        staged = self.lake.stage("raw", pa.table({"id": [value]}), f"in-{value}", None)
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
