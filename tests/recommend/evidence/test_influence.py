"""What purchases add to scores: exact."""

import numpy as np

from recommend.candidates import given_pairs, taste_matrix
from recommend.evidence.influence import als_losses, similar_parts
from recommend.histories import Histories, build_histories, histories_before
from tests.recommend.shop import CUT, shelf, shop, sources_at


def without(h: Histories, customer: int, item: int) -> Histories:
    """The histories without a customer's purchases of an item."""
    keep = ~((h.customer == customer) & (h.item == item))
    columns = (h.customer, h.item, h.cut - h.age, h.orders, h.quantity, h.amount)
    return build_histories(h.customers, h.n_items, h.cut, *(c[keep] for c in columns))


def test_losses_are_what_a_new_fold_in_loses() -> None:
    """Both scores of all items fall by what is said, to the digit, when one owned item leaves the history."""
    data = shop()
    h, sources = histories_before(data, shelf(data), CUT), sources_at(data, shelf(data), CUT)
    items = np.arange(h.n_items)
    for customer in (0, 7):
        taste = taste_matrix(h, sources.fold_params)[customer]
        owned = taste.indices.astype(np.int64)
        als = als_losses(sources, owned, taste.data.astype(np.float64), items)
        beside = (np.tile(owned, len(items)), np.repeat(items, len(owned)))
        similar = similar_parts(sources, *beside).reshape(len(items), len(owned))
        before = given_pairs(h, sources, customer * h.n_items + items)
        for j, item in enumerate(owned[:4]):
            after = given_pairs(without(h, customer, int(item)), sources, customer * h.n_items + items)
            assert np.allclose(before.scores["als"] - after.scores["als"], als[:, j], atol=2e-5)
            assert np.allclose(before.scores["similar"] - after.scores["similar"], similar[:, j], atol=2e-5)


def test_nothing_owned_adds_nothing() -> None:
    """An empty history has no parts."""
    data = shop()
    sources = sources_at(data, shelf(data), CUT)
    none = np.empty(0, dtype=np.int64)
    assert als_losses(sources, none, np.empty(0), np.arange(3)).shape == (3, 0)
    assert similar_parts(sources, none, none).shape == (0,)
