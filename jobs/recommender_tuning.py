"""Tuning of the recommender's settings before it is trained: stages one after another, each a study that resumes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from features.errors import ModelError
from jobs.code_version import code_version
from jobs.memory import release_memory
from jobs.runs import Job
from jobs.studies import KeptJudgements, open_study, study_name
from jobs.tracking import TrainingRun
from jobs.tuning_report import Tuned, log_trial
from models.search_space import SPACES, Space, space_around
from models.tuning import (
    Objective,
    Trial,
    best_trial,
    finished,
    judge_windows,
    level_of_best,
    paired_gain,
    search,
)
from models.tuning_params import STAGES
from recommend.catalogue import Catalogue
from recommend.dealings import Dealings
from scoring.recommender_inputs import Levels
from scoring.recommender_params import RecommenderParams, StageParams
from scoring.tune_ranker import ranker_objective
from scoring.tune_sources import source_objective
from scoring.tuning_windows import Plan, plan_windows

SHARES = {"als": 1, "ease": 1, "ranker": 2}  # of the time


@dataclass(frozen=True)
class Question:
    """What is tuned: the product level before a cut, with the settings found so far."""

    job: Job
    data: Dealings
    catalogue: Catalogue
    plan: Plan
    params: RecommenderParams

    @property
    def stage_params(self) -> StageParams:
        """Those of the product level."""
        return self.params.products(self.job.settings.horizon_days, self.job.settings.threads)[1]


def tune(job: Job, levels: Levels, run: TrainingRun) -> tuple[RecommenderParams, list[Tuned]]:
    """The settings after tuning on windows before the one of calibration and gate, and what was found per stage.

    Trials are child runs of `run`, those of an earlier attempt included. Products are tuned; what is found holds for
    categories too, where it must not lose by interval.
    """
    params = job.settings.recommender
    tuning = params.tuning
    data = levels.products.before(job.as_of.epoch_day)
    _, stage_params = params.products(job.settings.horizon_days, job.settings.threads)
    plan = plan_windows(data, job.as_of.epoch_day, stage_params, tuning.windows)
    if plan is None:
        job.say("tuning: the history is too short for a window to be judged on and one to learn from; settings stay")
        return params, []
    q = Question(job, data.before(plan.gate), levels.catalogue, plan, params)
    ends = time.monotonic() + tuning.seconds if tuning.seconds else float("inf")
    stages = [s for s in STAGES if s in tuning.stages]
    found: list[Tuned] = []
    for number, stage in enumerate(stages):
        if number and time.monotonic() >= ends:
            job.say(f"{stage}: no time is left, its settings stay")
            continue
        rest = sum(SHARES[s] for s in stages[number:])
        until = time.monotonic() + (ends - time.monotonic()) * SHARES[stage] / rest
        try:
            one = _tune_stage(q, stage, lambda until=until: time.monotonic() >= until, run)  # type: ignore[misc]
        except ModelError as error:
            job.say(f"{stage}: {error}; settings stay")
            continue
        job.say(one.words)
        found.append(one)
        q = replace(q, params=with_winners(q.params, [one]))
        release_memory()
    if q.params != params and _categories_lose(job, levels, params, q.params, run):
        return params, [replace(one, taken=False) for one in found]
    return q.params, found


def with_winners(params: RecommenderParams, found: list[Tuned]) -> RecommenderParams:
    """The settings with what the winners change."""
    for one in found:
        params = replace(params, **{one.stage: replace(getattr(params, one.stage), **one.changes)})
    return params


def _tune_stage(q: Question, stage: str, is_over: Callable[[], bool], run: TrainingRun) -> Tuned:
    """Takes up the stage's study, runs what is left of its trials, logs all of them, and judges the best."""
    job, tuning = q.job, q.params.tuning
    start = {name: asdict(getattr(q.stage_params, stage))[name] for name in SPACES[stage]}
    space = space_around(SPACES[stage], start)
    name = study_name("products", stage, _facts(q, stage, space))
    study, judgements = open_study(job.lake.root, name)
    before = finished(study)
    if before:
        job.say(f"{stage}: {len(before)} trials of study {name} are there already")
    for trial in before:
        log_trial(run, q.plan, stage, trial)

    def tell(trial: Trial) -> None:
        log_trial(run, q.plan, stage, trial)
        shown = trial.state if trial.value is None else f"{trial.value:.4f}"
        best = best_trial(finished(study))
        job.say(f"{stage} trial {trial.place}: {shown} in {trial.seconds:.0f} s, best {best.value:.4f} of trial "
                f"{best.place} ({trial.place + 1} of {tuning.trials})")  # fmt: skip

    trials = before
    if len(before) < tuning.trials:
        objective = _objective(q, stage)
        trials = search(study, space, start, objective, judgements, tuning, is_over, tell)
    return _judged(q, stage, name, trials, judgements)


