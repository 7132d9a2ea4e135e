"""Family N: where a customer came from, and the first contact."""

from __future__ import annotations

from pyspark.sql import DataFrame

from features.definitions import FeatureDef
from features.facts import Facts

FAMILY = "N acquisition"
NEEDS: tuple[str, ...] = ("accounts",)
DEFINITIONS: tuple[FeatureDef, ...] = ()


def features(facts: Facts) -> list[DataFrame]:
    """One row per customer."""
    return []
