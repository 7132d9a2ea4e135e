"""Several cuts pooled: a customer counts once, means are over customers and cuts, the best baseline is named."""

import numpy as np
import pytest

from features.splits import CalendarCut
from recommend.evaluation import Problem, Window
from scoring.pooled import Measured, pool
from tests.purchases import purchases

LOW, HIGH = np.array([0.1, 0.3, np.nan]), np.array([0.5, 0.5, np.nan])


def measured(day: int, ids: tuple[str, ...], tasks: tuple[str, ...], **values: np.ndarray) -> Measured:
    """A cut at which each recommender has the same values for every task and metric."""
    history = purchases([(c, "milk", day - 1, 1) for c in ids])
    problem = Problem(CalendarCut(day, day, day + 28), "full", Window("product", day, history, None), {}, {}, 4)
    return Measured(problem, {(n, t, m): v for n, v in values.items() for t in tasks for m in ("recall", "ndcg")})


def test_pooled_means_differences_and_the_best_baseline() -> None:
    """By hand: ours .5, the others .2 and .4 at the first cut; the reference is never called best."""
    first = measured(100, ("ann", "bob", "eve"), ("all",), ours=HIGH, low=LOW, high=HIGH - 0.1, floor=HIGH + 0.2)
    later = measured(128, ("bob",), ("all", "explore"), ours=HIGH[:1], low=LOW[:1], high=HIGH[:1], floor=HIGH[:1])
    rows = {(x.task, x.recommender): x for x in pool([first, later], "ours", ("floor",))}
    x = rows["all", "low"]
    assert x.recall.champion == pytest.approx((0.1 + 0.3 + 0.1) / 3)
    assert x.recall.difference == pytest.approx((0.4 + 0.2 + 0.4) / 3)
    # bob is one customer with two windows
    assert x.recall.customers == 2
    assert x.won
    assert len(x.cuts) == 2
    assert rows["all", "high"].best == ("recall", "ndcg")
    assert rows["all", "floor"].best == ()
    # EXPLORE is known at the later cut only
    assert len(rows["explore", "low"].cuts) == 1
    assert "recall_difference" not in rows["all", "ours"].as_dict()
    assert rows["all", "low"].as_dict()["recall_low"] > 0  # type: ignore[operator]


def test_without_the_challenger_there_is_nothing_to_compare() -> None:
    """No rows, no error."""
    assert pool([measured(100, ("ann", "bob", "eve"), ("all",), low=LOW)], "ours") == []
