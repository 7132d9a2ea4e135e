"""What a rule of the tag sheet is: what holds, how strong, on what support, for how long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import Column
from pyspark.sql import functions as F

from features.rounding import rounded

Expression = Callable[[], Column]  # a function, since a column needs a session
YEAR = 365


@dataclass(frozen=True)
class TagRule:
    """One tag, or one tag per subject, of rows of a feature table.

    `subject` gives what the tag is about, None for a plain tag. `first` and `last` are days before the cut of the
    first and the last fact. The tag expires `expiry_days` after the last. `evidence` names features to show.
    `is_limited` keeps only a customer's strongest.
    """

    tag: str
    kind: str
    table: str
    definition: str
    holds: Expression
    score: Expression
    support: Expression
    expiry_days: int
    evidence: tuple[str, ...]
    subject: Expression | None = None
    first: Expression = lambda: F.least(F.col("days_since_first_order"), F.lit(YEAR))
    last: Expression = lambda: F.col("recency_days")
    purpose: str = "personalisation"
    is_limited: bool = False


def of_lift(name: str) -> Column:
    """A lift of 1 or more as a score: 2 is .5, 10 is .9."""
    return rounded(F.lit(1.0) - F.lit(1.0) / F.greatest(F.col(name), F.lit(1.0)))
