"""Family K: life events and interests that a customer"s own posts tell."""

from __future__ import annotations

from pyspark.sql import DataFrame

from features.definitions import FeatureDef
from features.facts import Facts

FAMILY = "K social"
NEEDS: tuple[str, ...] = ("post_tags",)
DEFINITIONS: tuple[FeatureDef, ...] = ()


def features(facts: Facts) -> list[DataFrame]:
    """One row per customer."""
    return []
