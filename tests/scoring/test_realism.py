"""Figures that describe a market."""

import numpy as np
import pytest

from scoring.realism import Purchases, average_effect, describe_purchases, gini, qini, repeat_share, top_share


def test_figures_of_a_market_small_enough_to_count() -> None:
    """Two customers, three order days, one repeated item."""
    p = Purchases(
        customer=np.array([1, 1, 1, 2]), item=np.array([7, 7, 8, 7]), day=np.array([0, 4, 4, 5]),
        amount=np.array([1.0, 1.0, 1.0, 1.0]),
    )  # fmt: skip
    found = describe_purchases(p)
    assert found["customers"] == 2
    assert found["days"] == 6
    assert found["order_days_per_customer"] == 1.5
    assert found["items_per_order_day"] == pytest.approx(4 / 3)
    assert found["repeat_share"] == pytest.approx(1 / 3)


def test_an_item_bought_twice_in_a_day_is_no_repeat() -> None:
    """Lines of one day count once."""
    p = Purchases(np.array([1, 1]), np.array([7, 7]), np.array([3, 3]), np.array([1.0, 1.0]))
    assert describe_purchases(p)["repeat_share"] == 0


def test_repeats_do_not_cross_customers() -> None:
    """The same item of another customer is no repeat."""
    assert repeat_share(np.array([1, 2]), np.array([5, 5]), np.array([8, 9])) == 0


def test_gini_of_equals_and_of_one() -> None:
    """Equal sales give 0; nearly all in one item comes near 1."""
    assert gini(np.repeat([1, 2, 3], 5)) == pytest.approx(0)
    assert gini(np.concatenate([np.repeat(1, 10_000), np.arange(2, 100)])) > 0.95


def test_top_share_without_amounts_is_unknown() -> None:
    """Unknown amounts are not zero."""
    assert np.isnan(top_share(np.array([1, 2]), np.array([1.0, np.nan])))


def test_effect_is_found_with_unequal_propensities() -> None:
    """Weighting by 1 / propensity undoes a targeting by the outcome's base rate."""
    rng = np.random.default_rng(0)
    n = 200_000
    keen = rng.random(n) < 0.3
    p = np.where(keen, 0.8, 0.3)
    treated = rng.random(n) < p
    outcome = (rng.random(n) < np.where(keen, 0.5, 0.1) + 0.05 * treated).astype(float)
    effect, error = average_effect(treated, outcome, 1 / np.where(treated, p, 1 - p))
    naive, _ = average_effect(treated, outcome)
    assert abs(effect - 0.05) < 3 * error
    assert naive > 0.1


def test_qini_prefers_the_right_order() -> None:
    """Ranking by the true effect is positive, its reverse negative, a random one near 0."""
    rng = np.random.default_rng(1)
    n = 50_000
    effect = rng.random(n) * 0.3
    treated = (rng.random(n) < 0.5).astype(int)
    outcome = (rng.random(n) < 0.1 + effect * treated).astype(float)
    right, wrong, random = (qini(s, treated, outcome) for s in (effect, -effect, rng.random(n)))
    assert right > 0.005
    assert wrong < -0.005
    assert abs(random) < right / 3
