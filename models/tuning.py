"""Search for better settings: trials on windows of the past, and whether the best of them is better by interval.

Trial 0 is the settings as they are, so the best trial equals or beats them on the same windows. Trials come from
Optuna's TPE sampler, seeded with each trial's place, so that a study that was killed and taken up again proposes what
it would have proposed without the kill. Where and when to stop is the caller's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol

import numpy as np
import optuna
from lightgbm.basic import LightGBMError
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from features.errors import ModelError
from models.search_space import Params, Space, Value
from models.tuning_params import TuningParams

STARTUP_TRIALS = 6  # random ones before TPE begins
FAULT = "fault"
Judgement = NDArray[np.float64]
optuna.logging.set_verbosity(optuna.logging.ERROR)


class Objective(Protocol):
    """What a stage of tuning is judged by."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the metric's columns."""
        ...

    def judge(self, params: Params) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """Per window, the same ones in the same order for all `params`: customers (m,), the same for all `params`, and
        their metric (m, n_tasks), nan where a customer has no truth."""
        ...


class Judgements(Protocol):
    """Where the metrics of each customer are kept, so that trials can be compared after a kill too."""

    def keep(self, number: int, judgement: Judgement) -> None:
        """Remembers the judgement of a trial."""
        ...

    def of(self, number: int) -> Judgement:
        """The judgement of a trial."""
        ...


@dataclass(frozen=True)
class Gain:
    """How much better than the settings as they are, as a share of them, with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Trial:
    """One finished trial. `place` counts finished trials, 0 being the settings as they are; `number` is the study's.

    `value` is the mean over windows and tasks of the metric's mean as a multiple of that of trial 0, None when the
    trial was pruned or failed; `means` the metric's mean by "task.window".
    """

    place: int
    number: int
    state: str
    params: Mapping[str, Value]
    value: float | None
    means: Mapping[str, float]
    seconds: float

    @property
    def full(self) -> bool:
        """Whether it was judged on all windows."""
        return self.value is not None


def search(
    study: optuna.Study,
    space: Space,
    start: Mapping[str, Value],
    objective: Objective,
    judgements: Judgements,
    params: TuningParams,
    is_over: Callable[[], bool],
    tell: Callable[[Trial], None],
) -> list[Trial]:
    """Continues `study` until it has `params.trials` finished trials or `is_over()`; returns all of them.

    `start` must lie in `space` (`space_around`). `tell` hears of each trial that finishes now. A trial whose settings
    a model or LightGBM refuses (`ModelError`, `LightGBMError`) counts as finished and failed, but for trial 0, where
    the error is raised.
    """
    for left in study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
        study.tell(left.number, state=TrialState.FAIL)  # a killed process left it
    study.pruner = _pruner(params.pruner)
    place = len(finished(study))
    while place < params.trials and not (is_over() and place):
        study.sampler = optuna.samplers.TPESampler(
            seed=params.seed * 100_003 + place, n_startup_trials=STARTUP_TRIALS, n_ei_candidates=48
        )
        if place == 0 and not study.get_trials(deepcopy=False, states=[TrialState.WAITING]):
            study.enqueue_trial(dict(start))
        trial = study.ask()
        chosen = {name: part.suggest(trial, name) for name, part in space.items()}
        base = None if place == 0 else judgements.of(finished(study)[0].number)
        try:
            _run(study, trial, objective, chosen, base, judgements)
        except (ModelError, LightGBMError) as error:
            if place == 0:
                raise
            trial.set_user_attr(FAULT, str(error))
            study.tell(trial, state=TrialState.FAIL)
        tell(finished(study)[place])
        place += 1
    return finished(study)


def _run(
    study: optuna.Study,
    trial: optuna.Trial,
    objective: Objective,
    chosen: Params,
    base: Judgement | None,
    judgements: Judgements,
) -> None:
    """One trial over the windows; stops where the pruner says so."""
    parts: list[Judgement] = []
    value = math.nan
    for window, (customer, metric) in enumerate(objective.judge(chosen)):
        parts.append(np.column_stack([np.full(len(customer), window), customer, metric]))
        rows = np.concatenate(parts)
        value = relative_value(rows if base is None else base, rows)
        trial.set_user_attr("means", means(rows, objective.tasks))
        trial.report(value, window)
        if base is not None and window < base[-1, 0] and trial.should_prune():
            study.tell(trial, state=TrialState.PRUNED)
            return
    if not parts or not math.isfinite(value):
        raise ModelError("the windows hold too few purchases to judge settings by")
    # before the study hears of it: what counts as finished can be compared
    judgements.keep(trial.number, np.concatenate(parts))
    study.tell(trial, value)


def judge_windows(objective: Objective, params: Params) -> Judgement:
    """One row per window and customer: number of the window, customer, and the metric by task."""
    parts = enumerate(objective.judge(params))
    return np.concatenate([np.column_stack([np.full(len(c), window), c, metric]) for window, (c, metric) in parts])


def finished(study: optuna.Study) -> list[Trial]:
    """The finished trials in their order; those that a kill cut short are not among them."""
    done = [t for t in study.get_trials(deepcopy=False) if _counts(t)]
    return [_as_trial(place, t) for place, t in enumerate(done)]


def _counts(t: FrozenTrial) -> bool:
    return t.state in (TrialState.COMPLETE, TrialState.PRUNED) or FAULT in t.user_attrs


def _as_trial(place: int, t: FrozenTrial) -> Trial:
    state = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned"}.get(t.state, "failed")
    value = float(t.value) if state == "complete" and t.value is not None else None
    took = t.duration.total_seconds() if t.duration is not None else math.nan
    return Trial(place, t.number, state, dict(t.params), value, dict(t.user_attrs.get("means", {})), took)


def best_trial(trials: Iterable[Trial]) -> Trial:
    """The trial with the largest value, the earliest of equals."""
    return max((t for t in trials if t.full), key=lambda t: (t.value, -t.place))


def means(rows: Judgement, tasks: Sequence[str]) -> dict[str, float]:
    """Mean of the metric by "task.window", where anybody has a truth."""
    found = {}
    for window in np.unique(rows[:, 0]):
        inside = rows[rows[:, 0] == window, 2:]
        for j, task in enumerate(tasks):
            known = inside[np.isfinite(inside[:, j]), j]
            if len(known):
                found[f"{task}.{int(window)}"] = round(float(known.mean()), 6)
    return found


def relative_value(base: Judgement, rows: Judgement) -> float:
    """Mean over the windows of `rows` and over tasks of the metric's mean as a multiple of that of `base`."""
    return 1.0 + _differences(base, rows)[0]


