"""Train and register the recommender of products and categories.

Learns from label windows that lie before the cut. In each segment (bought before, or not) the best single source ranks,
such as decayed own frequency or 28-day popularity, until a ranker beats it there by interval, so that there is always
something to publish. With `recommender.tuning.trials` its settings are tuned first, on windows before the one of
calibration and gate; `nextbest tune-recommender` does that alone.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from typing import Any

from threadpoolctl import threadpool_limits

from jobs.memory import release_memory
from jobs.mllib_trainer import mllib_trainer
from jobs.recommender_levels import read_levels
from jobs.recommender_logs import LOGS, SETTINGS
from jobs.runs import Job, Step
from jobs.tracking import TrainingRun
from jobs.training_lines import Lines
from jobs.training_tags import training_tags
from scoring.recommendations import build_recommender
from scoring.recommender_inputs import Levels
from scoring.recommender_params import RecommenderParams
from scoring.train_second_stage import fit_second_stage

NAME = "recommender"
STEP = Step(
    "train-recommender",
    reads=("transactions", "products", "customer_map"),
    optional=LOGS,
    trains=(NAME,),
    settings=(*SETTINGS, "seed", "threads"),
    next="nextbest recommend-products",
)
PROTOCOL = "label windows before as_of; latest one for calibration and gate"


def run(job: Job) -> None:
    """Reads purchases, trains both levels, logs what they are worth, registers, and promotes what the gate allows."""
    job.tracking.check()
    settings, params = job.settings, job.settings.recommender
    levels, outside = read_levels(job), mllib_trainer(job)
    release_memory()  # of the engine's rows
    # many small systems are solved: BLAS threads would only wait for each other (ALS and LightGBM have their own)
    with (
        job.tracking.training(NAME, flat(asdict(params)), training_tags(job, PROTOCOL)) as t,
        threadpool_limits(1, user_api="blas"),
    ):
        if params.tuning.trials:
            params = _tuned(job, levels, t)
        lines, stages = Lines(), []
        for data, catalogue, (level, stage) in (
            (levels.products, levels.catalogue, params.products(settings.horizon_days, settings.threads)),
            (levels.categories, levels.upper, params.category_level(settings.horizon_days, settings.threads)),
        ):
            stage = replace(stage, outside=None if level.by_state else outside)
            trained = fit_second_stage(data, catalogue, job.as_of.epoch_day, level, stage, partial(_said, job))
            # judged now, so that the window's large matrix goes before the next level comes
            lines.add(job, trained)
            stages.append(trained.stage)
            del trained
            release_memory()
        lines.log(t, f"latest28d.{job.as_of.day}")
        bought, said = levels.products.purchases, levels.products.tags
        model = build_recommender(
            job.as_of.day, settings.horizon_days, stages[0], stages[1], levels.place, bought.stores, said.products
        )
        kinds = {f"{s.level.name}.{k}": v for s in stages for k, v in s.modes.items()}
        version = t.register(NAME, model.save(job.scratch / NAME), kinds)
        # within the model a single source ranks each segment unless the gate let the ranker through
        t.promote(NAME, version, "champion")
    job.count("model_version", version)
    job.say(f"version {version} is champion: {', '.join(f'{k} by {v}' for k, v in kinds.items())}")


def _said(job: Job, line: str) -> None:
    """Says what comes next; what the part before it no longer needs goes back to the system."""
    job.say(line)
    release_memory()


def _tuned(job: Job, levels: Levels, t: TrainingRun) -> RecommenderParams:
    """The settings after tuning, which is logged with the training."""
    from jobs.recommender_tuning import tune  # here, so that training without it does not wait for Optuna
    from jobs.tuning_report import report

    params, found = tune(job, levels, t)
    report(found, t, f"tuned before training as of {job.as_of.day}")
    return params


def flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted parameter names."""
    out: dict[str, Any] = {}
    for key, value in tree.items():
        out |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return out
