"""From feature definitions to table contracts."""

from __future__ import annotations

from collections.abc import Iterable

from features.contract import Column, Contract
from features.definitions import FeatureDef
from features.output_tables import AS_OF, CUSTOMER


def as_column(definition: FeatureDef) -> Column:
    """The contract column of a definition: nullable exactly when its default is null."""
    return Column(
        definition.name,
        definition.kind,
        f"{definition.definition}; {definition.window}",
        definition.default == "null",
        low=definition.low,
        high=definition.high,
    )


def feature_contract(
    name: str, meaning: str, bucket: tuple[Column, ...], definitions: Iterable[FeatureDef]
) -> Contract:
    """The contract of a snapshot table of features per customer and `bucket`."""
    key = (AS_OF, CUSTOMER, *bucket)
    columns = (*key, *[as_column(d) for d in definitions])
    return Contract(name, meaning, tuple(c.name for c in key), columns, mode="snapshot")
