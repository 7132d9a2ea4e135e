"""The cut: strict on both clocks, at local midnight."""

from datetime import UTC, date, datetime, timedelta

from pyspark.sql import SparkSession

from features.as_of import AsOf, known_before, with_local_time

CUT = AsOf(date(2017, 12, 4), "America/New_York")


def test_cut_is_local_midnight_across_daylight_saving() -> None:
    """Midnight in New York is 05:00 UTC in winter and 04:00 in summer."""
    assert CUT.ts == datetime(2017, 12, 4, 5, tzinfo=UTC)
    assert AsOf(date(2017, 7, 1), "America/New_York").ts == datetime(2017, 7, 1, 4, tzinfo=UTC)
    assert CUT.plus(-30).day == date(2017, 11, 4)


def test_known_before_is_strict_on_both_clocks(spark: SparkSession) -> None:
    """A fact exactly at the cut, or known only from the cut on, is not in the snapshot."""
    just_before, at = CUT.ts - timedelta(microseconds=1), CUT.ts
    rows = [("in", just_before, just_before), ("event at", at, at), ("known at", just_before, at)]
    df = spark.createDataFrame(rows, "id string, event_ts timestamp, available_ts timestamp")
    assert [r["id"] for r in known_before(df, CUT).collect()] == ["in"]


def test_local_day(spark: SparkSession) -> None:
    """03:00 UTC on Monday is Sunday evening in New York."""
    df = spark.createDataFrame([(datetime(2017, 12, 4, 3, tzinfo=UTC),)], "event_ts timestamp")
    row = with_local_time(df, "America/New_York").collect()[0]
    assert row["local_day"] == date(2017, 12, 3)
