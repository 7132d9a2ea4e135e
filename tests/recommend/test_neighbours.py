"""Items like an item without a history."""

import numpy as np

from recommend.catalogue import build_catalogue
from recommend.neighbours import attribute_neighbours, stand_in

# four mascaras, two of brand b; a lipstick; a broom; something of which nothing is known
IDS = ("m1", "m2", "m3", "m4", "lip", "broom", "what")
SHOP = build_catalogue(
    IDS,
    [None] * 7,
    ["makeup"] * 5 + ["house", None],
    ["mascara"] * 4 + ["lipstick", "broom", None],
    ["a", "a", "b", "b", "b", "c", None],
)
AT = {name: i for i, name in enumerate(SHOP.items)}


def near(item: str, sold: tuple[str, ...]) -> dict[str, float]:
    """Neighbours and weights of an item among those sold."""
    among = np.array([i in sold for i in SHOP.items])
    row = attribute_neighbours(SHOP, np.array([AT[item]]), among)
    return {str(SHOP.items[i]): float(w) for i, w in zip(row.indices, row.data, strict=True)}


def test_the_nearest_likeness_that_is_sold_stands_in() -> None:
    """Type and brand, else type, else category; never the item itself, and nothing for whom nothing is like."""
    assert near("m1", ("m1", "m2", "m3", "lip")) == {"m2": 1.0}
    assert near("m1", ("m1", "m3", "m4", "lip")) == {"m3": 0.5, "m4": 0.5}
    assert near("lip", ("lip", "m1", "broom")) == {"m1": 1.0}
    assert near("broom", ("m1", "broom")) == {}
    assert near("what", ("m1", "broom")) == {}


def test_means_of_neighbours_stand_in_for_what_was_never_learned() -> None:
    """The mean over neighbours, zero without any."""
    among = np.isin(SHOP.items.astype(str), ["m3", "m4"])
    rows = attribute_neighbours(SHOP, np.array([AT["m1"], AT["broom"]]), among)
    values = np.zeros((7, 2))
    values[[AT["m3"], AT["m4"]]] = [[1.0, 2.0], [3.0, 6.0]]
    assert stand_in(rows, values).tolist() == [[2.0, 4.0], [0.0, 0.0]]


def test_only_the_most_popular_neighbours_count() -> None:
    """No more than the limit, by popularity and then by place, whatever the order of the items asked for."""
    n = 70
    many = build_catalogue([f"p{i:03d}" for i in range(n)], [None] * n, ["c"] * n, ["t"] * n, ["b"] * n)
    popularity = np.arange(n) % 7
    row = attribute_neighbours(many, np.array([0]), np.ones(n, dtype=bool), popularity)
    assert row.nnz == 50
    assert set(np.flatnonzero(popularity >= 3)) <= set(row.indices)
    both = attribute_neighbours(many, np.array([5, 0]), np.ones(n, dtype=bool), popularity)
    assert np.array_equal(both[1].indices, row.indices)
