"""Column expressions that the feature families share: windows back from the cut, and ratios."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from pyspark.sql import Column
from pyspark.sql import functions as F

from features.as_of import AsOf
from features.rounding import rounded

MONEY = "decimal(18,2)"
DAY_MICROS = 86_400_000_000
OFFSET_YEARS = 3  # moments further back than this are converted by the engine


def days_before(moment: Column, as_of: AsOf) -> Column:
    """Local days from a UTC moment to the cut, as an int: 1 is the day before it, 0 or less is not before it.

    The engines look the zone up for every row, which takes as long as reading it. The offsets of the last years are
    a handful of constants, so recent rows take plain arithmetic, and only older (or far later) ones the look-up.
    """
    micros = F.unix_micros(moment)
    looked_up = F.unix_date(F.to_date(F.from_utc_timestamp(moment, as_of.time_zone))).cast("bigint")
    periods = utc_offsets(as_of)
    day = F.when(micros >= _micros(as_of.plus(366).ts), looked_up)
    for start, offset in reversed(periods):
        day = day.when(micros >= _micros(start), F.floor((micros + offset * 1_000_000) / F.lit(DAY_MICROS)))
    return (F.lit(as_of.epoch_day) - day.otherwise(looked_up)).cast("int")


@lru_cache(maxsize=64)
def utc_offsets(as_of: AsOf) -> tuple[tuple[datetime, int], ...]:
    """From when each offset to UTC holds (seconds east), oldest first; OFFSET_YEARS before the cut to a year after it.

    >>> from datetime import date
    >>> [(start.date().isoformat(), offset) for start, offset in utc_offsets(AsOf(date(2026, 1, 1), "Asia/Shanghai"))]
    [('2022-12-31', 28800)]
    """
    zone = ZoneInfo(as_of.time_zone)

    def offset_at(moment: datetime) -> int:
        return int(moment.astimezone(zone).utcoffset().total_seconds())  # type: ignore[union-attr]

    start = as_of.plus(-365 * OFFSET_YEARS).ts
    periods = [(start, offset_at(start))]
    for day in range((as_of.plus(366).ts - start).days):
        low, high = start + timedelta(days=day), start + timedelta(days=day + 1)
        if offset_at(low) == offset_at(high):
            continue
        while high - low > timedelta(seconds=1):  # the clocks change on whole seconds
            middle = low + timedelta(seconds=(high - low).total_seconds() // 2)
            low, high = (middle, high) if offset_at(middle) == offset_at(low) else (low, middle)
        periods.append((high, offset_at(high)))
    return tuple(periods)


def _micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


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


def packed(*parts: tuple[Column, int]) -> Column:
    """Whole numbers from 0 in one bigint, the first the most significant; each with the bits that it takes.

    Engines sort and compare bigints much faster than structs. The bits must add up to 63 at most; a part that does
    not fit takes its largest value.
    """
    if sum(bits for _, bits in parts) > 63:
        raise ValueError(f"parts of {[bits for _, bits in parts]} bits do not fit into 63")
    whole = F.lit(0).cast("bigint")
    for value, bits in parts:
        whole = whole * F.lit(2**bits) + F.least(value.cast("bigint"), F.lit(2**bits - 1))
    return whole


def unpacked(whole: Column, bits: int, above: int = 0) -> Column:
    """The part of so many bits of a `packed` number that has `above` bits after it."""
    shifted = F.shiftright(whole, above) if above else whole
    return F.pmod(shifted, F.lit(2**bits)) if bits + above < 63 else shifted


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
