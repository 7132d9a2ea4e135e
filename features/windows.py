"""Column expressions that the feature families share: windows back from the cut, and ratios."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from features.rounding import rounded

MONEY = "decimal(18,2)"


def within(window: int | None) -> Column:
    """Whether a row lies in the `window` local days before the cut (the first of them included).

    `days_ago` is 1 for the last local day before the cut, so T - w itself is in and the instant before it is out.
    """
    return F.lit(True) if window is None else F.col("days_ago") <= F.lit(window)


def when_within(value: Column, window: int | None) -> Column:
    """`value` inside the window, null outside; unchanged for life."""
    return value if window is None else F.when(within(window), value)


def sum_within(value: Column, window: int | None, kind: str = "bigint") -> Column:
    """Sum of `value` over the window, 0 where nothing happened."""
    return F.coalesce(F.sum(when_within(value, window)), F.lit(0)).cast(kind)


def count_within(window: int | None) -> Column:
    """Number of rows in the window."""
    return F.count(when_within(F.lit(1), window)).cast("int")


def ratio(top: Column, bottom: Column) -> Column:
    """`top / bottom` as a double rounded to 6 places; null where there is no denominator."""
    return F.when(bottom != 0, rounded(top.cast("double") / bottom.cast("double")))


def neighbours(values: Column) -> Column:
    """Each element of an array with the one before it: an array of structs with fields "0" (element) and "1" (before).

    The arrays are shifted and zipped. A lambda that looks back by index copies the whole array for each element on
    the embedded engine; a window over all rows takes three times as long.
    """
    n = F.size(values)
    return F.arrays_zip(F.slice(values, F.lit(2), n), F.slice(values, F.lit(1), n - 1))


def percentile_of_sorted(values: Column, q: float) -> Column:
    """The exact percentile of a sorted array, linear between neighbours as `percentile` is; null when it is empty."""
    n = F.size(values)
    place = (n - 1) * F.lit(q)
    low = F.floor(place).cast("int")
    below, above = F.get(values, low), F.get(values, F.least(low + 1, n - 1))
    return F.when(n > 0, below + (above - below) * (place - low))
