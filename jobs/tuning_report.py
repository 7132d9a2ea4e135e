"""What tuning found: child runs of trials, tables for the operator, and a settings file with the winners."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import yaml

from jobs.console import show_table
from jobs.tracking import TrainingRun
from models.search_space import Value
from models.tuning import Gain, Trial, best_trial
from scoring.tuning_windows import Plan

SHOWN = 5  # trials in the table


@dataclass(frozen=True)
class Tuned:
    """One stage: its trials, the best of them, how much better than the settings it is, and whether it is taken."""

    stage: str
    study: str
    tasks: tuple[str, ...]
    trials: list[Trial]
    gain: Gain
    by_task: dict[str, Gain]
    level: float
    taken: bool

    @property
    def best(self) -> Trial:
        """The best trial."""
        return best_trial(self.trials)

    @property
    def changes(self) -> dict[str, Value]:
        """Settings of the section that the winner changes."""
        start, best = self.trials[0].params, self.best.params
        return {name: v for name, v in best.items() if v != start[name]} if self.taken else {}

    @property
    def words(self) -> str:
        """The verdict for people."""
        if self.best.place == 0:
            return f"{self.stage}: none of {len(self.trials) - 1} trials beats the settings, which stay"
        g = self.gain
        shown = f"{g.value:+.2%} [{g.low:+.2%}, {g.high:+.2%}] at {self.level:.2%}"
        does = "takes their place" if self.taken else "does not beat them by interval, so they stay"
        return f"{self.stage}: trial {self.best.place} of {len(self.trials)} against the settings {shown}: {does}"


def log_trial(run: TrainingRun, plan: Plan, stage: str, trial: Trial) -> None:
    """A trial as a child run."""
    days = plan.ranker if stage == "ranker" else plan.sources
    metrics = {}
    for key, mean in trial.means.items():
        task, _, window = key.partition(".")
        metrics[f"ndcg_at_10.{task}.{as_date(days[int(window)])}"] = mean
    if trial.value is not None:
        metrics["objective"] = trial.value
    if trial.seconds == trial.seconds:
        metrics["seconds"] = trial.seconds
    params = {f"{stage}.{name}": value for name, value in trial.params.items()}
    run.trial(f"{stage} trial {trial.place}", params, metrics, {"stage": stage, "state": trial.state})


def as_date(day: int) -> date:
    """The date of a day since 1970-01-01."""
    return np.datetime64(day, "D").astype(object)  # type: ignore[no-any-return]


def report(found: list[Tuned], run: TrainingRun, about: str) -> None:
    """Prints the best trials of each stage, and logs the verdicts and the settings file."""
    for one in found:
        _show(one)
        gains = {"": one.gain, **({f".{task}": g for task, g in one.by_task.items()} if len(one.tasks) > 1 else {})}
        for name, gain in gains.items():
            start = f"tuning.{one.stage}{name}.gain"
            run.metrics({start: gain.value, f"{start}_low": gain.low, f"{start}_high": gain.high})
        run.params({f"tuned.{one.stage}.{name}": value for name, value in one.changes.items()})
    run.tags({"tuned": ", ".join(one.stage for one in found if one.taken) or "nothing"})
    if found:
        run.text("tuned.yaml", settings_file(found, about))


def settings_file(found: list[Tuned], about: str) -> str:
    """A settings file with what the winners change, and why, to be given with --config or taken into one's own."""
    lines = [f"# {about}"]
    lines += [f"# {one.words}" for one in found]
    changes = {one.stage: one.changes for one in found if one.changes}
    if not changes:
        return "\n".join([*lines, "# nothing changes", ""])
    return "\n".join(lines) + "\n" + yaml.safe_dump({"recommender": changes}, sort_keys=False)


def _show(one: Tuned) -> None:
    """The best trials of a stage with the settings as they are beside them."""
    full = sorted((t for t in one.trials if t.full), key=lambda t: (-(t.value or 0), t.place))
    rows = full[:SHOWN] + [t for t in full[SHOWN:] if t.place == 0]
    shown = [[t.place, t.value, *("none" if v is None else v for v in t.params.values())] for t in rows]
    title = f"{one.stage}: {len(one.trials)} trials, {len(one.trials) - len(full)} of them cut short; 0 is the settings"
    show_table(title, ["trial", "objective", *one.trials[0].params], shown)
