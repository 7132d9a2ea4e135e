"""Search: resumes exactly, prunes, keeps the settings unless a trial beats them by interval."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import optuna
import pytest
from numpy.typing import NDArray

from features.errors import ModelError, SettingsError
from models.search_space import Choice, Number, Params, space_around
from models.tuning import (
    Judgement,
    Trial,
    best_trial,
    judge_windows,
    level_of_best,
    paired_gain,
    relative_value,
    search,
)
from models.tuning_params import TuningParams

ROOT = Path(__file__).parents[2]
SPACE = {"rate": Number(0.01, 1.0), "size": Number(1, 9, whole=True), "kind": Choice((None, 30.0, "x"))}
START: Params = {"rate": 0.5, "size": 3, "kind": None}


class Hill:
    """Two windows of 200 customers; the metric falls with the distance of `rate` from .1, some have no truth."""

    tasks = ("all", "explore")

    def __init__(self) -> None:
        self.asked: list[Params] = []

    def judge(self, params: Params) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """See `models.tuning.Objective`."""
        self.asked.append(params)
        if params["size"] == 9:
            raise ModelError("9 is too large")
        for window in range(2):
            noise = np.random.default_rng(window).random((200, 2)) * 0.1
            metric = 0.5 - 0.2 * abs(np.log10(float(str(params["rate"]))) + 1) + noise
            metric[:20, 1] = np.nan
            yield np.arange(200), metric


class Kept(dict[int, Judgement]):
    """Judgements in memory."""

    def keep(self, number: int, judgement: Judgement) -> None:
        """See `models.tuning.Judgements`."""
        self[number] = judgement

    def of(self, number: int) -> Judgement:
        """See `models.tuning.Judgements`."""
        return self[number]


def run(study: optuna.Study, kept: Kept, trials: int, objective: Hill | None = None, **changes: object) -> list[Trial]:
    """Searches up to `trials`."""
    params = TuningParams(trials=trials, **changes)  # type: ignore[arg-type]
    hill = objective or Hill()
    return search(study, SPACE, START, hill, kept, params, lambda: False, lambda trial: None)


def params_of(trials: list[Trial]) -> list[dict[str, object]]:
    """What was tried, in order."""
    return [dict(t.params) for t in trials]


def test_search_begins_with_the_settings_finds_the_hill_and_prunes() -> None:
    """Trial 0 is the settings and worth 1; the best is better; some trials end after the first window."""
    kept = Kept()
    trials = run(optuna.create_study(direction="maximize"), kept, 25)
    assert trials[0].params == START
    assert trials[0].value == pytest.approx(1.0)
    assert [t.place for t in trials] == list(range(25))
    best = best_trial(trials)
    assert 0.05 < float(str(best.params["rate"])) < 0.2
    assert "pruned" in {t.state for t in trials}
    assert all(set(t.means) == {"all.0", "explore.0"} for t in trials if t.state == "pruned")
    assert set(kept) == {t.number for t in trials if t.full}
    gain = paired_gain(kept[0], kept[best.number], level_of_best(0.95, 24))
    assert gain.low > 0
    assert gain.value == pytest.approx((best.value or 0) - 1)


def test_a_refused_setting_is_a_failed_trial_but_not_for_the_settings_as_they_are() -> None:
    """A model's refusal costs a trial; when the present settings are refused, the error reaches the operator."""
    study = optuna.create_study(direction="maximize")
    study.enqueue_trial(START)
    study.enqueue_trial({"rate": 0.2, "size": 9, "kind": "x"})
    trials = run(study, Kept(), 3)
    assert [t.state for t in trials] == ["complete", "failed", "complete"]
    with pytest.raises(ModelError, match="9 is too large"):
        search(optuna.create_study(direction="maximize"), SPACE, START | {"size": 9}, Hill(), Kept(),
               TuningParams(trials=2), lambda: False, lambda trial: None)  # fmt: skip


def test_time_runs_out_between_trials_and_more_trials_continue_the_study() -> None:
    """With no time left only trial 0 is judged; later the same study goes on to what an undisturbed one holds."""
    study, kept = optuna.create_study(direction="maximize"), Kept()
    params = TuningParams(trials=8)
    assert len(search(study, SPACE, START, Hill(), kept, params, lambda: True, lambda trial: None)) == 1
    assert len(run(study, kept, 4)) == 4
    hill = Hill()
    whole = run(study, kept, 8, hill)
    assert len(hill.asked) == 4
    assert params_of(whole) == params_of(run(optuna.create_study(direction="maximize"), Kept(), 8))


