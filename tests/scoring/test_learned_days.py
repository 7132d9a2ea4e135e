"""What is collected reaches as far back as the earliest window of either level and of tuning."""

from dataclasses import replace
from itertools import product

from models.recommender_params import RankerParams
from models.tuning_params import TuningParams
from recommend.dealings import as_dealings
from recommend.list_params import CategoryParams
from scoring.learned_days import learned_days, view_history_days
from scoring.recommender_params import RecommenderParams
from scoring.stage_windows import known_at, window_starts
from scoring.tuning_windows import plan_windows
from tests.recommend.shop import CUT, shop

HORIZON = 7


def test_views_reach_back_from_the_earliest_window_of_either_level() -> None:
    """Four windows and the latest of the category level; steps, embargo and what tuning adds count."""
    params = RecommenderParams(categories=CategoryParams(windows=4))
    assert view_history_days(params, 28) == 90 + 28 * 5
    assert learned_days(params, 28, 1000) == [860, 888, 916, 944, 972, 1000]
    shorter = replace(params, categories=CategoryParams(windows=2))
    assert view_history_days(shorter, 28) == 90 + 28 * 4
    late = replace(shorter, ranker=RankerParams(windows=3, step_days=14, embargo_days=7))
    assert learned_days(late, 28, 1000) == [923, 937, 951, 965, 1000]
    assert view_history_days(late, 28) == 90 + 77
    tuned = replace(shorter, tuning=TuningParams(trials=2, windows=2))
    assert view_history_days(tuned, 28) == 90 + 28 * 6


def test_every_day_that_training_and_tuning_plan_is_among_them() -> None:
    """With any step and embargo, and the plan is what a search through more windows finds too."""
    data = as_dealings(shop())
    data = replace(data, purchases=replace(data.purchases, day=data.purchases.day * 3 - 2 * CUT))
    for step, embargo, windows, tuned in product((0, 3, 5, 14), (0, 4), (1, 3), (1, 2, 3)):
        params = RecommenderParams(
            ranker=RankerParams(windows=windows, step_days=step, embargo_days=embargo),
            categories=CategoryParams(windows=2),
            tuning=TuningParams(trials=2, windows=tuned),
        )
        days = learned_days(params, HORIZON, CUT)
        for (_, stage), judged in ((params.products(HORIZON, 1), tuned), (params.category_level(HORIZON, 1), 1)):
            plan = plan_windows(data, CUT, stage, judged)
            assert plan is not None
            assert {plan.gate, *plan.sources, *plan.days, *window_starts(-200, CUT, stage)} <= set(days)
            wide = replace(stage, ranker=replace(stage.ranker, windows=60))
            starts = window_starts(int(data.purchases.day.min()), CUT, wide)
            known = known_at(starts, starts[0], stage)
            assert plan.ranker == tuple(sorted(known[:judged]))
            assert plan.learned == tuple(
                tuple(known_at(starts, day, stage)[: stage.ranker.windows]) for day in plan.ranker
            )
            assert plan.sources == tuple(sorted(known[: stage.ranker.windows][-judged:]))
