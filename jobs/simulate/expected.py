"""The true expected effect of one contact in closed form, from the functions that the day loop draws from.

P(delivered) x P(open) x (expected margin with the boost - without it), summed over the days of the horizon, less the
expected cost of the incentive. Approximations, all small beside the spread between persons: what has run out and her
rhythm move by their expectation (mean field, for a few strengths of boost between which is interpolated; so purchases
that are only pulled forward count), and prices are those of a category and price band.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr

from jobs.simulate.baskets import Picks, as_lines
from jobs.simulate.demand import Demand
from jobs.simulate.model import MODES, PAID, Array, People, State
from jobs.simulate.response import constants, contact, redeem_chance

if TYPE_CHECKING:
    from jobs.simulate.world import World

HORIZON = 28
_SAMPLES = 400  # lines per category and band behind the table of prices
_BANDS = 5
_SPREAD = 0.8  # of the log of a basket's amount
_LEVELS = np.array([-1.5, -0.5, 0.0, 0.7, 2.0], np.float32)  # boosts on the first day for which futures are reckoned


@dataclass(frozen=True)
class Outlook:
    """What is expected of a block without the contact; one serves every offer and channel of a day."""

    demand: Demand
    day: int
    trips: Array  # float32[levels, days, n]; expected on day + 1, … after a boost of each level, itself left out
    boost: Array  # float64[n]; boost left on day + 1 from earlier contacts
    paid: Array  # float64[n]; P(paid) of a trip
    lines: Array  # float64[n]; mean lines of a trip
    mix: Array  # float32[n, C]; weights of the categories
    margin: Array  # float64[C, bands]; mean margin of a line
    amount: Array  # float64[C, bands]; mean amount of a line


def outlook(
    world: World, people: People, state: State, day: int, horizon: int = HORIZON, demand: Demand | None = None
) -> Outlook:
    """What to expect of each person over the `horizon` days after `day` (fewer where the calendar ends)."""
    demand = demand or Demand(world, people)
    horizon = min(horizon, world.horizon - day - 1)
    behaviour = world.params.behaviour
    outcome = np.array([behaviour.outcome[m][PAID] for m in MODES])
    paid = people.mode_at(day) @ outcome
    more = people.basket / (1 + people.basket)
    lines = (1 - more**behaviour.lines_limit) / (1 - more)
    mix = demand.mix(state, np.arange(len(people)), day)
    ahead = world.category_factor[day + 1 : day + 1 + horizon].mean(axis=0)
    mix *= ahead / np.maximum(world.category_factor[day], 1e-6)
    decay = constants(world).boost_decay
    per_order = lines[:, None] * mix / mix.sum(axis=1, keepdims=True)
    trips = [_trips(demand, state, day, b * decay ** np.arange(horizon), paid, per_order) for b in _LEVELS]
    margin, amount = line_values(world, day)
    return Outlook(demand, day, np.stack(trips), state.boost * decay, paid, lines, mix, margin, amount)


def _trips(demand: Demand, state: State, day: int, boost: Array, paid: Array, per_order: Array) -> Array:
    """float32[days, n]: expected trips under a boost per day, itself left out.

    Ages of what is consumed and of the last order move by their expectation.
    """
    people, p = demand.people, demand.world.params.behaviour
    age = (day + 1 - state.last_bought[:, demand.consumed].astype(np.int32)).astype(np.float32)
    ramp = demand.ramp(age, demand.per_day)
    since = np.minimum((day + 1 - state.last_order).astype(np.float32) * demand.order_rate, 1)
    chance = np.minimum(per_order[:, demand.consumed], 1)
    out = np.empty((len(boost), len(people)), np.float32)
    rows = np.arange(len(people))
    for k in range(len(boost)):
        at = day + 1 + k
        due = np.einsum("nc,nc->n", demand.consumed_taste, ramp) + demand.other_taste
        here = state.alive & (people.first_day <= at)
        out[k] = demand.usual_on(at) * due * demand.rhythm(since, rows) * here
        orders = (-np.expm1(-out[k] * np.exp(boost[k])) * paid).astype(np.float32)
        bought = orders[:, None] * chance
        ramp = np.minimum(ramp + demand.per_day, p.due_ceiling) * (1 - bought) + p.due_floor * bought
        since = np.minimum(since + demand.order_rate, 1) * (1 - orders)
    return out


def line_values(world: World, day: int) -> tuple[Array, Array]:
    """Mean margin and mean amount of a line, float64[C, bands] each, from drawn lines of persons of each band."""
    width = len(world.catalogue.category)
    cells = np.repeat(np.arange(width * _BANDS), _SAMPLES)
    sample = np.arange(len(cells))
    buyers = _Buyers(
        number=-2 - sample,
        band=(cells % _BANDS).astype(np.int8),
        style=(sample % 5).astype(np.int8),
        colour=(sample % 7).astype(np.int8),
        novelty=np.full(len(cells), 0.5),
    )
    picks = Picks(
        trip=sample,
        person=sample,
        day=day + 1 + sample % 14,
        place=np.zeros(len(cells), np.int64),
        category=cells // _BANDS,
        wanted=np.full(len(cells), -1),
    )
    lines = as_lines(world, buyers, picks)  # type: ignore[arg-type]
    shape = (width, _BANDS, _SAMPLES)
    return lines.margin.reshape(shape).mean(axis=2), lines.amount.reshape(shape).mean(axis=2)


@dataclass(frozen=True)
class _Buyers:
    """As much of `People` as products are picked by."""

    number: Array
    band: Array
    style: Array
    colour: Array
    novelty: Array


def expected_increment(
    world: World,
    people: People,
    state: State,
    offer: int,
    channel: int,
    day: int,
    minute: Array | int | None = None,
    ahead: Outlook | None = None,
) -> Array:
    """float64[n]: expected incremental margin over the 28 days after `day` of one contact with each person.

    Net of what the incentive costs, before the cost of the contact and before what unsubscribing loses (see
    `expected_loss`). `minute` is the local minute of sending, by default her own reading hour. `state` is that of
    the morning of `day`; `ahead`, from `outlook`, saves time where many offers and channels are asked for.
    """
    ahead = ahead or outlook(world, people, state, day)
    rows = np.arange(len(people))
    odds = contact(world, people, state, rows, day, offer, channel, _at(people, minute))
    limit = world.params.response.boost_limit
    boost = _path(world, ahead, np.clip(ahead.boost + odds.effect, -limit, limit))
    gain, orders = _margin(ahead, people, boost, np.full(len(people), int(world.offers.category[offer])))
    usual, _ = _margin(ahead, people, _path(world, ahead, ahead.boost), state.boost_category)
    cost = _incentive_cost(world, people, ahead, offer, orders, boost)
    return np.asarray(odds.delivered * odds.opened * (gain - usual - cost))


def expected_loss(
    world: World,
    people: People,
    state: State,
    offer: int,
    channel: int,
    day: int,
    minute: Array | int | None = None,
) -> Array:
    """float64[n]: what one contact costs later by unsubscribing, as `Outcomes.value_lost` counts it."""
    rows = np.arange(len(people))
    odds = contact(world, people, state, rows, day, offer, channel, _at(people, minute))
    lost = people.lifetime_value * world.params.response.unsubscribe_loss
    return np.asarray(odds.delivered * odds.opened * odds.unsubscribed * lost)


def _at(people: People, minute: Array | int | None) -> Array:
    return np.asarray(people.send_hour * 60 if minute is None else minute)


def _path(world: World, ahead: Outlook, start: Array) -> Array:
    """float64[days, n]: boosts that start so high on the day after the contact."""
    return np.asarray(start * constants(world).boost_decay ** np.arange(ahead.trips.shape[1])[:, None])


def _orders(ahead: Outlook, boost: Array) -> Array:
    """float64[days, n]: expected orders under a boost, between the levels that were reckoned."""
    start = np.clip(boost[0], _LEVELS[0], _LEVELS[-1])
    upper = np.clip(np.searchsorted(_LEVELS, start, side="right"), 1, len(_LEVELS) - 1)
    share = (start - _LEVELS[upper - 1]) / (_LEVELS[upper] - _LEVELS[upper - 1])
    rows = np.arange(boost.shape[1])
    low, high = ahead.trips[upper - 1, :, rows].T, ahead.trips[upper, :, rows].T
    return np.asarray(-np.expm1(-(low + share * (high - low)) * np.exp(boost)) * ahead.paid)


def _margin(ahead: Outlook, people: People, boost: Array, category: Array) -> tuple[Array, Array]:
    """Expected margin over the horizon (float64[n]) and orders per day (float64[days, n]) under a boost."""
    orders = _orders(ahead, boost)
    rows = np.arange(len(people))
    value = ahead.margin[:, people.band].T
    total = np.einsum("nc,nc->n", ahead.mix, value)
    weight = ahead.mix.sum(axis=1)
    own = np.where(category >= 0, ahead.mix[rows, category], 0)
    further = own * (ahead.demand.pull(boost) - 1)
    per_line = (total + further * value[rows, category]) / (weight + further)
    return (orders * per_line).sum(axis=0) * ahead.lines, orders


def _incentive_cost(world: World, people: People, ahead: Outlook, offer: int, orders: Array, boost: Array) -> Array:
    """Expected cost of the incentive for who opened the offer: P(redeems while it is valid) x value."""
    offers = world.offers
    value, about = float(offers.value[offer]), int(offers.category[offer])
    if value <= 0:
        return np.zeros(len(people))
    valid = max(min(int(offers.last_day[offer]) - ahead.day, len(orders)), 0)
    amounts = ahead.amount[:, people.band].T
    if about >= 0:
        own = ahead.mix[:, about] * ahead.demand.pull(boost[:valid])
        share = own / (ahead.mix.sum(axis=1) - ahead.mix[:, about] + own)
        fits = 1 - (1 - share) ** ahead.lines
        basket = amounts[:, about] * ahead.lines * share / np.maximum(fits, 1e-9)
    else:
        fits = np.ones_like(orders[:valid])
        basket = ahead.lines * np.einsum("nc,nc->n", ahead.mix, amounts) / ahead.mix.sum(axis=1)
    least = max(float(offers.min_amount[offer]), 0.01)
    enough = ndtr((np.log(np.maximum(basket, 0.01)) - _SPREAD**2 / 2 - np.log(least)) / _SPREAD)
    could = (orders[:valid] * fits * enough).sum(axis=0)
    return np.asarray(value * -np.expm1(-could * redeem_chance(world, people, np.arange(len(people)))))
