"""Steps: pinned inputs, skipping what is done, nothing published by a step that fails."""

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from features.as_of import AsOf
from features.contract import Column, Contract
from features.errors import ContractError, LakeError
from features.output_tables import RUNS
from jobs.runs import Job, Step, execute
from jobs.session import Engine
from jobs.settings import Settings, load_settings
from jobs.tables import Lake
from jobs.tracking import Tracking

AS_OF = AsOf(date(2017, 12, 4))
IN = Contract("raw", "test", ("id",), (Column("id", "string", "i"),))
COLUMNS = (Column("as_of", "date", "a"), Column("id", "string", "i"))
OUT = Contract("out", "test", ("as_of", "id"), COLUMNS, mode="snapshot")
SIDE = Contract("side", "test", ("as_of", "id"), COLUMNS, mode="snapshot")


class World:
    """A lake with one input, and a step module that copies it."""

    def __init__(self, root: Path, engine: Engine) -> None:
        self.lake = Lake(root, {c.name: c for c in (IN, OUT, SIDE, RUNS)})
        self.engine = engine
        self.settings: Settings = load_settings(None, {"lake": str(root)})
        self.tracking = Tracking(None, root)
        self.lake.check_writable()

    def put(self, ids: list[str]) -> None:
        """Publishes the input table."""
        staged = self.lake.stage("raw", pa.table({"id": ids}), f"in{len(ids)}", None)
        self.lake.publish(staged, run_id="x", step="test", attempt_id="x")

    def execute(self, run: Any, step: Step | None = None, **kwargs: Any) -> Any:
        """Runs a step whose body is `run`."""
        step = step or Step("copy", reads=("raw",), writes=("out", "side"), settings=("seed",))
        module: Any = SimpleNamespace(STEP=step, run=run)
        return execute(module, self.settings, AS_OF, self.engine, self.lake, self.tracking, **kwargs)

    def runs(self) -> list[dict[str, Any]]:
        """The rows of `runs`."""
        return self.lake.arrow("runs").to_pylist()


@pytest.fixture
def world(tmp_path: Path, engine: Engine) -> World:
    """A world with two input rows."""
    made = World(tmp_path, engine)
    made.put(["a", "b"])
    return made


def copy(job: Job) -> None:
    """Writes both outputs."""
    df = job.read("raw").selectExpr(f"date'{job.as_of.day}' as as_of", "id")
    job.write("out", df)
    job.write("side", df)
    job.count("checked", 7)


def test_finished_work_is_skipped_until_something_changes(world: World) -> None:
    """The same inputs, settings and code are done once; a new input version or seed is new work."""
    assert not world.execute(copy).skipped
    assert world.execute(copy).skipped
    assert not world.execute(copy, force=True).skipped
    world.put(["a", "b", "c"])
    assert not world.execute(copy).skipped
    world.settings = load_settings(None, {"seed": 5})
    assert not world.execute(copy).skipped
    assert world.lake.arrow("out").num_rows == 3


def test_runs_tells_the_story(world: World) -> None:
    """Input versions, outputs with rows, counts and status are recorded per attempt."""
    world.execute(copy)
    (row,) = world.runs()
    assert row["status"] == "finished"
    assert json.loads(row["inputs"]) == {"raw": 0}
    assert json.loads(row["outputs"]) == {"out": {"version": 0, "rows": 2}, "side": {"version": 0, "rows": 2}}
    assert json.loads(row["counts"])["checked"] == 7
    assert row["as_of"] == AS_OF.day


def test_a_failing_step_publishes_nothing(world: World) -> None:
    """A fault in the second table keeps the first from appearing; the attempt is recorded; the next run works."""

    def bad(job: Job) -> None:
        df = job.read("raw").selectExpr(f"date'{job.as_of.day}' as as_of", "id")
        job.write("out", df)
        job.write("side", df.union(df))

    with pytest.raises(ContractError, match="not unique"):
        world.execute(bad)
    assert world.lake.table("out") is None
    (row,) = world.runs()
    assert row["status"] == "failed"
    assert "not unique" in row["message"]
    assert not world.execute(copy).skipped


