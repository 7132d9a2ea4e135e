"""`nextbest tune-recommender`: search better settings of the recommender on windows of the past, and train nothing."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from pathlib import Path

import click
from threadpoolctl import threadpool_limits

from jobs import train_recommender
from jobs.cli import common_options
from jobs.console import say
from jobs.runs import Job, Step, execute
from jobs.settings import Settings
from jobs.training_tags import training_tags
from jobs.workspace import resolve_as_of, workspace
from models.search_space import SPACES
from models.tuning_params import TuningParams

NAME = "recommender-tuning"
STEP = Step(
    "tune-recommender",
    reads=train_recommender.STEP.reads,
    optional=train_recommender.STEP.optional,
    settings=train_recommender.STEP.settings,
)
USUAL_TRIALS = 20  # where neither the settings nor the command line say
PROTOCOL = "label windows before the one of calibration and gate"


@click.command("tune-recommender")
@click.option("--trials", type=click.IntRange(min=2), help=f"Of each stage.  [default: as set, or {USUAL_TRIALS}]")
@click.option("--seconds", type=click.FloatRange(min=0), help="For all stages together; 0 for no limit.")
@click.option("--dry-run", is_flag=True, help="Show what would be tuned and between which bounds, do nothing.")
@common_options
def command(settings: Settings, trials: int | None, seconds: float | None, dry_run: bool) -> None:
    """Search better settings of the recommender on windows of the past.

    Trial 0 of each stage is the settings as they are; a better trial takes their place only when it beats them by
    interval over customers. The winners are written as a settings file into the lake, for --config, and logged with
    all trials. A run that was stopped goes on after its last finished trial; more --trials continue it. The same data,
    settings, code and seed give the same trials; how many fit into --seconds depends on the machine.
    """
    asked = settings.recommender.tuning
    tuning = replace(
        asked,
        trials=trials or asked.trials or USUAL_TRIALS,
        seconds=asked.seconds if seconds is None else seconds,
    )
    if dry_run:
        show_plan(tuning)
        return
    chosen = settings.model_copy(update={"recommender": replace(settings.recommender, tuning=tuning)})
    with workspace(chosen, STEP.name) as w:
        as_of = resolve_as_of(chosen, w.lake)
        execute(sys.modules[__name__], chosen, as_of, w.engine, w.lake, w.tracking, force=True)  # type: ignore[arg-type]


def show_plan(tuning: TuningParams) -> None:
    """The stages, their bounds and the budget."""
    limit = f"{tuning.seconds:.0f} seconds in all" if tuning.seconds else "no limit of time"
    say(f"{tuning.trials} trials of each stage, {limit}; each judged on {tuning.windows} windows")
    for stage in tuning.stages:
        say(f"  {stage}")
        for name, part in SPACES[stage].items():
            say(f"    {name}: {part.words}")


def run(job: Job) -> None:
    """Tunes, and writes the winners where the operator can take them up."""
    from jobs.recommender_levels import read_levels
    from jobs.recommender_tuning import tune
    from jobs.tuning_report import report, settings_file

    job.tracking.check()
    levels = read_levels(job)
    params = train_recommender.flat(asdict(job.settings.recommender))
    with job.tracking.training(NAME, params, training_tags(job, PROTOCOL)) as t, threadpool_limits(1, user_api="blas"):
        _, found = tune(job, levels, t)
        about = f"settings found by nextbest tune-recommender as of {job.as_of.day}"
        report(found, t, about)
    for one in found:
        job.count(f"{one.stage}.trials", len(one.trials))
    if any(one.changes for one in found):
        path = settings_path(job)
        path.write_text(settings_file(found, about), encoding="utf-8")
        job.say(f"winners in {path}: nextbest train-recommender --config {path}, or take them into your own file")
    else:
        job.say("the settings stay as they are")


def settings_path(job: Job) -> Path:
    """Where the winners are written."""
    return job.lake.root / "studies" / f"recommender-{job.as_of.day}.yaml"