KILLED = """
import os, signal, sys
from pathlib import Path
from jobs.studies import open_study
from models.tuning import search
from models.tuning_params import TuningParams
from tests.models.test_tuning import SPACE, START, Hill
class Fatal(Hill):
    def judge(self, params):
        for window in super().judge(params):
            if len(self.asked) == 6:
                os.kill(os.getpid(), signal.SIGKILL)
            yield window
study, kept = open_study(Path(sys.argv[1]), "products.als.1")
search(study, SPACE, START, Fatal(), kept, TuningParams(trials=9), lambda: False, lambda trial: None)
"""


def test_a_killed_search_goes_on_where_it_was(tmp_path: Path) -> None:
    """SIGKILL in the middle of a trial: finished trials stay, the rest are those of an undisturbed search."""
    from jobs.studies import open_study

    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT, env=env, check=False)
    assert done.returncode == -signal.SIGKILL
    study, kept = open_study(tmp_path, "products.als.1")
    hill = Hill()
    trials = search(study, SPACE, START, hill, kept, TuningParams(trials=9), lambda: False, lambda trial: None)
    assert len(trials) == 9
    assert len(hill.asked) == 4
    undisturbed = run(optuna.create_study(direction="maximize"), Kept(), 9)
    assert params_of(trials) == params_of(undisturbed)
    assert [t.value for t in trials] == [t.value for t in undisturbed]
    assert kept.of(trials[0].number).shape == (400, 4)


def test_gain_is_that_of_a_bootstrap_over_customers() -> None:
    """Value and interval agree with drawing customers with all their windows; one task alone too."""
    rng = np.random.default_rng(3)
    customer = np.tile(np.arange(300), 2)
    base = np.column_stack([np.repeat([0, 1], 300), customer, rng.random(600), rng.random(600) ** 2])
    base[:100, 3] = np.nan
    rows = base.copy()
    rows[:, 2:] += 0.02 + rng.normal(0, 0.1, (300, 2))[customer]
    gain = paired_gain(base, rows, 0.95)
    assert gain.value == pytest.approx(relative_value(base, rows) - 1)
    draws = []
    for _ in range(600):
        count = np.bincount(rng.integers(0, 300, 300), minlength=300)[customer]
        cells = []
        for window in (0, 1):
            for j in (2, 3):
                at = (base[:, 0] == window) & np.isfinite(base[:, j])
                difference = np.average((rows - base)[at, j], weights=count[at])
                cells.append(difference / base[at, j].mean())
        draws.append(np.mean(cells))
    low, high = np.quantile(draws, [0.025, 0.975])
    assert gain.low == pytest.approx(low, abs=0.1 * (high - low))
    assert gain.high == pytest.approx(high, abs=0.1 * (high - low))
    assert paired_gain(base, rows, 0.95, [0]).value != gain.value
    assert paired_gain(base, base, 0.95).low == 0
    with pytest.raises(ModelError, match="different customers"):
        paired_gain(base, rows[1:], 0.95)


def test_the_best_of_equals_stays_out() -> None:
    """Of 20 trials that differ from the settings by chance alone, the best hardly ever wins."""
    wins = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        base = np.column_stack([np.zeros(200), np.arange(200), rng.random(200)])
        others = [base + np.column_stack([np.zeros((200, 2)), rng.normal(0, 0.1, 200)]) for _ in range(20)]
        best = max(others, key=lambda rows: relative_value(base, rows))
        wins += paired_gain(base, best, level_of_best(0.95, 20)).low > 0
    assert wins <= 4  # 40 x .025 expected


def test_the_space_holds_the_settings_and_settings_are_checked() -> None:
    """Bounds and choices are widened to the present settings; unknown stages and pruners are refused."""
    wide = space_around(SPACE, {"rate": 4.0, "size": 0, "kind": 7.0})
    assert wide["rate"] == Number(0.01, 4.0)
    assert wide["kind"] == Choice((None, 30.0, "x", 7.0))
    assert judge_windows(Hill(), START).shape == (400, 4)
    for bad in ({"stages": ("boat",)}, {"pruner": "axe"}, {"trials": -1}, {"level": 1.0}):
        with pytest.raises(SettingsError, match=r"tuning\."):
            TuningParams(**bad)  # type: ignore[arg-type]
