"""The cut of a snapshot, and the only filters that decide what was known by then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

EPOCH = date(1970, 1, 1)
# "from always": the start of what has no known start; a value, not null, so that it can be part of a key
OPEN_START = datetime(1900, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class AsOf:
    """A local midnight: the snapshot of `day` knows what happened, and was known, before `day` began.

    >>> AsOf(date(2017, 12, 4), "America/New_York").ts.isoformat()
    '2017-12-04T05:00:00+00:00'
    """

    day: date
    time_zone: str = "UTC"

    @property
    def ts(self) -> datetime:
        """The cut as an aware UTC datetime."""
        return datetime.combine(self.day, time(), ZoneInfo(self.time_zone)).astimezone(UTC)

    @property
    def epoch_day(self) -> int:
        """Days since 1970-01-01 of the cut's local day; facts have a smaller number."""
        return (self.day - EPOCH).days

    def plus(self, days: int) -> AsOf:
        """The cut `days` local days later (earlier when negative)."""
        return AsOf(self.day + timedelta(days=days), self.time_zone)


def known_before(df: DataFrame, as_of: AsOf) -> DataFrame:
    """Rows of a log that had happened and were known before the cut, both strictly."""
    cut = F.lit(as_of.ts)
    return df.where((F.col("event_ts") < cut) & (F.col("available_ts") < cut))


def with_local_time(df: DataFrame, time_zone: str) -> DataFrame:
    """Adds `local_ts` (wall clock in `time_zone`) and `local_day` (date) from the UTC `event_ts`."""
    return df.withColumn("local_ts", F.from_utc_timestamp(F.col("event_ts"), time_zone)).withColumn(
        "local_day", F.to_date("local_ts")
    )
