"""Family L: the stage of a customer's life with the shop."""

from __future__ import annotations

from features.definitions import FeatureDef

FAMILY = "L lifecycle and lifetime"
DEFINITIONS: tuple[FeatureDef, ...] = ()