def paired_gain(base: Judgement, rows: Judgement, level: float, tasks: Sequence[int] | None = None) -> Gain:
    """How much better `rows` are than `base`, paired by customer, with the interval that holds it with `level`.

    A customer counts with all her windows and tasks. The interval is the normal one of a mean of many customers, whose
    variance is the sum of the squares of each customer's influence (delta method): unlike bootstrap draws it stays
    exact at the levels near 1 that a comparison of the best of many trials needs. `tasks` chooses columns.
    """
    chosen = list(range(base.shape[1] - 2)) if tasks is None else list(tasks)
    columns = [0, 1, *(2 + j for j in chosen)]
    value, influence = _differences(base[:, columns], rows[:, columns])
    half = NormalDist().inv_cdf((1 + level) / 2) * math.sqrt(float(np.sum(influence**2)))
    return Gain(value, value - half, value + half)


def level_of_best(level: float, trials: int) -> float:
    """Level at which the best of `trials` must be judged so that chance makes any of them a winner no more often than
    1 - `level` (Bonferroni)."""
    return 1 - (1 - level) / max(trials, 1)


def _differences(base: Judgement, rows: Judgement) -> tuple[float, NDArray[np.float64]]:
    """Mean relative difference over (window, task) cells, and what each customer contributes to its error."""
    base = base[base[:, 0] <= rows[-1, 0]]
    if base.shape != rows.shape or not np.array_equal(base[:, :2], rows[:, :2]):
        raise ModelError("trials were judged on different customers or windows; start the study anew")
    _, who = np.unique(base[:, 1], return_inverse=True)
    influence, cells = np.zeros(int(who.max(initial=-1)) + 1), []
    for window in np.unique(base[:, 0]):
        at = base[:, 0] == window
        for j in range(2, base.shape[1]):
            known = np.isfinite(base[at, j])
            level = float(base[at, j][known].mean()) if known.any() else 0.0
            if level <= 0:
                continue  # nobody can be served here, by any settings
            difference = (rows[at, j] - base[at, j])[known] / level
            cells.append(float(difference.mean()))
            np.add.at(influence, who[at][known], (difference - cells[-1]) / len(difference))
    if not cells:
        return math.nan, influence
    return float(np.mean(cells)), influence / len(cells)


def _pruner(name: str) -> optuna.pruners.BasePruner:
    if name == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=4)
    if name == "halving":
        return optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2)
    return optuna.pruners.NopPruner()
