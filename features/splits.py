"""Calendar cuts: train before a day, look at whole weeks after it, with nothing of the label window known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from features.as_of import EPOCH
from features.errors import DataError

WEEK = 7


@dataclass(frozen=True)
class CalendarCut:
    """Train on days < `train_end`; the labels are the days `start` <= day < `end` (days since 1970-01-01).

    >>> CalendarCut.at(date(2017, 12, 4))
    CalendarCut(train_end=17504, start=17504, end=17532)
    >>> CalendarCut.at(date(2017, 12, 4), embargo_days=7).train_end
    17497
    """

    train_end: int
    start: int
    end: int

    def __post_init__(self) -> None:
        if not self.train_end <= self.start < self.end:
            raise DataError(f"a cut needs train_end <= start < end, got {self.train_end}, {self.start}, {self.end}")
        if (self.end - self.start) % WEEK:
            raise DataError(f"a label window is whole weeks, got {self.end - self.start} days")

    @classmethod
    def at(cls, day: date, window_days: int = 28, embargo_days: int = 0) -> CalendarCut:
        """The cut whose labels start on `day`; training ends `embargo_days` earlier."""
        start = epoch_day(day)
        return cls(start - embargo_days, start, start + window_days)

    @property
    def label_start(self) -> date:
        """First day of the label window."""
        return date.fromordinal(EPOCH.toordinal() + self.start)

    @property
    def embargo_days(self) -> int:
        """Days between the last training day and the first label day that neither side sees."""
        return self.start - self.train_end


def epoch_day(day: date) -> int:
    """Days since 1970-01-01.

    >>> epoch_day(date(2017, 12, 4))
    17504
    """
    return (day - EPOCH).days


def calendar_cuts(days: Iterable[date], window_days: int = 28, embargo_days: int = 0) -> list[CalendarCut]:
    """One cut per day, oldest first; `DataError` when two label windows overlap (a customer would count twice).

    >>> [cut.start for cut in calendar_cuts([date(2017, 12, 4), date(2017, 11, 6)])]
    [17476, 17504]
    """
    cuts = sorted((CalendarCut.at(d, window_days, embargo_days) for d in days), key=lambda cut: cut.start)
    for earlier, later in pairwise(cuts):
        if later.start < earlier.end:
            raise DataError(f"label windows of {earlier.label_start} and {later.label_start} overlap")
    return cuts


def cuts_before(end: int, windows: int, window_days: int = 28, embargo_days: int = 0) -> list[CalendarCut]:
    """The last `windows` label windows that end on or before day `end`, back to back, oldest first.

    >>> [(cut.start, cut.end) for cut in cuts_before(17504, 2)]
    [(17448, 17476), (17476, 17504)]
    """
    starts = [end - window_days * (i + 1) for i in reversed(range(windows))]
    return [CalendarCut(start - embargo_days, start, start + window_days) for start in starts]
