"""The snapshot of customer features at a cut: the wide row, its companions, and what was fitted for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.catalogue import (
    COMPANIONS,
    CUSTOMER_FEATURES,
    DERIVED,
    FAMILIES,
    FEATURE_PARAMETERS,
    Companion,
    Derived,
    Family,
    all_definitions,
)
from features.contract import KINDS, Contract
from features.definitions import FeatureDef
from features.facts import Facts
from features.population import population

# adds columns to the wide rows, and gives rows for `feature_parameters`
Derive = Callable[[DataFrame, Facts], tuple[DataFrame, list[DataFrame]]]


@dataclass(frozen=True)
class Rooms:
    """Modules that a snapshot is made of; what is left out is as if its sources were missing."""

    families: Sequence[Family] = FAMILIES
    derived: Sequence[Derived] = DERIVED
    companions: Sequence[Companion] = COMPANIONS


EVERYTHING = Rooms()
JOINED_AT_ONCE = 6


def build_customer_features(
    facts: Facts, modelled: Sequence[Derive] = (), rooms: Rooms = EVERYTHING
) -> dict[str, DataFrame]:
    """The tables of the snapshot by name, each with the columns of its contract.

    `modelled` adds what fitted models make of the other columns; without it those columns are null. `rooms` is for
    tests and measurements that concern a part of the catalogue.
    """
    present = [f for f in rooms.families if facts.has(*f.NEEDS)]
    frames = [frame for family in present for frame in family.features(facts)]
    rows = facts.kept("family_rows", lambda: _family_rows(facts, frames))
    parameters = [frame for f in (*present, *rooms.companions) for frame in _fitted(f, facts)]
    for derive in (*[d.derive for d in rooms.derived if facts.has(*d.NEEDS)], *modelled):
        rows, fitted = derive(rows, facts)
        parameters += fitted
    tables = {"customer_features": _dated(CUSTOMER_FEATURES, _with_absent(rows), facts)}
    for companion in rooms.companions:
        if facts.has(*companion.NEEDS):
            tables[companion.CONTRACT.name] = _dated(companion.CONTRACT, companion.rows(facts), facts)
    tables["feature_parameters"] = _dated(FEATURE_PARAMETERS, reduce(DataFrame.unionByName, parameters), facts)
    return tables


def _fitted(module: object, facts: Facts) -> list[DataFrame]:
    """The parameters of a family that fits any."""
    fitted = getattr(module, "fitted", None)
    return fitted(facts) if fitted is not None and facts.has(*getattr(module, "NEEDS", ())) else []


def _dated(contract: Contract, df: DataFrame, facts: Facts) -> DataFrame:
    return contract.conform(df.withColumn("as_of", F.lit(facts.as_of.day.isoformat()).cast("date")))


def _family_rows(facts: Facts, families: list[DataFrame]) -> DataFrame:
    """The wide row: the population with every family beside it, and defaults where a family has no row.

    Families are joined a few at a time: the time that the embedded engine takes to plan a join of all of them grows
    faster than their number, and was four fifths of a small snapshot's.
    """
    customers = facts.customers.join(population(facts), "customer_id", how="right")
    groups = [families[i : i + JOINED_AT_ONCE] for i in range(0, len(families), JOINED_AT_ONCE)]
    if len(groups) <= 1:
        wide = _joined(customers, families)
    else:
        people = facts.kept("people", lambda: customers)
        first, *others = [
            facts.kept(f"families_{i}", lambda group=group: _joined(people, group))  # type: ignore[misc]
            for i, group in enumerate(groups)
        ]
        wide = reduce(
            lambda left, right: left.join(right.drop("customer_id"), "customer_no", how="inner"), others, first
        )
    present = set(wide.columns)
    definitions = [d for d in all_definitions() if d.name in present]
    return wide.select("customer_id", *[_with_default(d, F.col(d.name)) for d in definitions])


def _joined(customers: DataFrame, families: list[DataFrame]) -> DataFrame:
    """`customers` (customer_no, customer_id) with the families beside them; a family has one of these as its key.

    The narrow frame comes first in each join: the embedded engine builds its hash table from the left, and the wide
    rows stream through.
    """
    wide = customers
    for family in families:
        wide = family.join(wide, "customer_no" if "customer_no" in family.columns else "customer_id", how="right")
    return wide


def _with_absent(rows: DataFrame) -> DataFrame:
    """The rows with the columns of families that are switched off."""
    absent = [d for d in all_definitions() if d.name not in rows.columns]
    return rows.select("*", *[_with_default(d, F.lit(None).cast(KINDS[d.kind][1])) for d in absent])


def _with_default(definition: FeatureDef, column: Column) -> Column:
    if definition.default == "null":
        return column.alias(definition.name)
    default = F.lit(False) if definition.kind == "bool" else F.lit(int(definition.default))
    return F.coalesce(column, default).alias(definition.name)
