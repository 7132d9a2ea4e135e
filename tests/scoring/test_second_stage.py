"""The second stage: no leakage into the model, stored and opened the same, always something to publish."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features.errors import DataError, ModelError
from models.gate import GateParams
from recommend.histories import histories_before
from recommend.list_params import ListParams
from scoring.backtest import backtest, compare_on_latest, cross_fitted
from scoring.recommender_params import Level
from scoring.second_stage import SecondStage
from scoring.train_second_stage import Trained, fit_second_stage
from tests.recommend.shop import CUT, HORIZON, PARAMS, shelf, shop, with_another_future

LEVEL = Level("products", ListParams(k=6))


def trained(data=None, **changes) -> Trained:  # type: ignore[no-untyped-def]
    """The stage of the test shop at its cut."""
    data = shop() if data is None else data
    return fit_second_stage(data, shelf(data), CUT, LEVEL, replace(PARAMS, **changes), lambda line: None)


def test_purchases_after_the_cut_change_no_model_and_no_score(tmp_path: Path) -> None:
    """Every file of a model trained beside another future is equal to the byte, and so are the scores."""
    one, two = trained(), trained(with_another_future(shop(), CUT))
    for name, t in (("one", one), ("two", two)):
        (tmp_path / name).mkdir()
        t.stage.save(tmp_path / name)
    files = sorted(p.name for p in (tmp_path / "one").iterdir())
    assert files == sorted(p.name for p in (tmp_path / "two").iterdir())
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_opened_from_files_it_scores_the_same(tmp_path: Path) -> None:
    """p_buy of the opened stage equals that of the fitted one; a missing file is a ModelError."""
    data = shop()
    stage = trained().stage
    stage.save(tmp_path)
    h = histories_before(data, shelf(data), CUT)
    back = SecondStage.open(tmp_path, "products").score(h)
    assert np.array_equal(back.p_buy, stage.score(h).p_buy)
    assert ((back.p_buy >= 0) & (back.p_buy <= 1)).all()
    (tmp_path / "products.pop28.npy").unlink()
    with pytest.raises(ModelError, match="train the recommender again"):
        SecondStage.open(tmp_path, "products")


def test_a_gate_that_nothing_passes_leaves_the_heuristic_calibrated() -> None:
    """With an interval of the whole range the heuristic stays in both segments and still has a p_buy."""
    stage = trained(gate=GateParams(draws=50, level=1.0, metrics=("recall", "ndcg"))).stage
    closed = replace(stage, modes={"repeat": "heuristic", "explore": "heuristic"})
    data = shop()
    if set(stage.modes.values()) == {"heuristic"}:
        p = closed.score(histories_before(data, shelf(data), CUT)).p_buy
        assert len(np.unique(p)) > 5


def test_short_history_publishes_the_heuristic_and_none_is_an_error() -> None:
    """Three weeks of data give no window to learn from; a cut before all data says what to do."""
    data = shop()
    found = fit_second_stage(data, shelf(data), 20, LEVEL, PARAMS, lambda line: None)
    assert found.stage.modes == {"repeat": "heuristic", "explore": "heuristic"}
    assert found.notes
    assert len(found.stage.score(histories_before(data, shelf(data), 20)).p_buy)
    with pytest.raises(DataError, match="later --as-of"):
        fit_second_stage(data, shelf(data), -1, LEVEL, PARAMS, lambda line: None)


def test_backtest_and_reports_have_their_rows() -> None:
    """Ranking by task and scoring, calibration by kind, on the window after the cut and on the one before."""
    data = shop()
    t = trained()
    ranking, calibration, curve = backtest(data, shelf(data), CUT, t.stage, HORIZON)
    assert {(r["task"], r["scored_by"]) for r in ranking} >= {("all", "published list"), ("explore", "heuristic")}
    overall = next(r for r in calibration if (r["kind"], r["metric"]) == ("all", "observed_over_expected"))
    assert 0.7 < float(str(overall["value"])) < 1.4
    assert curve
    assert {r["recommender"] for r in compare_on_latest(t)} >= {"heuristic", "ALS", "EASE"}
    assert cross_fitted(t)[0]
