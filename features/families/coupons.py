"""Family D, the part about coupons: given, used, and how close to their threshold."""

from __future__ import annotations

from pyspark.sql import DataFrame

from features.definitions import FeatureDef
from features.facts import Facts

FAMILY = "D price and discounts"
NEEDS: tuple[str, ...] = ("coupons_issued",)
DEFINITIONS: tuple[FeatureDef, ...] = ()


def features(facts: Facts) -> list[DataFrame]:
    """One row per customer."""
    return []
