"""Halves are rounded up whatever their binary value."""

from decimal import ROUND_FLOOR, Decimal

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from features.rounding import rounded


def test_halves_go_up_on_every_engine(spark: SparkSession) -> None:
    """Halves that no double holds, on either side of 0, and cents that come from them; null stays null."""
    values = [k * 1e-6 * 2.5 for k in range(-40, 80)] + [k / 3200 for k in range(1, 100, 2)] + [0.145, 0.565, 1.005]
    df = spark.createDataFrame([(i, v) for i, v in enumerate([*values, None])], "i int, x double")
    six = rounded(F.col("x"))
    rows = df.select("i", six.alias("six"), six.cast("decimal(18,6)").cast("decimal(18,2)").alias("cents"))
    found = [(r.six, r.cents) for r in rows.orderBy("i").collect()]
    assert found.pop() == (None, None)
    for value, (six_found, cents) in zip(values, found, strict=True):
        exact = Decimal(repr(round(value, 9))) * 1_000_000 + Decimal("0.5")
        assert six_found == float(exact.to_integral_value(ROUND_FLOOR)) / 1e6, value
        if value in (0.145, 0.565, 1.005):
            assert cents == Decimal(str(value)) + Decimal("0.005")
