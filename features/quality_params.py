"""What a rule of the source tables is, and the parameters of judging them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pyspark.sql import Column as SparkColumn

Severity = Literal["warn", "quarantine", "stop"]
SEVERITIES = ("warn", "quarantine", "stop")


@dataclass(frozen=True)
class QualityParams:
    """When bad rows stop a run.

    A table whose quarantined share is above `max_quarantined_share` stops the run, unless no more than
    `tolerated_rows` rows are affected (one bad offer of ten is no reason to stop). `severity` overrides rules:
    "table.rule" -> warn, quarantine or stop.
    """

    max_quarantined_share: float = 0.01
    tolerated_rows: int = 10
    severity: dict[str, Severity] = field(default_factory=dict)
    # more accounts than this behind one identifier earn a warning
    accounts_per_identifier: int = 1000
    # part by which the paid amount of an order may differ from the sum of its lines
    paid_tolerance: float = 0.01
    # earlier versions that tell a table's usual number of rows
    volume_versions: int = 7
    # days between the newest row of a table and the newest transaction that earn a warning
    stale_days: int = 30


@dataclass(frozen=True)
class Rule:
    """A rule by name; `broken` is true where a row breaks it, false or null where it does not."""

    name: str
    broken: SparkColumn
    severity: str = "quarantine"
