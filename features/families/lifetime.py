"""Family L, the part that fitted models give: who is still a customer, and what is to come."""

from __future__ import annotations

from features.definitions import FeatureDef

FAMILY = "L lifecycle and lifetime"
DEFINITIONS: tuple[FeatureDef, ...] = ()
