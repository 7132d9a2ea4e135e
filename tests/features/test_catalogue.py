"""Definitions, and what is generated from them."""

from features.catalogue import (
    CUSTOMER_FEATURES,
    all_definitions,
    companion_definitions,
    every_definition,
    source_columns,
    source_names,
    spec_json,
    switched_off,
)
from features.contract import KINDS
from features.definitions import FeatureParams
from features.elsewhere import ELSEWHERE
from features.source_tables import SOURCES

TABLES = {c.name: c for c in SOURCES}


def test_names_are_unique_and_documented() -> None:
    """Each column has one definition with words, a known kind and a default that its kind can hold."""
    companions = {t: [d for table, d in companion_definitions() if table == t] for t, _ in companion_definitions()}
    for definitions in (all_definitions(), *companions.values()):
        assert len({d.name for d in definitions}) == len(definitions)
        for d in definitions:
            assert d.definition, d.name
            assert d.kind in KINDS, d.name
            assert d.default in {"0", "null", "false"}, d.name
            assert (d.default == "false") == (d.kind == "bool"), d.name


def test_sources_exist() -> None:
    """Every source of a definition is a column of a source contract."""
    for table, column in source_columns():
        assert column in TABLES[table].names


def test_every_number_of_the_catalogue_is_somewhere() -> None:
    """Of the 167 numbered features each is a column, or is named with the place where it is instead."""
    computed = {d.number for d in every_definition()}
    assert computed & ELSEWHERE.keys() == set()
    assert computed | ELSEWHERE.keys() == set(range(1, 168))
    assert {d.family[0] for d in all_definitions()} >= set("ABCDEFGHIJKLMNO")


def test_nullable_exactly_when_nothing_happened_is_null() -> None:
    """A count is never null; a rate may be."""
    assert not CUSTOMER_FEATURES.column("n_orders_30").nullable
    assert CUSTOMER_FEATURES.column("aov_30").nullable
    assert CUSTOMER_FEATURES.names[:2] == ["as_of", "customer_id"]
    assert CUSTOMER_FEATURES.mode == "snapshot"


def test_spec_is_canonical() -> None:
    """The spec is the same text each time, in ASCII and without spaces around separators."""
    assert spec_json(FeatureParams()) == spec_json(FeatureParams())
    assert spec_json(FeatureParams()).isascii()
    assert '": ' not in spec_json(FeatureParams())


def test_switched_off_names_features_and_source() -> None:
    """An empty source column names the features that are null for it; nothing is off when all are filled."""
    filled: dict[str, set[str]] = {name: set() for name in source_names()}
    for table, column in source_columns():
        filled[table].add(column)
    assert switched_off(filled) == ()
    (off,) = switched_off(filled | {"products": filled["products"] - {"own_brand"}})
    assert (off.features, off.reason) == (("own_brand_share",), "products.own_brand is empty")
