"""Steps, and the bookkeeping that lets a run skip what is finished and resume after a kill.

A step's `run_id` is a digest of its name, `as_of`, the versions of its inputs and models, the settings it reads and
the code. A step is finished when each table it writes has a last commit that carries this id; the `runs` table
tells the story, one row per attempt.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from features.as_of import AsOf
from features.errors import ContractError, LakeError
from jobs.code_version import code_version
from jobs.console import progress, say
from jobs.failpoints import failpoint
from jobs.memory import peak_memory_gb
from jobs.session import INTERMEDIATE, Engine
from jobs.settings import Settings
from jobs.tables import Lake, Staged

if TYPE_CHECKING:
    from jobs.tracking import RegisteredModel, Tracking

T = TypeVar("T")


@dataclass(frozen=True)
class Step:
    """What a command reads, writes and depends on; enough to know whether its work is already done.

    `reads` must be in the lake, `optional` may be. `writes` is written each time; of `may_write` what the step has
    something for, and what the lake holds already, so that an old version never passes for a new one. `previous` are
    tables of which the newest snapshot before `as_of` is read. `models` are registered models used, `trains` models
    registered. `settings` are the top-level keys that change the result.
    """

    name: str
    reads: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    previous: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    may_write: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    trains: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    dated: bool = True  # whether the result depends on as_of
    next: str = ""  # what to run or look at afterwards


class StepModule(Protocol):
    """A module of `jobs/` that is a step. It may add `fingerprint(settings) -> str` for inputs outside the lake."""

    STEP: Step

    def run(self, job: Job) -> None:
        """Does the work."""


@dataclass
class Job:
    """What a step's `run` gets: settings, cut, engine, pinned inputs, and the way to write."""

    step: Step
    settings: Settings
    as_of: AsOf
    engine: Engine
    lake: Lake
    tracking: Tracking
    attempt_id: str
    run_id: str
    pinned: dict[str, int]
    previous_dates: dict[str, Any]
    counts: dict[str, int | float] = field(default_factory=dict)
    used_models: dict[str, dict[str, Any]] = field(default_factory=dict)
    staged: list[Staged] = field(default_factory=list)

    @property
    def spark(self) -> SparkSession:
        """The engine's session."""
        return self.engine.spark

    @property
    def scratch(self) -> Path:
        """A folder of this attempt, removed when it ends."""
        path = scratch_root(self.lake) / self.attempt_id
        path.mkdir(parents=True, exist_ok=True)
        return path

    def has(self, name: str) -> bool:
        """Whether an optional input is in the lake and has rows."""
        return name in self.pinned and bool(self.lake.files(name, self.pinned[name]))

    def read(self, name: str) -> DataFrame:
        """A declared input at the version pinned when the step began; of a snapshot table this `as_of` only."""
        self._declared(name)
        return self.lake.read(self.spark, name, self.pinned[name], self.as_of.day)

    def read_previous(self, name: str) -> DataFrame | None:
        """The newest snapshot of `name` from before `as_of`, or None when there is none."""
        day = self.previous_dates.get(name)
        return None if day is None else self.lake.read(self.spark, name, self.pinned[f"previous:{name}"], day)

    def _declared(self, name: str) -> None:
        if name not in self.pinned:
            raise LakeError(f"step {self.step.name} reads {name} without declaring it, or it is not there")

    def write(
        self, name: str, data: DataFrame | pa.Table, note: str = "", part: Mapping[str, str] | None = None
    ) -> int:
        """Writes, seals and audits a table; it becomes visible when the step ends well. Returns its rows.

        `note` is kept in the table's commit. `part` says which part of the snapshot it is, for a contract with `parts`.
        """
        if name not in self.step.writes + self.step.may_write:
            raise LakeError(f"step {self.step.name} writes {name} without declaring it")
        staged = self.lake.stage(name, data, self.attempt_id, self.as_of.day, part)
        failpoint("sealed")
        audit(self.spark, self.lake, staged)
        self.staged.append(replace(staged, note=note))
        self.counts[f"{name}.rows"] = self.counts.get(f"{name}.rows", 0) + staged.rows
        return staged.rows

    def write_read(self, name: str, df: DataFrame) -> DataFrame:
        """Writes an intermediate frame into scratch and reads it back: what is used twice is computed once."""
        return write_read(self.spark, self.scratch / name, df)

    def count(self, key: str, value: float) -> None:
        """Records a number for the `runs` table; it is printed when the step ends."""
        self.counts[key] = value

    def say(self, line: str) -> None:
        """One line for the operator."""
        say(f"  {line}")

    def progress(self, items: Sequence[T], label: str) -> Iterator[T]:
        """Goes through `items`, showing how far it is."""
        return progress(items, label)

    def model(self, name: str) -> RegisteredModel:
        """The champion of `name`, verified; recorded in the `runs` table."""
        found = self.tracking.model(name)
        self.used_models[name] = {"version": found.version, "mlflow_run": found.run_id}
        return found


