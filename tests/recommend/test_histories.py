"""Histories: the cut, and what is summed."""

from dataclasses import replace

import numpy as np

from recommend.histories import bought_between, histories_before, one_level_up, take
from scoring.recommender_inputs import build_levels
from tests.purchases import CUT, purchases, random_purchases
from tests.recommend.shop import shelf


def test_nothing_at_or_after_the_cut_gets_in() -> None:
    """Day 9 is before a cut of 10, day 10 is not; labels are the other way round."""
    data = purchases([("a", "p", 9, 1), ("a", "q", 10, 1), ("b", "p", 3, 2)])
    h = histories_before(data, shelf(data), 10)
    assert (h.customer.tolist(), h.item.tolist(), h.age.tolist(), h.orders.tolist()) == ([0, 1], [0, 0], [1, 7], [1, 2])
    assert bought_between(data, shelf(data), 10, 11).tolist() == [1]


def test_rows_of_one_day_are_summed_and_groups_merge_items() -> None:
    """Two products of one category on one day are one purchase of the category with both quantities, and as many
    orders as the product in most of them: she may have bought both together."""
    data = purchases([("a", "p0", 5, 1), ("a", "p1", 5, 3), ("a", "p1", 8, 1)])
    h = histories_before(data, shelf(data), 10)
    upper = one_level_up(h, np.array([0, 0], dtype=np.int32), 1)
    assert (upper.age.tolist(), upper.quantity.tolist(), upper.orders.tolist()) == ([5, 2], [2, 1], [3, 1])


def test_categories_are_counted_alike_in_training_and_scoring() -> None:
    """Histories of categories that training makes of purchases equal those that scoring makes of products, also where
    a product of the day was known later than another of its category."""
    data = random_purchases(products=30)
    late = np.random.default_rng(1).integers(0, 15, len(data), dtype=np.int32)
    data = replace(data, known=data.day + late)
    columns = ("name", "department", "product_type", "brand")
    rows = {"product_id": list(data.products), **{name: ["x"] * data.n_products for name in columns}}
    levels = build_levels(data, {**rows, "category": [f"cat{i // 5}" for i in range(data.n_products)]})
    trained = histories_before(levels.categories, levels.upper, CUT - 20)
    h = histories_before(levels.products, levels.catalogue, CUT - 20)
    scored = one_level_up(h, levels.place, len(levels.upper))
    assert len(trained.item) < len(h.item) < int((data.day < CUT - 20).sum())
    for name in ("customer", "item", "age", "orders", "quantity", "amount", "list_amount", "store"):
        assert np.array_equal(getattr(trained, name), getattr(scored, name)), name


def test_take_renumbers_customers() -> None:
    """The chosen customers become 0, 1, ... with their own rows."""
    data = purchases([("a", "p", 1, 1), ("b", "p", 2, 1), ("c", "q", 3, 1)])
    h = take(histories_before(data, shelf(data), 10), np.array([0, 2]))
    assert (h.customers.tolist(), h.customer.tolist(), h.item.tolist()) == (["a", "c"], [0, 1], [0, 1])