def test_inputs_are_pinned(world: World) -> None:
    """A table replaced while the step runs is still read as it was when the step began."""

    def slow(job: Job) -> None:
        world.put(["x"] * 1)
        copy(job)

    world.execute(slow)
    assert world.lake.arrow("out").num_rows == 2


def test_undeclared_reads_and_missing_inputs(world: World) -> None:
    """A step reads and writes what it declares; a missing input names the table and the way out."""
    with pytest.raises(LakeError, match="reads other without declaring"):
        world.execute(lambda job: job.read("other"))
    with pytest.raises(LakeError, match="writes raw without declaring"):
        world.execute(lambda job: job.write("raw", pa.table({"id": ["a"]})))
    with pytest.raises(LakeError, match="ended without writing side"):
        world.execute(lambda job: job.write("out", pa.table({"as_of": [AS_OF.day], "id": ["a"]})))
    with pytest.raises(LakeError, match=r"needs side for 2017-12-04.*nextbest run"):
        world.execute(copy, Step("late", reads=("side",), writes=("out",)))


KILLED = """
import sys
from pathlib import Path
from jobs.session import Engine, SessionParams
from tests.jobs.test_runs import World, copy
root = Path(sys.argv[1])
with Engine("embedded", SessionParams(), root / "scratch") as engine:
    World(root, engine).execute(copy)
"""


@pytest.mark.parametrize("point", ["started:1", "sealed:1", "sealed:2", "computed:1", "published:1", "published:2"])
def test_kill_at_every_boundary_then_resume(world: World, point: str) -> None:
    """After SIGKILL at any boundary each table is whole or absent, and the rerun ends like an undisturbed run."""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(world.lake.root)],
        cwd=root, env=os.environ | {"NEXTBEST_FAIL": point}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == -9, done.stderr
    for name in ("out", "side"):
        assert world.lake.table(name) is None or world.lake.arrow(name).num_rows == 2
    world.execute(copy)
    assert world.execute(copy).skipped
    for name in ("out", "side"):
        assert world.lake.arrow(name).sort_by("id")["id"].to_pylist() == ["a", "b"]


def test_tables_that_a_step_may_write(world: World) -> None:
    """Such a table is made when there is something for it; once it is there, the step owes it a new version."""
    step = Step("copy", reads=("raw",), writes=("out",), may_write=("side",), settings=("seed",))

    def only_out(job: Job) -> None:
        job.write("out", job.read("raw").selectExpr(f"date'{job.as_of.day}' as as_of", "id"))

    assert not world.execute(only_out, step).skipped
    assert world.execute(only_out, step).skipped
    assert world.lake.table("side") is None
    world.put(["a", "b", "c"])
    assert not world.execute(copy, step).skipped
    assert world.execute(copy, step).skipped
    world.put(["a"])
    with pytest.raises(LakeError, match="ended without writing side"):
        world.execute(only_out, step)
    assert world.lake.last_commit("out").rows == 3  # type: ignore[union-attr]


def test_what_is_always_written_is_published_last(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step killed between its tables is not taken for finished, also when the missing one is an optional one."""
    step = Step("copy", reads=("raw",), writes=("out",), may_write=("side",), settings=("seed",))
    publish = Lake.publish

    def killed(lake: Lake, staged: Any, **about: Any) -> int:
        if staged.contract.name == "out":
            raise KeyboardInterrupt
        return publish(lake, staged, **about)

    with monkeypatch.context() as patch:
        patch.setattr(Lake, "publish", killed)
        with pytest.raises(KeyboardInterrupt):
            world.execute(copy, step)
    assert world.lake.table("out") is None
    assert world.lake.table("side") is not None
    assert not world.execute(copy, step).skipped
    assert world.execute(copy, step).skipped
