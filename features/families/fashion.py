"""Family M: colour, size, fit, season."""

from __future__ import annotations

from pyspark.sql import DataFrame

from features.definitions import FeatureDef
from features.facts import Facts

FAMILY = "M colour and size"
NEEDS: tuple[str, ...] = ()
DEFINITIONS: tuple[FeatureDef, ...] = ()


def features(facts: Facts) -> list[DataFrame]:
    """One row per customer."""
    return []
