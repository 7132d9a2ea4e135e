"""All feature definitions, and what is generated from them: contracts, the printable list and the spec hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Set
from dataclasses import asdict, dataclass

from features import affinity, basket, category_features, daypart, price, recency, rhythm, value_scores
from features.contract import Column, Contract
from features.definitions import FeatureDef, FeatureParams
from features.output_tables import AS_OF, CUSTOMER

FAMILIES = (recency, value_scores, rhythm, affinity, price, basket, daypart)

# families of the catalogue that no code computes yet, and what each waits for
WAITING = {
    "G channels": "sales_channel is read, but the family is not written yet",
    "H browsing": "no source browsing",
    "I carts and unpaid orders": "no sources cart_events and order_status",
    "J contacts and responses": "computed per customer and offer kind for the response model, not here",
    "K social": "no sources social_posts, social_tags, social_stats, referrals and reviews",
    "L lifecycle and lifetime": "fitted models, and no sources tier_history and points_ledger",
    "M colour and size": "no such product attributes",
    "N acquisition": "no source accounts",
    "O service": "no source service_cases",
    "P customer and item": "computed for the ranker, not here",
}


def all_definitions() -> tuple[FeatureDef, ...]:
    """Every column of `customer_features` after the key, in order."""
    return tuple(d for family in FAMILIES for d in family.DEFINITIONS)


def category_definitions() -> tuple[FeatureDef, ...]:
    """Every column of `customer_category_features` after the key, in order."""
    return category_features.DEFINITIONS


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


def spec_json(params: FeatureParams) -> str:
    """Definitions and parameters as canonical JSON: keys sorted, no spaces, so equal specs are equal bytes."""
    spec = {
        "customer_features": [asdict(d) for d in all_definitions()],
        "customer_category_features": [asdict(d) for d in category_definitions()],
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
    names = {s for d in (*all_definitions(), *category_definitions()) for s in d.sources if "." in s}
    return tuple(sorted((table, column) for table, _, column in (n.partition(".") for n in names)))


def switched_off(filled: Mapping[str, Set[str]]) -> tuple[SwitchedOff, ...]:
    """What cannot be computed, given the columns of each source table that hold any value.

    >>> off = switched_off({"transactions": {"coupon_amount"}, "products": {"category", "brand", "own_brand"}})
    >>> off[0].family, off[0].reason
    ('D price and discounts', 'transactions.list_amount is empty')
    """
    found: dict[tuple[str, str], list[str]] = {}
    for d in (*all_definitions(), *category_definitions()):
        empty = [s for s in d.sources if not _is_there(s, filled)]
        if empty:
            reason = f"{' and '.join(empty)} {'is' if len(empty) == 1 else 'are'} empty"
            found.setdefault((d.family, reason), []).append(d.name)
    return tuple(SwitchedOff(family, tuple(names), reason) for (family, reason), names in found.items())


def _is_there(source: str, filled: Mapping[str, Set[str]]) -> bool:
    table, _, column = source.partition(".")
    return table in filled and (not column or column in filled[table])


def _contract(name: str, meaning: str, key: tuple[Column, ...], definitions: Iterable[FeatureDef]) -> Contract:
    columns = (*key, *[as_column(d) for d in definitions])
    return Contract(name, meaning, tuple(c.name for c in key), columns, mode="snapshot")


CUSTOMER_FEATURES = _contract(
    "customer_features",
    "The wide feature row of every customer with an order, or a record, known before the cut.",
    (AS_OF, CUSTOMER),
    all_definitions(),
)

CUSTOMER_CATEGORY_FEATURES = _contract(
    "customer_category_features",
    "What each customer did in each category bought from before the cut.",
    (AS_OF, CUSTOMER, Column("category", "string", "category")),
    category_definitions(),
)

FEATURE_PARAMETERS = Contract(
    "feature_parameters",
    "Numbers fitted on the population of a snapshot that its features are relative to.",
    ("as_of", "feature", "subject", "position"),
    (
        AS_OF,
        Column("feature", "string", "feature, or family of features, that uses the number"),
        Column("subject", "string", "category it is about; empty for the whole population"),
        Column("position", "int", "which of several numbers: quintile, band; 0 when there is one", low=0),
        Column("value", "double", "cut point, limit or share, in the unit of the feature"),
    ),
    mode="snapshot",
)

FEATURE_TABLES = (CUSTOMER_FEATURES, CUSTOMER_CATEGORY_FEATURES, FEATURE_PARAMETERS)
