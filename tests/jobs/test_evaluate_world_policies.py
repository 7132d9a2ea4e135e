"""Policies that are compared in a world: who they may reach, what they may spend, what they may know."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from jobs.evaluate_world_inputs import Standing, capacities, contact_costs, stand_at_end
from jobs.evaluate_world_policies import (
    SMS,
    WECHAT,
    Effects,
    Shop,
    Terms,
    best_single_arm,
    by_value,
    candidates,
    incentives,
    nobody,
    observable_effects,
    response_times_margin,
    rfm_rule,
    sms_to_category_buyers,
    true_effects,
    wechat_to_all,
)
from jobs.simulate.model import CHANNELS
from jobs.simulate.params import load_world_params
from jobs.simulate.play import Plan
from jobs.simulate.world import make_world

BUDGET = 6.0
NONE = np.zeros(1)  # no incentive counts against the budget


@pytest.fixture(scope="module")
def standing() -> Standing:
    """A small market at its end."""
    return stand_at_end(make_world(3, 500, 90, load_world_params()))


@pytest.fixture(scope="module")
def terms(standing: Standing) -> Terms:
    """A budget that binds, and the channels' own capacities."""
    return Terms(contact_costs(standing.world), capacities(standing.world, 7), BUDGET, 10.0, 28)


@pytest.fixture(scope="module")
def effects(standing: Standing) -> Effects:
    """The truth at the end."""
    return true_effects(standing)


@pytest.fixture(scope="module")
def shop(standing: Standing) -> Shop:
    """What a shop might know: scores 1 to 5, a response score that grows with them, purchases in every category."""
    n = standing.n
    level = np.arange(n) % 5 + 1
    features = pd.DataFrame({"r_score": level, "f_score": level, "m_score": level}, index=np.arange(n)).astype(float)
    scores = pd.DataFrame(
        {"person": np.arange(n), "offer": standing.offers[0], "channel": SMS, "p_response": level / 50}
    ).assign(margin=np.nan)
    bought = np.ones((n, len(standing.world.catalogue.category)))
    opens = pd.DataFrame({"person": np.arange(n), "channel": SMS, "p_open": level / 50, "fatigue": 0.0})
    offer = np.repeat(standing.offers, len(CHANNELS))
    arms = pd.DataFrame({"offer": offer, "channel": np.tile(np.arange(len(CHANNELS)), len(standing.offers))})
    everything = pd.DataFrame({"person": np.arange(n)}).merge(arms, how="cross")
    return Shop(features, scores, bought, opens, everything, nobody(standing))


MAKERS: dict[str, Callable[[Standing, Terms, Shop, Effects], Plan]] = {
    "best": lambda s, t, k, e: best_single_arm(s, t, e),
    "wechat": lambda s, t, k, e: wechat_to_all(s, t, e),
    "rfm": lambda s, t, k, e: rfm_rule(s, t, k),
    "sms": lambda s, t, k, e: sms_to_category_buyers(s, t, k),
    "response": lambda s, t, k, e: response_times_margin(s, t, k, e),
    "true": lambda s, t, k, e: by_value(s, t, e, e.value, candidates(s, k, e), incentives(s, k, e)),
}


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_limits_hold_for_every_policy(
    name: str, standing: Standing, terms: Terms, shop: Shop, effects: Effects
) -> None:
    """Somebody is contacted, only who may be, within the budget and the channels' capacities, each once."""
    plan = MAKERS[name](standing, terms, shop, effects)
    assert len(plan.person)
    assert standing.reachable[plan.person, plan.channel].all()
    assert terms.cost[plan.channel].sum() <= BUDGET + 1e-9
    assert (np.bincount(plan.channel, minlength=len(terms.cost)) <= terms.capacity).all()
    assert len(np.unique(plan.person)) == len(plan.person)
    assert np.isin(plan.offer, standing.offers).all()


def test_rules_use_their_own_channel(standing: Standing, terms: Terms, shop: Shop, effects: Effects) -> None:
    """The broadcast goes by WeChat; the RFM rule and today's practice by SMS, best scores first."""
    assert set(wechat_to_all(standing, terms, effects).channel) == {WECHAT}
    assert set(sms_to_category_buyers(standing, terms, shop).channel) == {SMS}
    rfm = rfm_rule(standing, terms, shop)
    assert set(rfm.channel) == {SMS}
    # the order of contacts follows the score: all fives before any four
    assert (np.diff(shop.features.r_score.to_numpy()[rfm.person]) <= 0).all()
    assert shop.features.r_score[rfm.person].min() >= 4


def test_policies_by_value_choose_among_the_systems_candidates(
    standing: Standing, terms: Terms, shop: Shop, effects: Effects
) -> None:
    """What the system's rules of contact stop, nobody who ranks by a value may send."""
    few = replace(shop, candidates=shop.candidates[shop.candidates.person % 2 == 0])
    plan = by_value(standing, terms, effects, effects.value, candidates(standing, few, effects), NONE)
    assert len(plan.person)
    assert (plan.person % 2 == 0).all()


def test_more_knowledge_is_worth_more(standing: Standing, terms: Terms, shop: Shop, effects: Effects) -> None:
    """By the truth's own measure nothing under the same limits beats the plan made from it."""
    arm = {(int(o), int(c)): i for i, (o, c) in enumerate(zip(effects.offer, effects.channel, strict=True))}

    def worth(plan: Plan) -> float:
        arms = [arm[int(o), int(c)] for o, c in zip(plan.offer, plan.channel, strict=True)]
        return float((effects.value[plan.person, arms] - terms.cost[plan.channel]).sum())

    best = worth(by_value(standing, terms, effects, effects.value, candidates(standing, shop, effects), NONE))
    assert best > worth(best_single_arm(standing, terms, effects))
    assert best > worth(wechat_to_all(standing, terms, effects)) > 0


def test_observable_ceiling_does_not_learn_a_person_from_herself(
    standing: Standing, shop: Shop, effects: Effects
) -> None:
    """A prediction for a person is the same whatever her own true effect is."""

    def mean_of_others(x: np.ndarray, y: np.ndarray, x_new: np.ndarray) -> np.ndarray:
        return np.full(len(x_new), y.mean())

    usual = observable_effects(standing, shop, effects, mean_of_others)
    changed = effects.value.copy()
    someone = int(np.flatnonzero(standing.reachable.any(axis=1))[0])
    changed[someone] += 1e6
    other = observable_effects(standing, shop, Effects(changed, effects.offer, effects.channel), mean_of_others)
    assert np.allclose(usual[someone], other[someone])
    assert not np.allclose(usual, other)
