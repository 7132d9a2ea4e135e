"""Decisions played forward: what a plan of contacts brings, on the draws that every other plan shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from jobs.simulate.answers import COMPLAINT
from jobs.simulate.channels import per_channel
from jobs.simulate.demand import Demand
from jobs.simulate.dynamics import live
from jobs.simulate.expected import expected_increment, expected_loss, outlook
from jobs.simulate.model import PAID, Array, Log, People, Sends, State

if TYPE_CHECKING:
    from jobs.simulate.world import World

__all__ = ["Outcomes", "Plan", "expected_increment", "expected_loss", "no_plan", "outlook", "play"]


@dataclass(frozen=True)
class Plan:
    """Contacts to make: equal arrays, in any order."""

    person: Array  # position in the block
    day: Array  # day of the world
    offer: Array  # row in the world's offers
    channel: Array  # into CHANNELS
    minute: Array  # local minute of the day


@dataclass(frozen=True)
class Outcomes:
    """What came of a plan, one element per person of the block. Money in the world's currency."""

    margin: Array  # of paid orders, coupons and other incentives taken off
    spend: Array  # paid amount, coupons taken off
    orders: Array  # paid orders
    contacts: Array  # contacts made, delivered or not
    contact_cost: Array
    incentive_cost: Array  # what redeemed offers cost the shop
    unsubscribed: Array  # channels unsubscribed from
    complaints: Array
    value_lost: Array  # a year's margin of who left, and the share of it that each channel lost costs

    @property
    def profit(self) -> Array:
        """Margin less the cost of contacts and less what is lost for later."""
        return np.asarray(self.margin - self.contact_cost - self.value_lost)


def no_plan() -> Plan:
    """The plan that leaves everybody alone."""
    nothing = np.empty(0, np.int64)
    return Plan(nothing, nothing, nothing, nothing, nothing)


def play(
    world: World,
    people: People,
    state: State,
    plan: Plan,
    days: int,
    replication: int = 0,
    demand: Demand | None = None,
) -> Outcomes:
    """Live `days` days from `state` with the contacts of the plan and no others; `state` is left as it is.

    Plans played from the same state with the same `replication` share all draws. A contact to who has no address or
    has unsubscribed costs its price and does nothing; one to who has left meanwhile is not made.

    Raises ValueError for contacts outside the days or of unknown offers.
    """
    _check(world, people, state, plan, days)
    order = np.lexsort((plan.channel, plan.offer, plan.minute, plan.person, plan.day))
    sorted_day = plan.day[order]

    def policy(world: World, people: People, state: State, day: int) -> Sends | None:
        rows = order[np.searchsorted(sorted_day, day, "left") : np.searchsorted(sorted_day, day, "right")]
        rows = rows[people.first_day[plan.person[rows]] <= day]
        return None if not len(rows) else as_sends(plan, rows)

    after = state.copy()
    log = live(world, people, after, days, policy, replication, demand)
    return outcomes(world, people, log, state, after)


def as_sends(plan: Plan, rows: Array) -> Sends:
    """Contacts of a plan as sends without a propensity."""
    return Sends(
        person=plan.person[rows].astype(np.int64),
        day=plan.day[rows].astype(np.int32),
        offer=plan.offer[rows].astype(np.int32),
        channel=plan.channel[rows].astype(np.int8),
        minute=plan.minute[rows].astype(np.int16),
        propensity=np.full(len(rows), np.nan),
        holdout=np.zeros(len(rows), dtype=bool),
    )


def outcomes(world: World, people: People, log: Log, before: State, after: State) -> Outcomes:
    """Sums of a log per person."""
    n, trips, lines, sends = len(people), log.trips, log.lines, log.sends
    buyer = trips.person[lines.trip]
    paid = trips.outcome[lines.trip] == PAID

    def total(person: Array, weights: Array | None = None) -> Array:
        return np.bincount(person.astype(np.int64), weights=weights, minlength=n).astype(np.float64)

    redeemed = np.flatnonzero(trips.offer >= 0)
    incentive = total(trips.person[redeemed], world.offers.value[trips.offer[redeemed]])
    made = ~sends.holdout
    complaints = log.answers.send[log.answers.kind == COMPLAINT].astype(np.int64)
    unsubscribed = (before.subscribed & ~after.subscribed).sum(axis=1)
    share = np.minimum(world.params.response.unsubscribe_loss * unsubscribed, 1.0)
    left = np.zeros(n, dtype=bool)
    left[log.left] = True
    return Outcomes(
        margin=total(buyer[paid], lines.margin[paid]) - incentive,
        spend=total(buyer[paid], lines.amount[paid] - lines.coupon[paid]),
        orders=total(trips.person[trips.outcome == PAID]),
        contacts=total(sends.person[made]),
        contact_cost=total(sends.person[made], per_channel(world.params.channels.cost)[sends.channel[made]]),
        incentive_cost=incentive,
        unsubscribed=unsubscribed.astype(np.float64),
        complaints=total(sends.person[complaints]),
        value_lost=people.lifetime_value * np.where(left, 1.0, share),
    )


def _check(world: World, people: People, state: State, plan: Plan, days: int) -> None:
    faults = []
    sizes = {name: len(values) for name, values in vars(plan).items()}
    if len(set(sizes.values())) != 1:
        raise ValueError(f"the arrays of a plan must be equally long; found {sizes}")
    limits = {
        "person": (0, len(people)),
        "day": (state.day, state.day + days),
        "offer": (0, len(world.offers.kind)),
        "channel": (0, len(world.params.channels.cost)),
        "minute": (0, 1440),
    }
    for name, (low, high) in limits.items():
        values = getattr(plan, name)
        wrong = np.flatnonzero((values < low) | (values >= high))
        if len(wrong):
            faults.append(f"{name} must be within {low} and {high - 1}; found {values[wrong[0]]} in row {wrong[0]}")
    if faults:
        raise ValueError("the plan cannot be played: " + "; ".join(faults))
