"""`nextbest run`: all steps for a date, in order, skipping what is finished."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from pathlib import Path

import click

from jobs.cli import COMMANDS, common_options
from jobs.console import say, show_table
from jobs.memory import peak_memory_gb, release_memory
from jobs.runs import Outcome, execute
from jobs.settings import Settings
from jobs.workspace import resolve_as_of, undated, workspace

STEPS = (
    "ingest",
    "resolve-identities",
    "tag-posts",
    "build-features",
    "tag-customers",
    "build-cube",
    "train-recommender",
    "train-response",
    "recommend-products",
    "score-channels",
    "decide-offers",
)
TRAINING = ("train-recommender", "train-response")


def run_steps(settings: Settings, names: Iterable[str], *, force: bool = False) -> list[Outcome]:
    """Executes the named steps in order under one lock and one engine; stops at the first error."""
    outcomes = []
    names = list(names)
    with workspace(settings, "run") as w:
        for number, name in enumerate(names, start=1):
            module = importlib.import_module(COMMANDS[name][0])
            say(f"[{number}/{len(names)}] {name}")
            if name == "ingest" and settings.sources is None:
                say("  no sources given: using the tables that were ingested before")
                continue
            as_of = resolve_as_of(settings, w.lake) if module.STEP.dated else undated(settings)
            outcome = execute(module, settings, as_of, w.engine, w.lake, w.tracking, force=force)  # type: ignore[arg-type]
            outcomes.append(outcome)
            release_memory()
    return outcomes


def report(outcomes: list[Outcome]) -> None:
    """Timings and peak memory of a run."""
    rows = [
        (o.step, "already done" if o.skipped else "done", round(o.seconds, 1), round(o.peak_gb, 2)) for o in outcomes
    ]
    show_table("", ["step", "status", "seconds", "peak GB so far"], rows)
    total = sum(o.seconds for o in outcomes)
    say(f"total {total:.0f} s, peak memory {peak_memory_gb():.2f} GB")


@click.command("run")
@click.option("--sources", type=click.Path(path_type=Path), help="Folder with one file per source table.")
@click.option("--no-train", is_flag=True, help="Score with the champions as they are.")
@click.option("--force", is_flag=True, help="Do every step again.")
@click.option("--dry-run", is_flag=True, help="List the steps and settings, do nothing.")
@common_options
def command(settings: Settings, no_train: bool, force: bool, dry_run: bool) -> None:
    """Do all steps for a date, in order.

    A step that is finished for the same inputs, settings and code is skipped, so the command resumes after a kill.
    """
    names = [n for n in STEPS if not (no_train and n in TRAINING)]
    if dry_run:
        say(f"lake {settings.lake}, engine {settings.engine}, as_of {settings.as_of or 'the day after the last sale'}")
        for name in names:
            step = importlib.import_module(COMMANDS[name][0]).STEP
            say(f"  {name}: reads {', '.join(step.reads + step.optional) or 'files'}; writes {_or_model(step)}")
        return
    report(run_steps(settings, names, force=force))
    say("next: nextbest tables; nextbest explain CUSTOMER")


def _or_model(step: object) -> str:
    writes, trains = getattr(step, "writes", ()), getattr(step, "trains", ())
    others = ("every other table delivered",) if getattr(step, "may_write", ()) else ()
    return ", ".join((*writes, *others, *(f"model {t}" for t in trains)))
