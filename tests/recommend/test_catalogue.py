"""Catalogue: sorted, looked up, one level up, stored."""

from pathlib import Path

import pytest

from features.errors import DataError
from recommend.catalogue import build_catalogue, by_category
from recommend.categories import STATES, category_states


def test_catalogue_round_trip_and_labels(tmp_path: Path) -> None:
    """Ids are sorted; a label is the name, else type, else category; stored and opened it is the same."""
    from recommend.catalogue import Catalogue

    made = build_catalogue(["b", "a"], [None, None], ["C", "D"], ["T", None], [None, "x"])
    made.save(tmp_path, "products")
    opened = Catalogue.open(tmp_path, "products")
    assert opened.items.tolist() == ["a", "b"]
    assert opened.labels.tolist() == ["D", "T"]
    assert opened.positions(["b", "z"]).tolist() == [1, -1]
    assert opened.codes["category"].tolist() == [1, 0]
    with pytest.raises(DataError, match="several for a"):
        build_catalogue(["a", "a"], [None] * 2, [None] * 2, [None] * 2, [None] * 2)


def test_categories_as_items_leave_unknown_out() -> None:
    """Products without a category have no place one level up."""
    made = build_catalogue(["a", "b", "c"], [None] * 3, ["Y", None, "X"], [None] * 3, [None] * 3)
    upper, place = by_category(made, {"X": "dept"})
    assert upper.items.tolist() == ["X", "Y"]
    assert place.tolist() == [1, -1, 0]


def test_states() -> None:
    """Never bought; last bought 85 days ago; 84 days ago."""
    import numpy as np

    found = category_states(np.array([False, True, True]), np.array([np.nan, 85.0, 84.0]), 84)
    assert [STATES[s] for s in found] == ["never", "lapsed", "active"]
