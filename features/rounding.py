"""Rounding that gives the same number on every engine."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

# a half that is a hair short of one in binary still counts as one
HALF = 0.500001


def rounded(column: Column, digits: int = 6) -> Column:
    """A double to so many decimals, halves up; null stays null. For sizes below 9e18 / 10^digits, and no NaN.

    `round` takes the binary value on one engine and the shortest text on another: 0.0000025 becomes 0.000003 or
    0.000002. A share of 32.00 has such halves, and so has a probability of six decimals times 2.5.

    Returns a double; cast to a decimal of as many digits it is exact.
    """
    scale = 10.0**digits
    return F.floor(column * F.lit(scale) + F.lit(HALF)).cast("double") / F.lit(scale)
