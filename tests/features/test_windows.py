"""Expressions that families share."""

from statistics import quantiles

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from features.windows import neighbours, percentile_of_sorted, ratio


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
