"""Local days by arithmetic."""

from datetime import date, timedelta

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from features.as_of import AsOf
from features.local_days import local_day


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"])
def test_days_are_those_of_the_engine_s_calendar(spark: SparkSession, zone: str) -> None:
    """Also on days of 23 and 25 hours, at midnights, and in zones off the hour."""
    as_of = AsOf(date(2017, 12, 4), zone)
    moments = [
        as_of.plus(-d).ts + timedelta(seconds=s) for d in range(-2, 368) for s in (-1, 0, 1, 5400, 43200, 82800, 86399)
    ]
    frame = spark.createDataFrame([(m,) for m in moments], "ts timestamp")
    day = F.unix_date(F.to_date(F.from_utc_timestamp("ts", zone)))
    wrong = frame.where(local_day(F.unix_micros("ts"), as_of, 366) != day)
    assert [r["ts"] for r in wrong.collect()] == []
