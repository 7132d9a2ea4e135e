"""Tuning before training: studies in the lake that resume, child runs of all trials, winners as a settings file."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from click.testing import CliRunner

from features.as_of import AsOf
from jobs import tuning_report
from jobs.cli import group
from jobs.recommender_tuning import tune, with_winners
from jobs.runs import Job
from jobs.settings import load_settings
from jobs.tracking import TrainingRun
from jobs.tuning_report import report, settings_file
from models.tuning import best_trial
from models.tuning_params import TuningParams
from recommend.catalogue import by_category
from recommend.dealings import as_dealings
from scoring.recommender_inputs import Levels, as_labels
from scoring.recommender_params import RecommenderParams
from tests.jobs.tracked import Tracked as Run
from tests.recommend.shop import CUT, HORIZON, PARAMS, shelf, shop

DAY = date.fromordinal(date(1970, 1, 1).toordinal() + CUT)
TUNING = TuningParams(trials=2, windows=1)


def levels() -> Levels:
    """Both levels of the test shop."""
    data = shop()
    catalogue = shelf(data)
    upper, place = by_category(catalogue, {})
    names = as_labels(np.asarray(upper.items)[place])
    return Levels(as_dealings(data), catalogue, as_dealings(data).relabel(names), upper, place.astype(np.int64))


def job(lake: Path, tuning: TuningParams, said: list[str]) -> Job:
    """As much of a job as tuning needs."""
    params = RecommenderParams(
        als=PARAMS.als, ease=PARAMS.ease, candidates=PARAMS.candidates, ranker=PARAMS.ranker, tuning=tuning
    )
    settings = load_settings(None, {"lake": str(lake)}).model_copy(
        update={"recommender": params, "horizon_days": HORIZON, "threads": 1}
    )
    found = SimpleNamespace(
        settings=settings,
        as_of=AsOf(DAY, "UTC"),
        lake=SimpleNamespace(root=lake),
        scratch=lake / "_scratch",
        pinned={"transactions": 1},
        say=said.append,
    )
    return cast(Job, found)


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run, list[Any], RecommenderParams]:
    """A lake in which two trials of each stage were run, and what came out."""
    lake, run = tmp_path_factory.mktemp("lake"), Run()
    params, found = tune(job(lake, TUNING, []), levels(), cast(TrainingRun, run))
    report(found, cast(TrainingRun, run), "a test")
    return lake, run, found, params


def test_every_trial_of_every_stage_is_a_child_run(tuned: tuple[Path, Run, list[Any], RecommenderParams]) -> None:
    """Trials with parameters, metrics by window and state; verdicts on the parent; the settings stay or are beaten."""
    _, run, found, params = tuned
    assert run.trials == [f"{stage} trial {n}" for stage in ("als", "ease", "ranker") for n in range(2)]
    window = np.datetime64(CUT - 2 * HORIZON, "D")
    assert run.logged[f"ranker trial 0.ndcg_at_10.all.{window}"] > 0
    assert run.logged["als trial 0.objective"] == 1.0
    assert run.logged["als trial 0.als.factors"] == PARAMS.als.factors
    assert run.logged["ranker trial 0.state"] == "complete"
    assert {"tuning.ranker.gain", "tuning.ranker.explore.gain_low", "tuned", "tuned.yaml"} <= set(run.logged)
    for one in found:
        assert (best_trial(one.trials).value or 0) >= 1.0
        start = {name: getattr(getattr(PARAMS, one.stage), name) for name in one.trials[0].params}
        assert dict(one.trials[0].params) == start
        assert one.taken == (one.best.place > 0 and one.gain.low > 0)
    assert params == with_winners(job(Path(), TUNING, []).settings.recommender, found)


def test_a_second_run_takes_the_study_up(tuned: tuple[Path, Run, list[Any], RecommenderParams]) -> None:
    """The same question runs no trial again and logs all as children of the new parent; more trials continue; other
    data begin anew."""
    lake, before, found, params = tuned
    said: list[str] = []
    run = Run()
    more = replace(TUNING, trials=3, stages=("als",))
    again, continued = tune(job(lake, more, said), levels(), cast(TrainingRun, run))
    assert run.trials == [f"als trial {n}" for n in range(3)]
    assert [t.params for t in continued[0].trials[:2]] == [t.params for t in found[0].trials]
    assert said[0].startswith("als: 2 trials of study products.als.")
    assert len([line for line in said if "of 3)" in line]) == 1
    other = job(lake, replace(more, trials=2), said)
    other.pinned["transactions"] = 2
    assert tune(other, levels(), cast(TrainingRun, Run()))[1][0].study != continued[0].study
    assert before.trials
    assert again.als == params.als or continued[0].taken


def test_winners_are_a_settings_file(
    tuned: tuple[Path, Run, list[Any], RecommenderParams], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a winner changes loads over conf/base.yaml; the table has the settings beside the best trials."""
    found = tuned[2]
    winner = max(found[0].trials[1:], key=lambda t: t.value or 0)
    taken = replace(found[0], trials=[found[0].trials[0], replace(winner, value=2.0)], taken=True)
    path = tmp_path / "tuned.yaml"
    path.write_text(settings_file([taken, replace(found[1], taken=False)], "found by a test"))
    read = load_settings(path)
    assert read.recommender.als.factors == winner.params["factors"]
    assert read.recommender.ease == load_settings(None).recommender.ease
    assert "# found by a test" in path.read_text()
    assert "nothing changes" in settings_file([replace(found[1], taken=False)], "")
    tuning_report.report([taken], cast(TrainingRun, Run()), "")
    assert "0 is the settings" in capsys.readouterr().out


def test_too_short_a_history_and_no_time_leave_the_settings(tmp_path: Path) -> None:
    """Nothing is tuned, training goes on, and the operator is told why."""
    said: list[str] = []
    early = job(tmp_path, TUNING, said)
    early.as_of = AsOf(date(1970, 1, 20), "UTC")
    params, found = tune(early, levels(), cast(TrainingRun, Run()))
    assert (params, found) == (early.settings.recommender, [])
    assert "history is too short" in said[0]
    hurried = job(tmp_path, replace(TUNING, seconds=1e-9, stages=("ease", "ranker")), said)
    _, found = tune(hurried, levels(), cast(TrainingRun, Run()))
    assert [(one.stage, len(one.trials)) for one in found] == [("ease", 1)]
    assert said[-1] == "ranker: no time is left, its settings stay"


def test_dry_run_shows_the_bounds_and_opens_nothing(tmp_path: Path) -> None:
    """Stages, bounds and budget are printed; no lake is made."""
    lake = tmp_path / "lake"
    done = CliRunner().invoke(group, ["tune-recommender", "--dry-run", "--trials", "7", "--lake", str(lake)])
    assert done.exit_code == 0, done.output
    assert "7 trials of each stage" in done.output
    assert "regularization: 3 to 300" in done.output
    assert not lake.exists()
