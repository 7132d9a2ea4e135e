"""Rules about a whole table: is it as large as usual, and as new as the others. Plain numbers, no engine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from statistics import median

from features.contract import Contract
from features.quality_params import QualityParams

FEWER = "fewer rows than half the usual"
MORE = "more rows than double the usual"
STALE = "newest row far behind the newest transaction"
AHEAD = "newest row far ahead of the newest transaction"
FEWEST_VERSIONS = 3  # with fewer, nothing is usual


def table_rules(contract: Contract) -> dict[str, str]:
    """The rules of a table with their usual severity."""
    timed = "event_ts" in contract.names and contract.name != "transactions"
    return dict.fromkeys((FEWER, MORE, *((STALE, AHEAD) if timed else ())), "warn")


def volume_fault(rows: int, earlier: Sequence[int], params: QualityParams) -> tuple[str, str] | None:
    """The rule that `rows` breaks against the row counts of earlier versions (newest first), and the numbers."""
    recent = list(earlier)[: params.volume_versions]
    usual = median(recent) if len(recent) >= FEWEST_VERSIONS else 0.0
    if not usual or usual / 2 <= rows <= usual * 2:
        return None
    told = f"{rows:,} rows, where {usual:,.0f} were usual (median of the last {len(recent)} versions)"
    return FEWER if rows < usual else MORE, told


def freshness_fault(
    newest: datetime | None, newest_sale: datetime | None, params: QualityParams
) -> tuple[str, str] | None:
    """The rule that the newest row of a table breaks against the newest transaction, and both days."""
    if newest is None or newest_sale is None:
        return None
    days = (newest_sale - newest).days
    if abs(days) <= params.stale_days:
        return None
    told = f"newest row of {newest:%Y-%m-%d}, newest transaction of {newest_sale:%Y-%m-%d}"
    return STALE if days > 0 else AHEAD, told
