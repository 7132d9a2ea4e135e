"""Samples of customers and true counts of buyers."""

import math
from datetime import date, timedelta

import numpy as np
from pyspark.sql import SparkSession

from features.buyer_counts import (
    collect_buyer_counts,
    count_customers,
    filter_sample,
    on_axis,
)

CUT = date(2026, 3, 1)


def test_counts_of_buyers_are_those_of_everybody_at_each_cut(spark: SparkSession):
    """Windows end at the cut, a first purchase is new for 28 days, and what was learned late counts late."""
    rows = [
        ("a", "x", 1, 1),  # customer, product, days before the cut, days before it that we knew
        ("a", "x", 100, 100),
        ("b", "x", 7, 7),
        ("b", "y", 8, 8),
        ("c", "x", 28, 28),
        ("c", "y", 56, 0),  # known on the day of the cut
        ("d", "y", 29, 20),  # before the earlier cut, known after it
        ("e", "x", 0, 0),  # on the day of the cut
    ]
    frame = spark.createDataFrame(
        [(c, p, CUT - timedelta(days=d), CUT - timedelta(days=k)) for c, p, d, k in rows],
        "customer_id string, product_id string, day date, known_day date",
    )
    cuts = [CUT, CUT - timedelta(days=28)]
    items, found = collect_buyer_counts(frame, cuts)
    now, earlier = (found[(c - date(1970, 1, 1)).days] for c in cuts)
    assert items == ["x", "y"]
    assert now.customers == 4
    assert now.pop7.tolist() == [2.0, 0.0]
    assert now.pop28.tolist() == [3.0, 1.0]
    assert now.pop56.tolist() == [3.0, 2.0]
    assert now.new28.tolist() == [2.0, 1.0]
    assert now.buyers.tolist() == [3.0, 2.0]
    assert now.since.tolist() == [100.0, 29.0]
    assert now.idle.tolist() == [1.0, 8.0]  # what is known or happens on the day of the cut is not there yet
    assert (earlier.since.tolist(), earlier.idle.tolist()) == ([72.0, 0.0], [72.0, math.inf])
    assert earlier.customers == 1
    assert earlier.buyers.tolist() == [1.0, 0.0]
    moved = on_axis(now, items, np.array(["w", "x", "z"], dtype=object))
    assert moved.buyers.tolist() == [0.0, 3.0, 0.0]
    assert (moved.since.tolist(), moved.idle.tolist()) == ([0.0, 100.0, 0.0], [math.inf, 1.0, math.inf])


def test_a_sample_is_by_customer_and_nested(spark: SparkSession):
    """All rows of a customer or none; half the share is a part of the whole; another seed takes others."""
    frame = spark.createDataFrame([(f"c{i}", r) for i in range(2000) for r in (1, 2)], "customer_id string, row int")

    def who(share: float, seed: int = 0) -> list[str]:
        return sorted(r.customer_id for r in filter_sample(frame, share, seed).select("customer_id").collect())

    half, quarter = who(0.5), who(0.25)
    assert set(quarter) < set(half)
    assert half == sorted([*set(half), *set(half)])
    assert 900 < len(set(half)) < 1100
    assert set(half) != set(who(0.5, seed=1))
    assert count_customers(frame).collect()[0].customers == 2000