def _objective(q: Question, stage: str) -> Objective:
    """What the stage's trials are judged by."""
    if stage == "ranker":
        q.job.say("ranker: candidates and features of the windows")
        return ranker_objective(q.data, q.catalogue, q.plan, q.stage_params, q.job.scratch / "tuning" / "products")
    return source_objective(stage, q.data, q.catalogue, q.plan, q.stage_params)


def _categories_lose(
    job: Job, levels: Levels, before: RecommenderParams, after: RecommenderParams, run: TrainingRun
) -> bool:
    """Whether categories, which share these settings, are ranked worse by interval, on the latest window of tuning."""
    job.say("categories: the winners against the settings")
    data, rows = levels.categories.before(job.as_of.epoch_day), []
    for name, params in (("before", before), ("after", after)):
        _, stage = params.category_level(job.settings.horizon_days, job.settings.threads)
        plan = plan_windows(data, job.as_of.epoch_day, stage, 1)
        if plan is None:
            return False
        scratch = job.scratch / "tuning" / f"categories.{name}"
        objective = ranker_objective(data.before(plan.gate), levels.upper, plan, stage, scratch)
        rows.append(judge_windows(objective, {}))
        release_memory()
    gain = paired_gain(rows[0], rows[1], before.tuning.level)
    run.metrics({"tuning.categories.gain": gain.value, "tuning.categories.gain_low": gain.low,
                 "tuning.categories.gain_high": gain.high})  # fmt: skip
    lost = gain.high < 0
    verdict = "they lose, so all settings stay" if lost else "they do not lose"
    job.say(f"categories: {gain.value:+.2%} [{gain.low:+.2%}, {gain.high:+.2%}]: {verdict}")
    return lost


def _facts(q: Question, stage: str, space: Space) -> dict[str, object]:
    """What the trials of a stage rest on; how many there will be and how they are judged in the end is not part."""
    tuning = q.params.tuning
    return {
        "as_of": q.job.as_of.day,
        "inputs": q.job.pinned,
        "settings": asdict(replace(q.stage_params, threads=1)),
        "view_days": q.params.view_days,
        "dropped": q.params.drop_departments,
        "tags": q.params.tags,
        "learned_from": (q.params.learn_from_customers, q.job.settings.seed),
        "zone": q.job.settings.time_zone,
        "space": {name: repr(part) for name, part in space.items()},
        "search": (stage, tuning.windows, tuning.pruner, tuning.seed),
        "code": code_version(),
    }


def _judged(q: Question, stage: str, name: str, trials: list[Trial], judgements: KeptJudgements) -> Tuned:
    """The best trial against trial 0, by customers."""
    tasks = ("all", "explore") if stage == "ranker" else ("explore",)
    best = best_trial(trials)
    level = level_of_best(q.params.tuning.level, len(trials) - 1)
    base, rows = (judgements.of(t.number) for t in (trials[0], best))
    gain = paired_gain(base, rows, level)
    by_task = {task: paired_gain(base, rows, level, [j]) for j, task in enumerate(tasks)}
    return Tuned(stage, name, tasks, trials, gain, by_task, level, best.place > 0 and gain.low > 0)
