"""The common allocator of compared policies."""

import itertools

import numpy as np
import pytest

from scoring.plan_allocation import allocate, cut_to_budget

NO_LIMIT = np.array([np.inf, np.inf])


def best_by_trying(net: np.ndarray, cost: np.ndarray, budget: float, group: np.ndarray, capacity: np.ndarray) -> float:
    """Largest total over every assignment within the limits."""
    n, k = net.shape
    best = 0.0
    for choice in itertools.product(range(-1, k), repeat=n):
        picked = [(i, a) for i, a in enumerate(choice) if a >= 0]
        if any(not np.isfinite(net[i, a]) for i, a in picked) or sum(cost[a] for _, a in picked) > budget:
            continue
        if any(sum(group[a] == c for _, a in picked) > capacity[c] for c in range(len(capacity))):
            continue
        best = max(best, sum(net[i, a] for i, a in picked))
    return best


def test_nobody_gets_an_arm_that_does_not_pay() -> None:
    """Only positive arms go out, the best one per person."""
    net = np.array([[1.0, 2.0], [-1.0, -2.0], [0.5, -np.inf]])
    assert allocate(net, np.ones(2), None, np.array([0, 1]), NO_LIMIT).tolist() == [1, -1, 0]


def test_unknown_values_never_go_out() -> None:
    """A missing value is not a reason to send."""
    assert allocate(np.array([[np.nan, -np.inf]]), np.ones(2), None, np.array([0, 1]), NO_LIMIT).tolist() == [-1]


@pytest.mark.parametrize("seed", range(8))
def test_limits_hold_and_little_is_lost(seed: int) -> None:
    """Budget and capacity are kept; on tiny problems at least 85 % of the optimum is reached."""
    rng = np.random.default_rng(seed)
    net, cost = rng.normal(1, 1, (6, 3)), np.array([1.0, 2.0, 0.5])
    group, capacity = np.array([0, 0, 1]), np.array([2.0, 3.0])
    chosen = allocate(net, cost, 5.0, group, capacity)
    who = np.flatnonzero(chosen >= 0)
    assert cost[chosen[who]].sum() <= 5.0
    assert all((group[chosen[who]] == c).sum() <= capacity[c] for c in (0, 1))
    assert net[who, chosen[who]].sum() >= 0.85 * best_by_trying(net, cost, 5.0, group, capacity)


def test_a_tight_budget_buys_the_best_value_for_money() -> None:
    """With money for one of two, the cheaper gain wins."""
    net = np.array([[10.0], [9.0]])
    chosen = allocate(net, np.array([[10.0], [1.0]]), 5.0, np.array([0]), NO_LIMIT)
    assert chosen.tolist() == [-1, 0]


def test_equal_values_share_what_the_budget_allows() -> None:
    """Ten persons worth the same and money for three: three get it, not none."""
    chosen = allocate(np.ones((10, 1)), np.array([2.0]), 6.5, np.array([0]), NO_LIMIT)
    assert (chosen >= 0).sum() == 3


def test_budget_cut_without_limit_keeps_all() -> None:
    """No budget, no cut."""
    assert cut_to_budget(np.array([1, 0]), np.array([5.0, 5.0]), None).tolist() == [1, 0]
