"""Purchases as arrays."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from features.errors import DataError
from features.interactions import as_drop_counts, as_purchase_days, collect_interactions
from tests.purchases import purchases

LINES = [  # order, product, customer, UTC stamp, quantity, amount
    ("o1", "milk", "ann", datetime(2017, 12, 4, 3, tzinfo=UTC), 1, 2.0),  # still Sunday the 3rd in New York
    ("o1", "milk", "ann", datetime(2017, 12, 4, 3, tzinfo=UTC), 2, 4.0),  # second line of the same order
    ("o2", "milk", "ann", datetime(2017, 12, 3, 20, tzinfo=UTC), 1, 2.0),  # another order on the same local day
    ("o3", "milk", "ann", datetime(2017, 12, 4, 20, tzinfo=UTC), 1, 2.0),  # Monday
    ("o3", "gas", "ann", datetime(2017, 12, 4, 20, tzinfo=UTC), 1, 30.0),  # dropped department
    ("o4", "odd", "bob", datetime(2017, 12, 4, 20, tzinfo=UTC), 1, 1.0),  # product without category
    ("o4", "new", "bob", datetime(2017, 12, 4, 20, tzinfo=UTC), 1, 1.0),  # product not in the table
    ("o5", "bread", "bob", datetime(2017, 12, 4, 20, tzinfo=UTC), 0, 0.0),  # nothing bought, kept
]
PRODUCTS = [("milk", "GROCERY", "MILK"), ("bread", "GROCERY", "BREAD"), ("gas", "FUEL", "GAS"), ("odd", "DRUG", None)]


@pytest.fixture(scope="module")
def frames(spark: SparkSession):
    """Order lines and products."""
    lines = spark.createDataFrame(
        LINES,
        "order_id string, product_id string, customer_id string, event_ts timestamp, quantity bigint, amount double",
    ).withColumn("amount", F.col("amount").cast("decimal(18,2)"))
    return lines, spark.createDataFrame(PRODUCTS, "product_id string, department string, category string")


def test_one_row_per_customer_product_and_local_day(frames):
    """Lines are summed, orders counted once each, and days turn at local midnight."""
    days = as_purchase_days(*frames, "America/New_York", ("FUEL",))
    rows = {(r.customer_id, r.product_id, str(r.day)): (r.quantity, float(r.amount), r.orders) for r in days.collect()}
    assert rows == {
        ("ann", "milk", "2017-12-03"): (4, 8.0, 2),
        ("ann", "milk", "2017-12-04"): (1, 2.0, 1),
        ("bob", "bread", "2017-12-04"): (0, 0.0, 1),
    }


def test_what_is_dropped_is_counted_by_reason(frames):
    """Every line is kept or has one reason, with its amount."""
    counts = {r.drop_reason: (r.lines, float(r.amount)) for r in as_drop_counts(*frames, ("FUEL",)).collect()}
    assert counts == {
        None: (5, 10.0),
        "department FUEL": (1, 30.0),
        "product without category": (1, 1.0),
        "product unknown": (1, 1.0),
    }


def test_collected_arrays_are_sorted_by_customer_product_and_day(frames):
    """The training boundary gives sorted ids and positions whatever the engine's row order."""
    got = collect_interactions(as_purchase_days(*frames, "America/New_York", ("FUEL",)))
    assert got.customers.tolist() == ["ann", "bob"]
    assert got.products.tolist() == ["bread", "milk"]
    assert got.customer.tolist() == [0, 0, 1]
    assert got.product.tolist() == [1, 1, 0]
    assert got.day.tolist() == [17503, 17504, 17504]
    assert got.orders.tolist() == [2, 1, 1]


def test_no_purchases_is_an_error_that_says_what_to_check(frames):
    """An empty history names the likely cause."""
    lines, products = frames
    with pytest.raises(DataError, match="as-of date"):
        collect_interactions(as_purchase_days(lines.where("false"), products, "UTC"))


def test_cuts_are_half_open_and_keep_the_axes():
    """before(d) excludes d, between(a, b) includes a and excludes b."""
    p = purchases([("a", "x", 1, 1), ("a", "y", 2, 1), ("b", "x", 3, 1)])
    assert p.before(2).day.tolist() == [1]
    assert p.between(2, 3).day.tolist() == [2]
    assert p.before(2).n_customers == p.n_customers


def test_customers_and_products_can_be_taken_apart():
    """Slices and masks renumber the axis they cut, and no other."""
    p = purchases([("a", "x", 1, 1), ("b", "x", 1, 1), ("b", "y", 2, 3), ("c", "y", 3, 1)])
    b = p.of_customers(1, 2)
    assert (b.customers.tolist(), b.customer.tolist(), b.product.tolist()) == (["b"], [0, 0], [0, 1])
    kept = p.take_customers(np.array([True, False, True]))
    assert (kept.customers.tolist(), kept.customer.tolist(), kept.day.tolist()) == (["a", "c"], [0, 1], [1, 3])
    only_y = p.take_products(np.array([False, True]))
    assert (only_y.products.tolist(), only_y.product.tolist(), only_y.orders.tolist()) == (["y"], [0, 0], [3, 1])


def test_one_level_up_merges_products_of_a_label():
    """Amounts are summed; orders of one day are the largest of its products, not their sum."""
    p = purchases([("a", "x", 1, 1), ("a", "y", 1, 2), ("a", "z", 1, 1), ("a", "x", 2, 1)])
    up = p.relabel(np.array(["M", "M", "B"], dtype=object))
    assert up.products.tolist() == ["B", "M"]
    assert list(zip(up.product.tolist(), up.day.tolist(), up.orders.tolist(), up.quantity.tolist())) == [
        (0, 1, 1, 1.0),
        (1, 1, 2, 2.0),
        (1, 2, 1, 1.0),
    ]


def test_what_is_known_late_hides_nothing_that_was_known_before():
    """Rows of one day are merged where they were known on one day; a cut sees those that it could know."""
    log = purchases([("a", "x", 1, 1), ("a", "y", 1, 2), ("a", "z", 1, 4)])  # rows in order of product
    log = replace(log, known=np.array([3, 9, 3], dtype=np.int32))
    up = log.relabel(np.array(["M", "M", "M"], dtype=object))
    assert list(zip(up.known.tolist(), up.quantity.tolist(), up.orders.tolist())) == [(3, 2.0, 4), (9, 1.0, 2)]
    assert [up.before(day).quantity.tolist() for day in (3, 4, 9, 10)] == [[], [2.0], [2.0], [2.0, 1.0]]