def write_read(spark: SparkSession, path: Path, df: DataFrame) -> DataFrame:
    """Writes a frame as a folder of Parquet files and reads it back."""
    df.write.mode("overwrite").options(**INTERMEDIATE).parquet(str(path))
    if not path.exists():  # an empty frame leaves no folder on Sail
        return spark.createDataFrame([], df.schema)
    # not with df.schema: to resolve a long plan once more takes as long as running a short one
    return spark.read.parquet(str(path))


def audit(spark: SparkSession, lake: Lake, staged: Staged) -> None:
    """Proves staged files against the contract; `ContractError` listing every fault, and nothing is published."""
    contract = staged.contract
    if staged.rows == 0:  # the seal has checked the schema, and there is nothing to read
        return
    df = lake.read_staged(spark, staged)
    counts = contract.audit_counts(df).collect()[0].asDict()
    faults = contract.faults(counts)
    if counts["rows"] != staged.rows:
        faults.append(f"the engine reads {counts['rows']:,} rows, the file footers say {staged.rows:,}")
    duplicates = contract.duplicate_keys(df).limit(3).collect()
    if duplicates:
        shown = "; ".join(
            ", ".join(f"{k}={row[k]}" for k in contract.key) + f" ({row['n']} times)" for row in duplicates
        )
        faults.append(f"key ({', '.join(contract.key)}) is not unique: {shown}")
    for name, value in staged.partition.items():
        strays = df.where(df[name] != value).limit(1).collect()
        if strays:
            faults.append(f"rows of {name} {strays[0][name]} in the snapshot of {value}")
    if faults:
        raise ContractError(
            f"{contract.name} failed its audit and was not published:\n" + "\n".join(f"  - {f}" for f in faults)
        )


@dataclass(frozen=True)
class Outcome:
    """How a step ended."""

    step: str
    skipped: bool
    seconds: float
    counts: dict[str, int | float]
    peak_gb: float  # of the process, up to the end of the step


def scratch_root(lake: Lake) -> Path:
    """Folder of attempts' intermediate files."""
    return lake.root / "_scratch"


def pin_inputs(step: Step, lake: Lake, as_of: AsOf) -> tuple[dict[str, int], dict[str, int], dict[str, Any]]:
    """Fixes what the step will read.

    Returns the versions to read, the versions that identify the inputs (for a snapshot table the last commit that
    touched this `as_of`, so that a later date does not make this one stale), and the dates of previous snapshots.
    """
    versions, identity, previous = {}, {}, {}
    missing = []
    for name in (*step.reads, *step.optional):
        commit = lake.last_commit(name, as_of.day)
        if commit is None:
            if name in step.reads:
                missing.append(name)
            continue
        versions[name] = lake.require(name).version()
        identity[name] = commit.version
    if missing:
        raise LakeError(
            f"{step.name} needs {', '.join(missing)} for {as_of.day}, and lake {lake.root} does not have it yet; "
            "`nextbest run` does the steps in order"
        )
    for name in step.previous:
        days = [d for d in lake.dates(name) if d < as_of.day]
        if days:
            previous[name] = days[-1]
            versions[f"previous:{name}"] = lake.require(name).version()
            commit = lake.last_commit(name, days[-1])
            identity[f"previous:{name}"] = commit.version if commit else -1
    return versions, identity, previous


@dataclass(frozen=True)
class Identity:
    """What a run of a step rests on: its id is a digest of `facts`."""

    run_id: str
    facts: dict[str, Any]
    versions: dict[str, int]
    previous: dict[str, Any]


def identify(module: StepModule, settings: Settings, as_of: AsOf, lake: Lake, tracking: Tracking) -> Identity:
    """The identity that a run of the step would have now; `LakeError` when inputs are missing."""
    step = module.STEP
    versions, identity, previous = pin_inputs(step, lake, as_of)
    facts = {
        "step": step.name,
        "as_of": str(as_of.day) if step.dated else "",
        "inputs": identity,
        "models": {name: tracking.champion_version(name) for name in step.models},
        "settings": settings.section_hash(step.settings),
        "code": code_version(),
        "outside": module.fingerprint(settings) if hasattr(module, "fingerprint") else "",
    }
    run_id = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
    return Identity(run_id, facts, versions, previous)


