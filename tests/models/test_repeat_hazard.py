"""The hazard of a second order: exposure and events by stretch, and what is made of them."""

from __future__ import annotations

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from models.repeat_hazard import (
    AHEAD,
    EDGES,
    ENDLESS,
    collect_repeat_hazard,
    fit_repeat_hazard,
    second_order_column,
)

ENDS = (*EDGES[1:], ENDLESS)


def loop(rows: list[tuple[str | None, int, int | None]]) -> dict[str, tuple[list[int], list[int]]]:
    """Events and days under watch per category and stretch, a day at a time."""
    found: dict[str, tuple[list[int], list[int]]] = {}
    for category, since, to_second in rows:
        events, watched = found.setdefault(category or "", ([0] * len(EDGES), [0] * len(EDGES)))
        for day in range(1, since):
            j = next(i for i, end in enumerate(ENDS) if day <= end)
            watched[j] += 1
            if to_second == day:
                events[j] += 1
                break
    return found


def test_counts_and_scores_on_the_engine(spark: SparkSession) -> None:
    """Counted as a loop over days counts, and the column is the formula of the model, day by day."""
    rng = np.random.default_rng(0)
    rows: list[tuple[str | None, int, int | None]] = []
    for _ in range(300):
        since = int(rng.integers(1, 800))
        second = int(rng.integers(1, 400))
        category = [None, "BREAD", "MILK"][int(rng.integers(0, 3))]
        rows.append((category, since, second if second < since else None))
    df = spark.createDataFrame(rows, "first_category string, T int, to_second int")
    model = collect_repeat_hazard(df)
    counted = loop(rows)
    names = ["", "BREAD", "MILK"]
    events, exposure = (np.array([counted[n][k] for n in names], dtype=float) for k in (0, 1))
    expected = fit_repeat_hazard(names, events, exposure)
    assert model.categories == ("BREAD", "MILK")
    assert model.population == pytest.approx(expected.population)
    assert model.by_category == pytest.approx(expected.by_category[1:])
    rates = spark.createDataFrame(model.table()).where(F.col("first_category") == "MILK")
    since = [1, 2, 7, 8, 100, 541, 5000]
    asked = spark.createDataFrame([(t,) for t in since], "T int").join(rates, how="cross")
    said = [r["p"] for r in asked.select("T", second_order_column().alias("p")).orderBy("T").collect()]
    assert said == pytest.approx(model.at_least_one_within(1, np.array(since, dtype=float)), abs=1e-6)
    day_by_day = 1.0
    for day in range(100, 100 + AHEAD):
        day_by_day *= 1 - model.by_category[1][next(i for i, end in enumerate(ENDS) if day <= end)]
    assert said[4] == pytest.approx(1 - day_by_day, abs=1e-6)


def test_categories_are_drawn_to_the_population() -> None:
    """A category of few days keeps the population's hazard, one of many has its own; alike categories share one."""
    days = np.array([[1e6], [1e6], [10.0]]) * np.ones(len(EDGES))
    events = days * np.array([[0.01], [0.03], [0.5]])
    model = fit_repeat_hazard(["few", "many", "tiny"], events, days)
    assert model.by_category[0] == pytest.approx(np.full(len(EDGES), 0.01), rel=0.02)
    assert model.by_category[1] == pytest.approx(np.full(len(EDGES), 0.03), rel=0.02)
    assert np.all(model.by_category[2] < 0.5)
    alike = fit_repeat_hazard(["a", "b"], np.full((2, len(EDGES)), 100.0), np.full((2, len(EDGES)), 10_000.0))
    assert alike.kappa > 1000


def test_nobody_and_no_second_orders(spark: SparkSession) -> None:
    """No customers, or none who came back: small hazards, never an error and never certainty."""
    empty = collect_repeat_hazard(spark.createDataFrame([], "first_category string, T int, to_second int"))
    assert empty.categories == ()
    assert np.all(empty.population == 0)
    one = collect_repeat_hazard(
        spark.createDataFrame([("MILK", 30, None)], "first_category string, T int, to_second int")
    )
    p = one.at_least_one_within(0, np.array([30.0]))[0]
    assert 0 < p < 1
