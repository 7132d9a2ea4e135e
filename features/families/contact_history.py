"""Family J, the part over all channels: contacts, refusals, complaints."""

from __future__ import annotations

from pyspark.sql import DataFrame

from features.definitions import FeatureDef
from features.facts import Facts

FAMILY = "J contacts and responses"
NEEDS: tuple[str, ...] = ("contacts",)
DEFINITIONS: tuple[FeatureDef, ...] = ()


def features(facts: Facts) -> list[DataFrame]:
    """One row per customer."""
    return []
