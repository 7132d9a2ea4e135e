"""What trials are judged on: the right windows, nothing of the gate's window, the present settings as they are."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from models.search_space import SPACES
from models.tuning import judge_windows
from recommend.dealings import as_dealings
from scoring.tune_ranker import ranker_objective
from scoring.tune_sources import source_objective
from scoring.tuning_windows import plan_windows
from tests.recommend.shop import CUT, HORIZON, PARAMS, shelf, shop, with_another_future


def test_windows_lie_before_the_gate_and_shrink_with_the_history() -> None:
    """Sources on the earliest windows learned from, the ranker on the latest; too little history is no plan."""
    data = as_dealings(shop())
    plan = plan_windows(data, CUT, PARAMS, 2)
    assert plan is not None
    assert plan.gate == CUT - HORIZON
    assert plan.ranker == (CUT - 3 * HORIZON, CUT - 2 * HORIZON)
    assert plan.sources == (CUT - 4 * HORIZON, CUT - 3 * HORIZON)
    assert plan.learned[1] == tuple(CUT - j * HORIZON for j in (3, 4, 5))
    assert all(start < day for day, starts in zip(plan.ranker, plan.learned, strict=True) for start in starts)
    short = plan_windows(data, 4 * HORIZON, PARAMS, 2)
    assert short is not None
    assert (short.ranker, short.learned) == ((2 * HORIZON,), ((HORIZON,),))
    assert plan_windows(data, 3 * HORIZON, PARAMS, 2) is None
    apart = replace(PARAMS, ranker=replace(PARAMS.ranker, step_days=7, embargo_days=3))
    spread = plan_windows(data, CUT, apart, 2)
    assert spread is not None
    assert spread.gate == CUT - HORIZON - 3
    ends = [spread.gate, *spread.ranker]
    for end, days in zip(ends, (spread.ranker, *spread.learned), strict=True):
        assert all(day + 3 + HORIZON <= end for day in days), "labels end before the history of what is judged does"
    assert plan_windows(as_dealings(shop()), -5, PARAMS, 2) is None


def test_nothing_at_or_after_the_gate_changes_a_judgement(tmp_path: Path) -> None:
    """Two shops that differ from the gate's first day on are judged the same, by each stage."""
    found = []
    for name, data in (("one", shop()), ("two", with_another_future(shop(), CUT - HORIZON))):
        catalogue, plan = shelf(data), plan_windows(as_dealings(data), CUT, PARAMS, 2)
        assert plan is not None
        dealings = as_dealings(data).before(plan.gate)
        found.append(
            [
                judge_windows(source_objective("als", dealings, catalogue, plan, PARAMS), {"factors": 4}),
                judge_windows(source_objective("ease", dealings, catalogue, plan, PARAMS), {}),
                judge_windows(ranker_objective(dealings, catalogue, plan, PARAMS, tmp_path / name), {"leaves": 7}),
            ]
        )
    for one, two in zip(*found, strict=True):
        assert np.array_equal(one, two, equal_nan=True)
        assert np.nanmean(one[:, 2:]) > 0
    ranker = found[0][2]
    assert ranker.shape[1] == 4
    assert np.isfinite(ranker[:, 2]).all(), "customers without a purchase are not judged"


def test_settings_change_judgements_and_negatives_are_sampled_down(tmp_path: Path) -> None:
    """Each stage's settings are those it is told; a smaller share of negatives leaves fewer rows of larger weight."""
    data = shop()
    dealings, catalogue = as_dealings(data), shelf(data)
    plan = plan_windows(dealings, CUT, PARAMS, 1)
    assert plan is not None
    als = source_objective("als", dealings, catalogue, plan, PARAMS)
    assert not np.array_equal(judge_windows(als, {"regularization": 0.01}), judge_windows(als, {}), equal_nan=True)
    ranker = ranker_objective(dealings, catalogue, plan, PARAMS, tmp_path)
    start = plan.learned[0][0]
    few = ranker.lesson(start, replace(PARAMS.ranker, negatives=0.1, negatives_repeat=0.25))
    usual = ranker.lesson(start, PARAMS.ranker)
    assert len(few.x) < len(usual.x)
    assert few.bought.sum() == usual.bought.sum()
    assert np.isclose(few.weight[~few.bought & ~few.owned].max(), 10.0, rtol=0.01)
    assert np.isclose(few.weight[~few.bought & few.owned].max(), 4.0, rtol=0.01)


def test_what_is_tuned_is_a_setting() -> None:
    """Each name of the search space is a field of its section."""
    for section, space in SPACES.items():
        assert set(space) <= set(vars(getattr(PARAMS, section)))
