"""One row per customer and category."""

from decimal import Decimal

from pyspark.sql import DataFrame, SparkSession

from features.definitions import FeatureParams
from features.families.category_features import as_customer_categories, fit_category_shares, with_category_shares

SCHEMA = "customer_no string, category_no string, order_key string, days_ago int, n_lines bigint, amount decimal(18,2)"


def orders(spark: SparkSession) -> DataFrame:
    """c buys milk on four days and soap once; d buys soap."""
    rows = [
        ("c", "MILK", "o1", 40, 3, 30),
        ("c", "MILK", "o2", 40, 1, 10),  # a second order of the first day: no gap of 0
        ("c", "MILK", "o3", 28, 1, 10),
        ("c", "MILK", "o4", 14, 1, 10),
        ("c", "MILK", "o5", 10, 1, 10),
        ("c", "SOAP", "o5", 10, 2, 30),
        ("c", "TEA", "o6", 366, 1, 5),  # a day too old for the year
        ("d", "SOAP", "o7", 1, 1, 100),
    ]
    return spark.createDataFrame([(*r[:5], Decimal(r[5])) for r in rows], SCHEMA)


def test_rhythm_and_counts_of_a_category(spark: SparkSession) -> None:
    """Gaps 12, 14 and 4 have the median 12, and 10 days since are 0.83 of it; a lone purchase has no rhythm."""
    rows = as_customer_categories(orders(spark), FeatureParams()).collect()
    found = {(r["customer_no"], r["category_no"]): r for r in rows}
    milk, soap, tea = found["c", "MILK"], found["c", "SOAP"], found["c", "TEA"]
    assert (milk["n_orders_365"], milk["ipt_n"], milk["ipt_median"], milk["overdue_ratio"]) == (5, 3, 12.0, 0.833333)
    assert (milk["recency_days"], milk["days_since_first"]) == (10, 40)
    assert (milk["n_lines_365"], milk["new_lines_365"]) == (7, 3)
    assert (soap["ipt_n"], soap["ipt_median"], soap["overdue_ratio"]) == (0, None, None)
    assert (tea["n_orders_365"], tea["n_orders_l"], tea["amt_365"], tea["new_lines_365"]) == (0, 1, 0, 0)


def test_affinity_halves_every_half_life(spark: SparkSession) -> None:
    """An order 14 days ago weighs half of one today at a half-life of 14 days."""
    one = orders(spark).where("order_key = 'o4'")
    (row,) = as_customer_categories(one, FeatureParams(buy_weight=10, short_half_life_days=14)).collect()
    assert row["affinity_short"] == 5.0


def test_shares_and_lift(spark: SparkSession) -> None:
    """Shares add up to 1; lift compares them, smoothed, with the population's; without amount both are null."""
    params = FeatureParams(lift_prior_weight=0.1)
    base = as_customer_categories(orders(spark), params)
    names = spark.createDataFrame([(c, c) for c in ("MILK", "SOAP", "TEA")], "category_no string, category string")
    shares = fit_category_shares(base, names, params)
    saved = {(r["feature"], r["subject"]): r["value"] for r in shares.collect()}
    # 70 of milk and 130 of soap; the average customer spends 100
    assert saved == {("category_share", "MILK"): 0.35, ("category_share", "SOAP"): 0.65, ("lift_prior_amount", ""): 10}
    found = {(r["customer_no"], r["category"]): r for r in with_category_shares(base, shares, names).collect()}
    assert (found["c", "MILK"]["share_365"], found["c", "SOAP"]["share_365"]) == (0.7, 0.3)
    assert found["c", "MILK"]["lift_365"] == round((70 + 3.5) / (100 + 10) / 0.35, 6)
    assert (found["c", "TEA"]["share_365"], found["c", "TEA"]["lift_365"]) == (0.0, None)
