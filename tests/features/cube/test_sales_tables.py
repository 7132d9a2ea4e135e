"""The tables of a report, against counts by hand."""

from datetime import date
from decimal import Decimal

from pyspark.sql import SparkSession

from features.as_of import AsOf
from features.cube.acquisition_value import as_acquisition_value
from features.cube.cube_params import CubeParams
from features.cube.sales_tables import as_basket_pairs, as_cohort_retention, as_sales_by_month

AS_OF = AsOf(date(2020, 3, 15))


def test_cohorts_follow_whole_months_only(spark: SparkSession) -> None:
    """A cohort is the month of the first order; March has not ended; a month without buyers has a row."""
    orders = [
        ("a", (AS_OF.day - date(2019, 12, 31)).days, Decimal(5)),
        ("a", (AS_OF.day - date(2020, 2, 1)).days, Decimal(7)),
        ("a", (AS_OF.day - date(2020, 2, 29)).days, Decimal(1)),
        ("b", (AS_OF.day - date(2019, 12, 1)).days, Decimal(2)),
        ("c", (AS_OF.day - date(2020, 3, 1)).days, Decimal(9)),  # this month: no cohort yet
    ]
    df = spark.createDataFrame(orders, "customer_id string, days_ago int, amount decimal(18,2)")
    found = [
        tuple(r) for r in as_cohort_retention(df, AS_OF, CubeParams()).orderBy("cohort_month", "month_no").collect()
    ]
    december = date(2019, 12, 1)
    assert found == [
        (december, 0, 2, 2, 2, Decimal("7.00"), 1.0),
        (december, 1, 2, 0, 0, Decimal("0.00"), 0.0),
        (december, 2, 2, 1, 2, Decimal("8.00"), 0.5),
    ]


def test_pairs_of_categories(spark: SparkSession) -> None:
    """Lift is orders with both times all orders over orders with each; rare pairs are left out."""
    baskets = {"1": "AB", "2": "AB", "3": "A", "4": "C", "5": "BC"}
    rows = [("x", o, c, 10) for o, cs in baskets.items() for c in cs] + [("x", "6", "A", 91), ("x", "6", "B", 91)]
    df = spark.createDataFrame(rows, "customer_id string, order_id string, category string, days_ago int")
    found = [tuple(r) for r in as_basket_pairs(df, CubeParams(pair_min_orders=2)).collect()]
    assert found == [("A", "B", 2, 3, 3, 1.111111)]


def test_months_of_sales(spark: SparkSession) -> None:
    """Orders and customers are counted once per month and category; the running month says so."""
    rows = [
        ("a", "1", "MILK", 15, 2, Decimal(3)),  # 29 February
        ("a", "1", "MILK", 15, 1, Decimal(1)),
        ("b", "2", "MILK", 15, 1, Decimal(2)),
        ("a", "3", None, 1, 1, Decimal(4)),
    ]
    ddl = "customer_id string, order_id string, category string, days_ago int, quantity bigint, amount decimal(18,2)"
    found = [tuple(r) for r in as_sales_by_month(spark.createDataFrame(rows, ddl), AS_OF).orderBy("month").collect()]
    assert found == [
        (date(2020, 2, 1), "MILK", 2, 2, 4, Decimal("6.00"), True),
        (date(2020, 3, 1), "", 1, 1, 1, Decimal("4.00"), False),
    ]


def test_only_customers_old_enough_tell_what_a_source_is_worth(spark: SparkSession) -> None:
    """At 60 days a customer of 59 days does not count; what is spent at an age of 60 days is not spent by then."""
    touches = spark.createDataFrame(
        [("a", "ad", 100, Decimal(9)), ("b", "ad", 60, None), ("c", "ad", 59, Decimal(1))],
        "customer_id string, source string, touch_days int, cost decimal(18,2)",
    )
    orders = spark.createDataFrame(
        [("a", 100, Decimal(10)), ("a", 40, Decimal(99)), ("a", 41, Decimal(20)), ("c", 59, Decimal(5))],
        "customer_id string, days_ago int, amount decimal(18,2)",
    )
    found = {r["age_days"]: r.asDict() for r in as_acquisition_value(touches, orders, CubeParams()).collect()}
    assert sorted(found) == [30, 60, 90]
    at_60 = found[60]
    assert (at_60["customers"], at_60["ordered_share"], at_60["amount_mean"]) == (2, 0.5, 15.0)
    assert at_60["amount_error"] == 15.0  # of 30 and 0: deviation 21.21, over the root of 2
    assert (at_60["margin_mean"], at_60["cost_mean"], at_60["is_paid_back"]) == (3.75, 4.5, False)
    assert found[90]["amount_mean"] == 129.0
    assert found[90]["amount_error"] is None
