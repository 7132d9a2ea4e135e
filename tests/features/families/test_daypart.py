"""Habits in the day, the week and the month."""

from datetime import date

from pyspark.sql import DataFrame, SparkSession

from features.as_of import AsOf
from features.definitions import FeatureParams
from features.families.daypart import daypart_features, payday_share

AS_OF = AsOf(date(2017, 12, 4))
SCHEMA = "customer_id string, days_ago int, hour int, weekday int, month_day int"


def habits(spark: SparkSession, rows: list[tuple[str, int, int, int, int]]) -> dict[str, dict[str, object]]:
    """The features by customer."""
    orders: DataFrame = spark.createDataFrame(rows, SCHEMA)
    return {r["customer_id"]: r.asDict() for r in daypart_features(orders, AS_OF, FeatureParams()).collect()}


def test_a_habit_needs_support_and_lift(spark: SparkSession) -> None:
    """Five Saturday afternoons of five are a habit among shoppers of other hours; four are not enough."""
    rows = [("sat", d, 15, 6, 10) for d in range(1, 6)] + [("few", d, 15, 6, 10) for d in range(1, 5)]
    rows += [("all", d, 9 + d % 12, 1 + d % 7, 10) for d in range(1, 170)]
    found = habits(spark, rows)
    assert found["sat"]["dow_daypart_top"] == "sat_afternoon"
    assert found["sat"]["dow_daypart_top_lift"] > 1.5  # type: ignore[operator]
    assert (found["few"]["dow_daypart_top"], found["few"]["dow_daypart_top_lift"]) == (None, None)
    assert (found["sat"]["daypart_afternoon_share"], found["sat"]["weekend_ratio"]) == (1.0, 3.5)


def test_hours_belong_to_parts_of_the_day(spark: SparkSession) -> None:
    """Each part begins at its first hour; the night runs from 23 to 5."""
    limits = {0: "night", 4: "night", 5: "early", 9: "morning", 12: "midday", 15: "afternoon", 18: "evening"}
    limits |= {8: "early", 11: "morning", 14: "midday", 17: "afternoon", 22: "evening", 23: "night"}
    found = habits(spark, [(str(hour), 1, hour, 1, 10) for hour in limits])
    assert {h: p for h, p in limits.items() if found[str(h)][f"daypart_{p}_share"] != 1.0} == {}


def test_orders_before_the_window_say_nothing(spark: SparkSession) -> None:
    """Day 180 is in, day 181 out."""
    assert set(habits(spark, [("in", 180, 9, 1, 10), ("out", 181, 9, 1, 10)])) == {"in"}


def test_payday_ratio_is_1_for_who_does_not_care(spark: SparkSession) -> None:
    """An order every day gives the share of such days itself; orders on the 26th only give its inverse."""
    daily = [("daily", i, 9, 1, date.fromordinal(AS_OF.day.toordinal() - i).day) for i in range(1, 181)]
    found = habits(spark, [*daily, ("paid", 8, 9, 1, 26)])
    assert found["daily"]["payday_ratio"] == 1.0
    assert found["paid"]["payday_ratio"] == round(1 / payday_share(AS_OF), 6)
