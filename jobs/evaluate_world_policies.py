"""Policies for the end of a world: each says who is contacted with what, through which channel, when.

Simple policies see what any shop sees (the lake's tables). Two ceilings see more: the true expected effects, and the
part of them that a model can read off the shop's own features.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from jobs.evaluate_world_inputs import Standing
from jobs.simulate.draws import uniform
from jobs.simulate.expected import Outlook, expected_increment, expected_loss, outlook
from jobs.simulate.model import CHANNELS, OFFER_KINDS, Array
from jobs.simulate.play import Plan
from scoring.plan_allocation import allocate, cut_to_budget

MORNING = 10 * 60  # minute of the day at which simple policies send
FOLDS = 3
SMS, WECHAT = CHANNELS.index("sms"), CHANNELS.index("wechat_service")


@dataclass(frozen=True)
class Shop:
    """What the shop knows of each person, row by position (NaN or 0 where it knows nothing of her).

    features: numeric customer features. scores: columns person, offer (position in the world's offers), channel
    (code), p_response, margin (of one response, as the system counts it). bought: (n, categories), orders in the
    last year. opens: columns person, channel, p_open, fatigue. candidates: columns person, offer, channel: what the
    system's rules of contact let through, so that every policy by value chooses among the same. decisions: the
    system's own plan.
    """

    features: pd.DataFrame
    scores: pd.DataFrame
    bought: Array
    opens: pd.DataFrame
    candidates: pd.DataFrame
    decisions: Plan


@dataclass(frozen=True)
class Terms:
    """What every policy is held to. cost and capacity per channel; budget for contacts and expected incentives."""

    cost: Array
    capacity: Array
    budget: float | None
    response_margin: float  # margin of one response where the shop has not seen any
    days: int


def make_plan(person: Array, offer: Array, channel: Array, day: int, minute: int = MORNING) -> Plan:
    """A plan that sends everything on one day at one minute."""
    n = len(person)
    return Plan(
        person=np.asarray(person, np.int64),
        day=np.full(n, day, np.int32),
        offer=np.broadcast_to(np.asarray(offer, np.int32), n).copy(),
        channel=np.broadcast_to(np.asarray(channel, np.int8), n).copy(),
        minute=np.full(n, minute, np.int16),
    )


def nobody(s: Standing) -> Plan:
    """No contact at all."""
    none = np.empty(0, np.int64)
    return make_plan(none, none, none, s.day)


@dataclass(frozen=True)
class Effects:
    """What one contact at the cut truly brings in expectation, before its own cost: `value` (n, arms).

    Margin over 28 days net of the incentive, less lifetime value lost by unsubscribing; arms = (offer, channel).
    """

    value: Array
    offer: Array
    channel: Array


def true_effects(s: Standing) -> Effects:
    """Every live offer through every channel, for everybody."""
    offer = np.repeat(s.offers, len(CHANNELS))
    channel = np.tile(np.arange(len(CHANNELS)), len(s.offers))
    ahead = outlook(s.world, s.people, s.state, s.day)
    arms = [(int(o), int(c)) for o, c in zip(offer, channel, strict=True)]
    value = np.stack([_effect(s, o, c, ahead) for o, c in arms], axis=1)
    return Effects(value, offer, channel)


def _effect(s: Standing, offer: int, channel: int, ahead: Outlook) -> Array:
    gained = expected_increment(s.world, s.people, s.state, offer, channel, s.day, MORNING, ahead)
    return np.asarray(gained - expected_loss(s.world, s.people, s.state, offer, channel, s.day, MORNING))


def blanket(s: Standing, t: Terms, offer: int, channel: int) -> Plan:
    """Everybody reachable gets the offer, in random order up to the budget and the capacity."""
    order = np.argsort(uniform(s.world.seed, "blanket order", s.people.number), kind="stable")
    order = order[s.reachable[order, channel]]
    order = cut_to_budget(order, np.full(s.n, t.cost[channel]), t.budget)
    order = order[: int(min(len(order), t.capacity[channel]))]
    return make_plan(order, np.array(offer), np.array(channel), s.day)


def best_single_arm(s: Standing, t: Terms, effects: Effects) -> Plan:
    """The offer and channel that truly bring most when sent to all they reach within the limits; none if all lose."""
    best, found = 0.0, nobody(s)
    for arm, (offer, channel) in enumerate(zip(effects.offer, effects.channel, strict=True)):
        plan = blanket(s, t, int(offer), int(channel))
        gain = float(effects.value[plan.person, arm].sum()) - t.cost[channel] * len(plan.person)
        if gain > best:
            best, found = gain, plan
    return found


def wechat_to_all(s: Standing, t: Terms, effects: Effects) -> Plan:
    """The best offer to every reachable WeChat follower: this week's one of the broadcasts that the channel allows."""
    arms = np.flatnonzero(effects.channel == WECHAT)
    means = effects.value[np.ix_(s.reachable[:, WECHAT], arms)].mean(axis=0)
    return blanket(s, t, int(effects.offer[arms[means.argmax()]]), WECHAT)


def rfm_rule(s: Standing, t: Terms, shop: Shop) -> Plan:
    """The first coupon on the list by SMS to the customers with the highest recency + frequency + monetary score."""
    score = shop.features.reindex(columns=["r_score", "f_score", "m_score"]).sum(axis=1, min_count=3).to_numpy()
    kind = s.world.offers.kind[s.offers]
    coupons = s.offers[kind == OFFER_KINDS.index("coupon")]
    offer = int((coupons if len(coupons) else s.offers)[0])
    order = np.argsort(-np.nan_to_num(score, nan=-1), kind="stable")
    order = order[s.reachable[order, SMS] & (np.nan_to_num(score[order]) >= 10)]
    order = cut_to_budget(order, np.full(s.n, t.cost[SMS]), t.budget)
    return make_plan(order, np.array(offer), np.array(SMS), s.day)


def sms_to_category_buyers(s: Standing, t: Terms, shop: Shop) -> Plan:
    """Today's practice: each offer about a category by SMS to whoever bought there; the first offer that fits her."""
    person, offers = [], []
    free = s.reachable[:, SMS].copy()
    for offer in s.offers[s.world.offers.category[s.offers] >= 0]:
        fits = np.flatnonzero(free & (shop.bought[:, s.world.offers.category[offer]] > 0))
        free[fits] = False
        person.append(fits)
        offers.append(np.full(len(fits), offer))
    if not person:
        return nobody(s)
    who, what = np.concatenate(person), np.concatenate(offers)
    order = np.argsort(uniform(s.world.seed, "sms order", s.people.number[who]), kind="stable")
    keep = cut_to_budget(order, np.full(len(who), t.cost[SMS]), t.budget)
    return make_plan(who[keep], what[keep], np.array(SMS), s.day)


def response_times_margin(s: Standing, t: Terms, shop: Shop, effects: Effects) -> Plan:
    """The response model's p_response x margin, less the cost of the contact, through the same budget."""
    value = np.full(effects.value.shape, np.nan)
    column = _arms(effects, shop.scores)
    known = column >= 0
    rows = shop.scores.person.to_numpy()[known]
    worth = shop.scores.margin.fillna(t.response_margin).to_numpy()
    value[rows, column[known]] = (shop.scores.p_response.to_numpy() * worth)[known]
    return by_value(s, t, effects, value, candidates(s, shop, effects), incentives(s, shop, effects))


def _arms(effects: Effects, rows: pd.DataFrame) -> Array:
    """Position of each row's (offer, channel) among the arms, -1 for none."""
    arm = {(int(o), int(c)): i for i, (o, c) in enumerate(zip(effects.offer, effects.channel, strict=True))}
    return np.array([arm.get(key, -1) for key in zip(rows.offer, rows.channel, strict=True)], dtype=np.int64)


def candidates(s: Standing, shop: Shop, effects: Effects) -> Array:
    """bool (n, arms): contacts that the system itself might have made, and that can go out."""
    allowed = np.zeros(effects.value.shape, bool)
    column = _arms(effects, shop.candidates)
    known = column >= 0
    allowed[shop.candidates.person.to_numpy()[known], column[known]] = True
    return allowed & s.reachable[:, effects.channel]


def incentives(s: Standing, shop: Shop, effects: Effects) -> Array:
    """Expected cost of the incentive of each contact (n, arms), as the system counts it against its budget."""
    expected = np.zeros(effects.value.shape)
    column = _arms(effects, shop.scores)
    known = column >= 0
    cost = shop.scores.p_response.to_numpy()[known] * s.world.offers.value[shop.scores.offer.to_numpy()[known]]
    expected[shop.scores.person.to_numpy()[known], column[known]] = cost
    return expected


def by_value(s: Standing, t: Terms, effects: Effects, value: Array, allowed: Array, incentive: Array) -> Plan:
    """One contact each by `value` (n, arms) less its cost, where `allowed`, through the common allocator."""
    net = np.where(allowed, value - t.cost[effects.channel], -np.inf)
    net = np.where(np.isnan(net), -np.inf, net)
    chosen = allocate(net, t.cost[effects.channel] + incentive, t.budget, effects.channel, t.capacity)
    who = np.flatnonzero(chosen >= 0)
    return make_plan(who, effects.offer[chosen[who]], effects.channel[chosen[who]], s.day)


def observable_effects(s: Standing, shop: Shop, effects: Effects, learn: Callable[..., Array]) -> Array:
    """What of the true effects the shop's own features tell: predictions for persons left out of the fit (n, arms).

    learn(x, y, x_new) -> prediction. One model of all arms, learned from whom each can reach: the person's features,
    the arm's response score for her, her orders in the offer's category, how she opens and how tired she is of the
    channel, and the codes of offer, kind and channel. Folds are of persons.
    """
    fold = (uniform(s.world.seed, "observable folds", s.people.number) * FOLDS).astype(int)
    base = shop.features.to_numpy(dtype=np.float32)
    person, arm = np.nonzero(s.reachable[:, effects.channel])
    extra = np.empty((len(person), 7), np.float32)
    for a, (offer, channel) in enumerate(zip(effects.offer, effects.channel, strict=True)):
        rows = arm == a
        extra[rows, :4] = _arm_features(s, shop, int(offer), int(channel))[person[rows]]
        extra[rows, 4:] = offer, s.world.offers.kind[offer], channel
    x, y = np.hstack([base[person], extra]), effects.value[person, arm]
    predicted = np.zeros(effects.value.shape)
    for f in range(FOLDS):
        test = fold[person] == f
        predicted[person[test], arm[test]] = learn(x[~test], y[~test], x[test])
    return predicted


def _arm_features(s: Standing, shop: Shop, offer: int, channel: int) -> Array:
    """(n, 4): response score, orders in the category, P(open), fatigue; NaN where the shop knows nothing."""
    found = np.full((s.n, 4), np.nan)
    scores = shop.scores[(shop.scores.offer == offer) & (shop.scores.channel == channel)]
    found[scores.person.to_numpy(), 0] = scores.p_response.to_numpy()
    category = int(s.world.offers.category[offer])
    if category >= 0:
        found[:, 1] = shop.bought[:, category]
    opens = shop.opens[shop.opens.channel == channel]
    found[opens.person.to_numpy(), 2:] = opens[["p_open", "fatigue"]].to_numpy(dtype=float)
    return found
