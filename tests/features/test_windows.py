"""Expressions that families share."""

from datetime import date, timedelta
from statistics import quantiles
from zoneinfo import ZoneInfo

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from features.as_of import AsOf
from features.windows import days_before, neighbours, packed, percentile_of_sorted, ratio, unpacked, utc_offsets


def test_ratio_without_denominator_is_null(spark: SparkSession) -> None:
    """x / 0 is null, never 0 nor infinite; results have 6 places."""
    row = spark.range(1).select(ratio(F.lit(1), F.lit(0)).alias("a"), ratio(F.lit(2), F.lit(3)).alias("b")).first()
    assert row is not None
    assert (row["a"], row["b"]) == (None, 0.666667)


def test_percentiles_of_sorted_arrays(spark: SparkSession) -> None:
    """As the inclusive method of the standard library; one value is itself, none is null."""
    values = [1.0, 2.0, 4.0, 8.0, 16.0, 99.0]
    df = spark.createDataFrame([(values,), ([7.0],), ([],)], "v array<double>")
    found = df.select(*[percentile_of_sorted(F.col("v"), q).alias(str(q)) for q in (0.5, 0.9)]).collect()
    deciles = quantiles(values, n=10, method="inclusive")
    assert [tuple(r) for r in found] == [(deciles[4], deciles[8]), (7.0, 7.0), (None, None)]


def test_neighbours_pair_each_element_with_the_one_before(spark: SparkSession) -> None:
    """n elements have n - 1 neighbours; one or none have no pair."""
    df = spark.createDataFrame([([1, 4, 9],), ([5],)], "v array<int>")
    gaps = df.select(F.transform(neighbours(F.col("v")), lambda p: p["0"] - p["1"]).alias("g")).collect()
    assert [r["g"] for r in gaps] == [[3, 5], []]


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Shanghai", "Australia/Lord_Howe", "UTC"])
def test_days_before_the_cut_are_those_of_the_calendar(spark: SparkSession, zone: str) -> None:
    """Whole local days, also in the hours around a change of the clocks, years ago and after the cut."""
    as_of = AsOf(date(2026, 3, 1), zone)
    around = [start for start, _ in utc_offsets(as_of)] + [as_of.ts, as_of.plus(-3000).ts, as_of.plus(500).ts]
    steps = [timedelta(hours=h, microseconds=us) for h in (-24, -1, 0, 1, 23) for us in (-1, 0)]
    moments = [m + step for m in around for step in steps]
    df = spark.createDataFrame([(m,) for m in moments], "ts timestamp")
    found = [r["days"] for r in df.select(days_before(F.col("ts"), as_of).alias("days")).collect()]
    assert found == [(as_of.day - m.astimezone(ZoneInfo(zone)).date()).days for m in moments]


def test_packed_numbers_keep_the_order_of_their_parts(spark: SparkSession) -> None:
    """The first part decides, then the second; a part that does not fit takes its largest value."""
    rows = [(0, 0), (0, 7), (1, 0), (2**40, 3), (2**40, 9)]
    whole = packed((F.col("a"), 60), (F.col("b"), 3))
    df = spark.createDataFrame(rows, "a bigint, b bigint").select(
        whole.alias("w"), unpacked(whole, 60, 3).alias("a"), unpacked(whole, 3).alias("b")
    )
    found = df.collect()
    assert [r["w"] for r in found] == sorted(r["w"] for r in found)
    assert [(r["a"], r["b"]) for r in found] == [(0, 0), (0, 7), (1, 0), (2**40, 3), (2**40, 7)]
    with pytest.raises(ValueError, match="do not fit into 63"):
        packed((F.col("a"), 60), (F.col("b"), 4))
