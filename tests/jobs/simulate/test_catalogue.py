"""The shop of a world: what it sells and how sales spread."""

import dataclasses

import numpy as np
import pytest

from jobs.simulate.catalogue import COLOURS, STYLES, CatalogueParams, category_table, make_catalogue

SHOP = make_catalogue(CatalogueParams(), 5, 485)


def test_it_has_the_size_asked() -> None:
    """3,000 products in about 50 categories of 12 departments and about 200 product types, sorted by category."""
    assert len(SHOP.product_id) == 3000 == len(set(SHOP.product_id))
    assert 45 <= len(SHOP.category) <= 55
    assert len(set(SHOP.department)) == 12
    assert 180 <= len(set(SHOP.product_type)) <= 220
    assert (np.diff(SHOP.product_category) >= 0).all()
    for c in range(len(SHOP.category)):
        assert set(SHOP.product_category[SHOP.first_product[c] : SHOP.first_product[c + 1]]) == {c}


def test_shares_sum_to_one() -> None:
    """Appeal over categories and popularity within each are shares; seasons average 1."""
    assert SHOP.appeal.sum() == pytest.approx(1)
    np.testing.assert_allclose(np.add.reduceat(SHOP.popularity, SHOP.first_product[:-1]), 1)
    np.testing.assert_allclose(SHOP.season.mean(axis=1), 1)


def test_sales_spread_like_a_shop() -> None:
    """The Gini of expected sales lies below what candidates' choice and chance will add."""
    sales = np.sort(SHOP.appeal[SHOP.product_category] * SHOP.popularity)
    rank = np.arange(1, len(sales) + 1)
    gini = (2 * (rank * sales).sum() / sales.sum() - len(sales) - 1) / len(sales)
    assert 0.5 < gini < 0.75


def test_products_make_sense() -> None:
    """Prices and margins are positive, dearer bands cost more, colours only where colour matters."""
    assert SHOP.list_price.min() > 1
    assert (SHOP.margin_rate > 0).all()
    assert SHOP.list_price[SHOP.band == 4].mean() > 2 * SHOP.list_price[SHOP.band == 0].mean()
    styled = np.array([r["style"] for r in category_table()])[SHOP.product_category]
    assert ((SHOP.colour >= 0) == styled).all()
    assert SHOP.colour.max() < len(COLOURS)
    assert SHOP.style.max() < len(STYLES)
    assert (SHOP.product_season[~styled] == 0).all()


def test_some_products_are_launched_during_the_year() -> None:
    """About an eighth of products appear within 365 days, the rest were there."""
    assert 0.08 < ((SHOP.launch_day >= 0) & (SHOP.launch_day < 365)).mean() < 0.16
    assert (SHOP.launch_day < 485).all()


def test_own_label_is_one_brand() -> None:
    """The shop's own label is the brand of exactly its own products."""
    assert {b for b, own in zip(SHOP.brand, SHOP.own_brand, strict=True) if own} == {"Banbu"}
    assert "Banbu" not in {b for b, own in zip(SHOP.brand, SHOP.own_brand, strict=True) if not own}


def test_product_ids_tell_nothing() -> None:
    """The order of product ids is unrelated to popularity, price and category."""
    order = np.argsort(np.argsort(SHOP.product_id))
    for latent in (SHOP.popularity, SHOP.list_price, SHOP.product_category, SHOP.launch_day):
        assert abs(np.corrcoef(order, latent)[0, 1]) < 4 / np.sqrt(len(order))


def test_same_seed_same_shop() -> None:
    """A catalogue is a function of seed and parameters; another seed gives other products."""
    again, other = make_catalogue(CatalogueParams(), 5, 485), make_catalogue(CatalogueParams(), 6, 485)
    for f in dataclasses.fields(SHOP):
        np.testing.assert_array_equal(getattr(SHOP, f.name), getattr(again, f.name))
    assert not set(SHOP.product_id) & set(other.product_id)
