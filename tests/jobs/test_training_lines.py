"""What training tells the operator and logs of a trained level."""

from types import SimpleNamespace
from typing import cast

from jobs.runs import Job
from jobs.tracking import TrainingRun
from jobs.training_lines import Lines
from recommend.list_params import ListParams
from recommend.source_recall import TOGETHER
from recommend.sources.registry import SOURCES
from scoring.recommender_params import Level
from scoring.train_second_stage import fit_second_stage
from tests.jobs.tracked import Tracked
from tests.recommend.shop import CUT, PARAMS, shelf, shop


def test_gate_objectives_sources_and_calibration_are_logged() -> None:
    """Tables, metrics by level and window, and a child run per recommender and objective."""
    data, said, run = shop(), list[str](), Tracked()
    level = Level("products", ListParams(k=6))
    trained = fit_second_stage(data, shelf(data), CUT, level, PARAMS, lambda line: None)
    lines = Lines()
    lines.add(cast(Job, SimpleNamespace(say=said.append)), trained)
    lines.log(cast(TrainingRun, run), "latest")
    assert {"gate", "recall_by_recommender", "calibration", "objectives", "recall_at_100_by_source"} <= set(run.logged)
    assert {r["source"] for r in run.logged["recall_at_100_by_source"]} == {*SOURCES, TOGETHER}
    assert 0.5 < run.logged[f"recall_at_100.products.{TOGETHER}.all.latest"] <= 1
    assert run.logged["recall_at_100.products.repeat.active.latest"] > 0
    assert any(line.startswith("products: sources together find") for line in said)
    assert any("ranker against" in line for line in said)
    assert any(name.startswith("objective binary products") for name in run.trials)