def execute(
    module: StepModule,
    settings: Settings,
    as_of: AsOf,
    engine: Engine,
    lake: Lake,
    tracking: Tracking,
    *,
    force: bool = False,
) -> Outcome:
    """Runs one step, or finds that it is already done. The caller holds the lake's lock."""
    step = module.STEP
    found = identify(module, settings, as_of, lake, tracking)
    facts, versions, previous, run_id = found.facts, found.versions, found.previous, found.run_id
    if not force and _finished(step, lake, as_of, run_id, tracking):
        say(f"{step.name}: already done for these inputs, settings and code (run {run_id})")
        return Outcome(step.name, True, 0.0, {}, peak_memory_gb())

    attempt_id = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    cut = f"as of {as_of.day}, " if step.dated else ""
    say(f"{step.name}: {cut}engine {engine.name}, attempt {attempt_id}")
    if versions:
        say("  reads " + ", ".join(f"{n} v{v}" for n, v in sorted(versions.items())))
    job = Job(step, settings, as_of, engine, lake, tracking, attempt_id, run_id, versions, previous)
    started, clock = datetime.now(UTC), time.monotonic()
    outputs: dict[str, dict[str, int]] = {}
    message = None
    try:
        failpoint("started")
        module.run(job)
        failpoint("computed")
        due = {*step.writes, *(name for name in step.may_write if lake.table(name) is not None)}
        unwritten = due - {s.contract.name for s in job.staged}
        if unwritten:
            raise LakeError(f"step {step.name} ended without writing {', '.join(sorted(unwritten))}")
        # what is always written comes last: when all of it carries the run, so does the rest
        for staged in sorted(job.staged, key=lambda s: s.contract.name in step.writes):
            version = lake.publish(staged, run_id=run_id, step=step.name, attempt_id=attempt_id, note=staged.note)
            outputs[staged.contract.name] = {"version": version, "rows": staged.rows}
            failpoint("published")
    except BaseException as e:
        message = str(e) or type(e).__name__
        raise
    finally:
        row = {
            "run_id": run_id,
            "step": step.name,
            "attempt_id": attempt_id,
            "as_of": as_of.day if step.dated else None,
            "status": "failed" if message else "finished",
            "started_at": started,
            "seconds": round(time.monotonic() - clock, 3),
            "engine": engine.name,
            "code_version": facts["code"],
            "settings_hash": facts["settings"],
            "inputs": json.dumps(versions, sort_keys=True),
            "outputs": json.dumps(outputs, sort_keys=True),
            "counts": json.dumps(job.counts, sort_keys=True),
            "models": json.dumps(job.used_models, sort_keys=True),
            "message": message[:2000] if message else None,
        }
        _record(lake, row)
        shutil.rmtree(scratch_root(lake) / attempt_id, ignore_errors=True)
    seconds = time.monotonic() - clock
    for line in _count_lines(job.counts):
        say(f"  {line}")
    for name, about in outputs.items():
        say(f"  wrote {name} v{about['version']}: {about['rows']:,} rows")
    say(f"  done in {seconds:.1f} s" + (f"; next: {step.next}" if step.next else ""))
    return Outcome(step.name, False, seconds, job.counts, peak_memory_gb())


def _count_lines(counts: dict[str, int | float]) -> Iterator[str]:
    """`transactions: in 5, good 4, quarantined 1` for counts `transactions.in` and so on; plain counts one a line."""
    groups: dict[str, list[str]] = {}
    for key, value in counts.items():
        table, _, what = key.rpartition(".")
        if what != "rows":
            groups.setdefault(table, []).append(f"{what} {value:,}" if table else f"{what} = {value:,}")
    for table, parts in groups.items():
        yield from [f"{table}: {', '.join(parts)}"] if table else parts


def _finished(step: Step, lake: Lake, as_of: AsOf, run_id: str, tracking: Tracking) -> bool:
    """Whether every output carries `run_id`; a step without tables is finished when `runs` says so."""
    if step.trains and any(tracking.champion_version(name) is None for name in step.trains):
        return False
    commits = [lake.last_commit(name, as_of.day) for name in step.writes]
    if commits:
        others = [c for c in (lake.last_commit(name, as_of.day) for name in step.may_write) if c is not None]
        return all(c is not None and c.run_id == run_id for c in commits + others)
    table = lake.arrow("runs") if lake.table("runs") is not None else None
    return table is not None and any(
        row["run_id"] == run_id and row["status"] == "finished"
        for row in table.select(["run_id", "status"]).to_pylist()
    )


def _record(lake: Lake, row: dict[str, Any]) -> None:
    """Appends one row to `runs`. A failure here must not hide the error that ended the step."""
    table = pa.Table.from_pylist([row], schema=lake.contract("runs").arrow_schema())
    try:
        staged = lake.stage("runs", table, row["attempt_id"], None)
        lake.publish(staged, run_id=row["run_id"], step=row["step"], attempt_id=row["attempt_id"])
    except (LakeError, OSError) as e:
        if row["status"] == "finished":
            raise
        say(f"  the failed attempt could not be recorded in runs: {e}")
