"""Volume and freshness of whole tables, against earlier versions and the transactions."""

from datetime import datetime, timedelta

import pytest

from features.quality_params import QualityParams
from features.source_tables import CALENDAR, CONTACTS, TRANSACTIONS
from features.table_rules import AHEAD, FEWER, MORE, STALE, freshness_fault, table_rules, volume_fault

PARAMS = QualityParams(volume_versions=3, stale_days=30)
SALE = datetime(2026, 3, 1, 12)


@pytest.mark.parametrize(
    ("rows", "earlier", "rule"),
    [
        (100, [100, 100, 100], None),
        (50, [100, 100, 100], None),  # half is still usual
        (49, [100, 100, 100], FEWER),
        (0, [100, 100, 100], FEWER),
        (200, [100, 100, 100], None),
        (201, [100, 100, 100], MORE),
        (201, [100, 90, 250, 900, 900, 900], MORE),  # only the newest three count: median 100
        (1, [100, 100], None),  # two versions make no habit
        (7, [0, 0, 0], None),
        (7, [], None),
    ],
)
def test_volume(rows: int, earlier: list[int], rule: str | None) -> None:
    """Below half or above double of the trailing median is told with the numbers."""
    fault = volume_fault(rows, earlier, PARAMS)
    assert (fault[0] if fault else None) == rule
    if fault:
        assert f"{rows:,} rows, where 100 were usual (median of the last 3 versions)" == fault[1]


@pytest.mark.parametrize(("days", "rule"), [(0, None), (30, None), (31, STALE), (-30, None), (-31, AHEAD)])
def test_freshness(days: int, rule: str | None) -> None:
    """A table far behind or far ahead of the newest transaction is told."""
    fault = freshness_fault(SALE - timedelta(days=days), SALE, PARAMS)
    assert (fault[0] if fault else None) == rule


def test_nothing_to_compare() -> None:
    """A table without times, or no transactions, is neither."""
    assert freshness_fault(None, SALE, PARAMS) is None
    assert freshness_fault(SALE, None, PARAMS) is None
    assert STALE in table_rules(CONTACTS)
    assert STALE not in table_rules(CALENDAR)
    assert STALE not in table_rules(TRANSACTIONS)
