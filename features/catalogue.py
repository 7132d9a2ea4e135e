"""All feature definitions, and what is generated from them: contracts, the printable list and the spec hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from typing import Protocol

from pyspark.sql import DataFrame

from features.contract import Column, Contract
from features.definitions import FeatureDef, FeatureParams
from features.facts import Facts
from features.families import (
    acquisition,
    affinity,
    attach_features,
    basket,
    brand_features,
    browsing,
    carts,
    category_features,
    category_interest,
    channel_crossings,
    channel_features,
    colour_features,
    contact_history,
    coupons,
    daypart,
    daypart_features,
    fashion,
    holidays,
    home_store,
    influence,
    influence_score,
    life_events,
    lifecycle,
    lifetime,
    membership,
    offer_kind_features,
    outfit_features,
    price,
    product_features,
    promotion,
    recency,
    returns,
    rhythm,
    sales_channels,
    search_terms,
    service,
    size_features,
    style_bands,
    unpaid_orders,
    value_scores,
    viewed_products,
)
from features.feature_contract import feature_contract
from features.output_tables import AS_OF


class Described(Protocol):
    """A module with definitions of columns of the wide row."""

    @property
    def DEFINITIONS(self) -> tuple[FeatureDef, ...]:
        """What the columns are."""


class Needy(Described, Protocol):
    """One that needs source tables."""

    @property
    def NEEDS(self) -> tuple[str, ...]:
        """Source tables without any of which there is nothing to compute."""


class Family(Needy, Protocol):
    """A module whose features come from facts: see `features.families`."""

    def features(self, facts: Facts) -> list[DataFrame]:
        """Frames of one row per customer with columns of DEFINITIONS."""


class Companion(Needy, Protocol):
    """A module that makes a table of features per customer and bucket."""

    @property
    def CONTRACT(self) -> Contract:
        """The table."""

    def rows(self, facts: Facts) -> DataFrame:
        """The table without `as_of`."""


class Derived(Needy, Protocol):
    """A module whose features come from other features of the wide row."""

    def derive(self, rows: DataFrame, facts: Facts) -> tuple[DataFrame, list[DataFrame]]:
        """The wide rows with more columns, and rows for `feature_parameters`."""


FAMILIES: tuple[Family, ...] = (
    recency,
    rhythm,
    affinity,
    price,
    promotion,
    coupons,
    basket,
    returns,
    daypart,
    holidays,
    sales_channels,
    home_store,
    channel_crossings,
    browsing,
    viewed_products,
    carts,
    unpaid_orders,
    contact_history,
    life_events,
    influence,
    membership,
    fashion,
    acquisition,
    service,
    lifecycle,
)
# in the order in which they are computed
DERIVED: tuple[Derived, ...] = (influence_score, value_scores)
# columns that a job adds, because fitted models make them
MODELLED: tuple[Described, ...] = (lifetime,)
COMPANIONS: tuple[Companion, ...] = (
    category_features,
    daypart_features,
    category_interest,
    style_bands,
    search_terms,
    colour_features,
    size_features,
    outfit_features,
    channel_features,
    offer_kind_features,
    brand_features,
    attach_features,
    product_features,
)


def all_definitions() -> tuple[FeatureDef, ...]:
    """Every column of `customer_features` after the key, in order of families and numbers."""
    modules: Sequence[Described] = (*FAMILIES, *DERIVED, *MODELLED)
    found = [d for module in modules for d in module.DEFINITIONS]
    return tuple(sorted(found, key=lambda d: d.family[0]))


def companion_definitions() -> tuple[tuple[str, FeatureDef], ...]:
    """Every feature column of a companion table, as (table, definition)."""
    return tuple((c.CONTRACT.name, d) for c in COMPANIONS for d in c.DEFINITIONS)


def every_definition() -> tuple[FeatureDef, ...]:
    """Definitions of the wide row and of its companions."""
    return (*all_definitions(), *[d for _, d in companion_definitions()])


def spec_json(params: FeatureParams) -> str:
    """Definitions and parameters as canonical JSON: keys sorted, no spaces, so equal specs are equal bytes."""
    spec = {
        "customer_features": [asdict(d) for d in all_definitions()],
        **{c.CONTRACT.name: [asdict(d) for d in c.DEFINITIONS] for c in COMPANIONS},
        "params": asdict(params),
    }
    return json.dumps(spec, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def spec_hash(params: FeatureParams) -> str:
    """SHA-256 of `spec_json`, 16 hex digits: tags the snapshot and the runs trained on it."""
    return hashlib.sha256(spec_json(params).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class SwitchedOff:
    """Features that are null (or 0) in a snapshot because a source is not there."""

    family: str
    features: tuple[str, ...]
    reason: str


def source_columns() -> tuple[tuple[str, str], ...]:
    """The optional source columns that definitions rest on, as (table, column)."""
    names = {s for d in every_definition() for s in d.sources if "." in s}
    return tuple(sorted((table, column) for table, _, column in (n.partition(".") for n in names)))


def source_names() -> tuple[str, ...]:
    """The source tables that definitions rest on."""
    return tuple(sorted({s.partition(".")[0] for d in every_definition() for s in d.sources}))


def switched_off(filled: Mapping[str, Set[str]]) -> tuple[SwitchedOff, ...]:
    """What cannot be computed, given the columns of each source table that hold any value.

    >>> off = switched_off({"transactions": {"coupon_amount"}, "products": {"category", "brand", "own_brand"}})
    >>> off[0].family, off[0].reason
    ('D price and discounts', 'transactions.list_amount is empty')
    """
    found: dict[tuple[str, str], list[str]] = {}
    for d in every_definition():
        absent = sorted({s.partition(".")[0] for s in d.sources} - filled.keys())
        empty = absent or [s for s in d.sources if not _is_there(s, filled)]
        if empty:
            verb = "is" if len(empty) == 1 else "are"
            reason = f"{' and '.join(empty)} {verb} {'not there' if absent else 'empty'}"
            found.setdefault((d.family, reason), []).append(d.name)
    return tuple(SwitchedOff(family, tuple(names), reason) for (family, reason), names in found.items())


def _is_there(source: str, filled: Mapping[str, Set[str]]) -> bool:
    table, _, column = source.partition(".")
    return table in filled and (not column or column in filled[table])


CUSTOMER_FEATURES = feature_contract(
    "customer_features",
    "The wide feature row of every customer with an order, a record or a dealing with us known before the cut.",
    (),
    all_definitions(),
)

FEATURE_PARAMETERS = Contract(
    "feature_parameters",
    "Numbers fitted on the population of a snapshot that its features are relative to.",
    ("as_of", "feature", "subject", "position"),
    (
        AS_OF,
        Column("feature", "string", "feature, or family of features, that uses the number"),
        Column("subject", "string", "what it is about, such as a category or a festival; empty for all together"),
        Column("position", "int", "which of several numbers: quintile, band; 0 when there is one", low=0),
        Column("value", "double", "cut point, limit or share, in the unit of the feature"),
    ),
    mode="snapshot",
)

FEATURE_TABLES = (CUSTOMER_FEATURES, *[c.CONTRACT for c in COMPANIONS], FEATURE_PARAMETERS)
