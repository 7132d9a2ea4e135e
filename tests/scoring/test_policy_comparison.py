"""Comparison of policies played on the same draws."""

import numpy as np
import pytest

from scoring.policy_comparison import Played, compare, over_worlds, watch

N = 4000
ROLES = {"none": "none", "rule": "simple", "system": "system", "ceiling": "ceiling"}


def played(margin: np.ndarray, cost: float = 0.0, lost: float = 0.0) -> Played:
    """Two replications with the given margin in sum, a contact cost and a loss per person."""
    none = np.zeros(N)
    return Played(margin, margin, none + 2, none + 2 * cost, none, none, none, none + 2 * lost, 2)


@pytest.fixture
def base() -> np.ndarray:
    """Margins without contact, noisy."""
    return np.random.default_rng(0).gamma(1.0, 20.0, N)


def test_differences_are_paired(base: np.ndarray) -> None:
    """A constant gain has no interval, however noisy the margins are."""
    lines = compare({"none": played(base), "rule": played(base + 4, cost=0.5)}, ROLES, "none")
    rule = next(x for x in lines if x.policy == "rule")
    assert rule.margin.mean == pytest.approx(2000)
    assert rule.margin.high - rule.margin.low < 1e-6
    assert rule.net.mean == pytest.approx(1500)
    assert rule.contacts == pytest.approx(1000)


def test_losses_count_against_a_policy(base: np.ndarray) -> None:
    """Lifetime value lost by refusals lowers the net gain."""
    lines = compare({"none": played(base), "rule": played(base + 4, lost=3)}, ROLES, "none")
    assert next(x for x in lines if x.policy == "rule").net.mean == pytest.approx(-1000)


def test_share_of_the_room(base: np.ndarray) -> None:
    """Halfway from the best simple policy to the ceiling is a half, and beats it by interval."""
    noise = np.random.default_rng(1).normal(0, 1, N)
    found = watch(
        {
            "none": played(base),
            "rule": played(base + 2),
            "system": played(base + 4 + noise),
            "ceiling": played(base + 6 + noise),
        },
        ROLES,
        "system",
        "ceiling",
    )
    assert found.best_simple == "rule"
    assert found.share is not None
    assert found.share.low < 0.5 < found.share.high
    assert found.verdict == "the system beats the best simple policy (rule) by interval"


def test_nothing_is_claimed_in_a_quiet_market(base: np.ndarray) -> None:
    """Where the ceiling gains nothing, there is no share and no claim, whatever the system happened to get."""
    noise = np.random.default_rng(2).normal(0, 10, N)
    found = watch(
        {"none": played(base), "rule": played(base), "system": played(base + 1), "ceiling": played(base + noise)},
        ROLES,
        "system",
        "ceiling",
    )
    assert found.share is None
    assert "nothing to claim" in found.verdict


def test_a_loss_is_told(base: np.ndarray) -> None:
    """A system below the best simple policy says so."""
    found = watch(
        {"none": played(base), "rule": played(base + 2), "system": played(base + 1), "ceiling": played(base + 6)},
        ROLES,
        "system",
        "ceiling",
    )
    assert found.verdict.startswith("the system loses")


def test_one_world_proves_nothing() -> None:
    """The interval over a single world is without bounds; over several it narrows."""
    assert over_worlds([3.0]).low == -np.inf
    found = over_worlds([1.0, 2.0, 3.0])
    assert found.low < 2 < found.high
    assert not found.excludes_zero
