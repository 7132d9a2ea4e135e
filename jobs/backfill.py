"""Many cuts of one step: which are there, which are missing, which were made of something else, and building them.

A published snapshot stays as it is: a cut whose inputs, settings or code have changed since is built again only when
asked for (`--restate`), as a new version beside the old one. A run that was stopped goes on where it stopped: a cut
whose tables are not all of one run is built again in any case.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from features.as_of import AsOf
from features.errors import DataError
from jobs.console import say, show_table
from jobs.memory import release_memory
from jobs.runs import StepModule, execute, identify
from jobs.settings import Settings
from jobs.tables import ROLLBACK, Lake
from jobs.tracking import Tracking
from jobs.workspace import Workspace, open_lake, resolve_as_of, workspace

HOLE, INCOMPLETE, PUBLISHED, CHANGED = "missing", "incomplete", "published", "changed since"


@dataclass(frozen=True)
class Planned:
    """One cut of a backfill: what the lake has of it."""

    day: date
    state: str  # HOLE, INCOMPLETE, PUBLISHED or CHANGED
    why: str = ""  # what has changed since, or is incomplete

    def is_due(self, restate: bool) -> bool:
        """Whether it will be built."""
        return self.state in (HOLE, INCOMPLETE) or (restate and self.state == CHANGED)


def days_between(first: date, last: date, every: int) -> list[date]:
    """The cuts from `first` to `last`, both included, `every` so many days.

    >>> [d.day for d in days_between(date(2017, 1, 1), date(2017, 1, 8), 3)]
    [1, 4, 7]
    """
    if last < first:
        raise DataError(f"--to {last} is before --from {first}")
    if every < 1:
        raise DataError(f"--every must be at least 1 day, found {every}")
    return [first + timedelta(days=d) for d in range(0, (last - first).days + 1, every)]


def plan(module: StepModule, settings: Settings, lake: Lake, tracking: Tracking, days: Sequence[date]) -> list[Planned]:
    """What the lake holds of each cut."""
    runs = lake.arrow("runs").to_pylist() if lake.table("runs") is not None else []
    by_id = {row["run_id"]: row for row in runs if row["status"] == "finished"}
    return [_planned(module, settings, lake, tracking, day, by_id) for day in days]


def _planned(
    module: StepModule, settings: Settings, lake: Lake, tracking: Tracking, day: date, runs: dict[str, Any]
) -> Planned:
    owed = [lake.last_commit(name, day) for name in module.STEP.writes]
    others = [lake.last_commit(name, day) for name in module.STEP.may_write]
    commits = [c for c in owed + others if c is not None]
    if None in owed:
        return Planned(day, HOLE)
    built = {c.run_id for c in commits}
    # companions are published before the wide row, so a restatement that was killed leaves tables of two runs; a table
    # that was rolled back by hand is another run's too, and meant to be
    if len(built) > 1 and max(commits, key=lambda c: c.timestamp).step != ROLLBACK:
        return Planned(day, INCOMPLETE, f"tables of {len(built)} runs: one was stopped")
    now = identify(module, settings, AsOf(day, settings.time_zone), lake, tracking)
    if built == {now.run_id}:
        return Planned(day, PUBLISHED)
    return Planned(day, CHANGED, _difference(runs.get(min(built - {now.run_id})), now.facts))


def _difference(row: dict[str, Any] | None, facts: dict[str, Any]) -> str:
    """What a finished run was made of that is not so now, in words.

    `runs` has the version of each table that was read, the newest of its time. Later versions may be about other
    cuts: an input is another one when the last commit that touched this cut came after what was read.
    """
    if row is None:
        return "the run that built it is not in `runs`"
    before, now = json.loads(row["inputs"]), facts["inputs"]
    names = sorted(before.keys() ^ now.keys() | {n for n in before.keys() & now.keys() if now[n] > before[n]})
    parts = [f"inputs {', '.join(names)}"] if names else []
    parts += ["settings"] if row["settings_hash"] != facts["settings"] else []
    parts += ["code"] if row["code_version"] != facts["code"] else []
    return " and ".join(parts) or "models or outside inputs"


def seconds_per_cut(lake: Lake, step: str) -> float | None:
    """Median seconds of the step's last ten finished runs; None before the first."""
    if lake.table("runs") is None:
        return None
    rows = [r for r in lake.arrow("runs").to_pylist() if r["step"] == step and r["status"] == "finished"]
    last = sorted(rows, key=lambda r: r["started_at"])[-10:]
    return statistics.median(r["seconds"] for r in last) if last else None


def show_plan(planned: Sequence[Planned], step: str, restate: bool, seconds: float | None) -> None:
    """The cuts, what will be done about each, and what that should take."""
    rows = [(str(p.day), p.state, p.why, "build" if p.is_due(restate) else "keep") for p in planned]
    show_table("", ["as_of", "in the lake", "what has changed", "this run would"], rows)
    due = sum(p.is_due(restate) for p in planned)
    counted = {state: [str(p.day) for p in planned if p.state == state] for state in (HOLE, INCOMPLETE)}
    told = [f"{len(days)} {state}" + (f" ({_shown(days)})" if days else "") for state, days in counted.items()]
    say(f"{len(planned)} cuts: {due} to build, {told[0]}" + (f", {told[1]}" if counted[INCOMPLETE] else ""))
    if due and seconds is not None:
        say(f"about {due * seconds / 60:.1f} minutes, at {seconds:.1f} s a cut as {step} took before")
    elif due:
        say(f"{step} has not run here before, so there is no estimate of the time")
    if not restate and any(p.state == CHANGED for p in planned):
        say("cuts that changed since stay as published; --restate builds them again as new versions")


def _shown(days: list[str]) -> str:
    return ", ".join(days[:5]) + (f" and {len(days) - 5} more" if len(days) > 5 else "")


def backfill(
    name: str, module: StepModule, settings: Settings, days: Sequence[date], *, restate: bool, dry_run: bool
) -> None:
    """Builds the cuts that are missing (with `restate` also those that changed), oldest first, or shows the plan."""
    lake = open_lake(settings)
    for day in (days[0], days[-1]):
        resolve_as_of(settings.model_copy(update={"as_of": day}), lake)
    if dry_run:
        planned = plan(module, settings, lake, Tracking(settings.mlflow_uri, lake.root), days)
        show_plan(planned, name, restate, seconds_per_cut(lake, name))
        return
    with workspace(settings, name) as w:
        planned = plan(module, settings, w.lake, w.tracking, days)
        show_plan(planned, name, restate, seconds_per_cut(w.lake, name))
        due = [p.day for p in planned if p.is_due(restate)]
        for number, day in enumerate(due, start=1):
            say(f"[{number}/{len(due)}] {day}")
            _one(module, settings, w, day)
    say(f"next: nextbest tables history {module.STEP.writes[0]}")


def _one(module: StepModule, settings: Settings, w: Workspace, day: date) -> None:
    execute(module, settings, AsOf(day, settings.time_zone), w.engine, w.lake, w.tracking)
    release_memory()
