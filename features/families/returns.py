"""Family E, the part about what comes back."""

from __future__ import annotations

from pyspark.sql import DataFrame

from features.definitions import FeatureDef
from features.facts import Facts

FAMILY = "E basket"
NEEDS: tuple[str, ...] = ("order_status",)
DEFINITIONS: tuple[FeatureDef, ...] = ()


def features(facts: Facts) -> list[DataFrame]:
    """One row per customer."""
    return []
