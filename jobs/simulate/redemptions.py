"""From a diary to a log: products for the lines, which offers were redeemed, which sends get the credit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jobs.simulate import draws
from jobs.simulate.answers import BUY, REDEEM
from jobs.simulate.baskets import Picks, as_lines
from jobs.simulate.diary import Diary, joined
from jobs.simulate.model import PAID, Answers, Array, Lines, Log, People, Sends, State, Trips
from jobs.simulate.response import COUPON, redeem_chance

if TYPE_CHECKING:
    from jobs.simulate.world import World


def as_log(world: World, people: People, state: State, diary: Diary, replication: int) -> Log:
    """The log of a diary. An offer redeemed leaves the hand that holds it in `state`."""
    trips, opened_day = joined(Trips, diary.trips), np.concatenate(diary.opened_day)
    lines = as_lines(world, people, joined(Picks, diary.picks), replication)
    trips.lines = np.bincount(lines.trip, minlength=len(trips.person)).astype(np.int16)
    fits, amount = _fitting_amount(world, trips, lines)
    redeemed = _redeemed(world, people, trips, amount, replication)
    credited = _credited(world, trips, opened_day, amount, redeemed)
    if len(redeemed):
        _settle_coupons(world, trips, lines, fits, redeemed)
        held = state.opened_offer[trips.person[redeemed]] == trips.offer[redeemed]
        state.opened_offer[trips.person[redeemed][held]] = -1
    with_send = redeemed[trips.send[redeemed] >= 0]
    late = joined(Answers, [_on_trips(trips, with_send, REDEEM), _on_trips(trips, credited, BUY)])
    for name, kept in (("offer", redeemed), ("send", np.union1d(with_send, credited))):
        values = np.full_like(getattr(trips, name), -1)
        values[kept] = getattr(trips, name)[kept]
        setattr(trips, name, values)
    return Log(
        sends=joined(Sends, diary.sends),
        answers=joined(Answers, [*diary.answers, late]),
        trips=trips,
        lines=lines,
        left=np.concatenate(diary.left),
        left_day=np.concatenate(diary.left_day),
    )


def _fitting_amount(world: World, trips: Trips, lines: Lines) -> tuple[Array, Array]:
    """Which lines the offer in hand applies to, and their amount per trip: 0 where the trip was not paid."""
    offer = trips.offer[lines.trip]
    about = world.offers.category[offer]
    fits = (offer >= 0) & ((about < 0) | (about == lines.category)) & (trips.outcome[lines.trip] == PAID)
    return fits, np.bincount(lines.trip, weights=lines.amount * fits, minlength=len(trips.person))


def _redeemed(world: World, people: People, trips: Trips, amount: Array, replication: int) -> Array:
    """Rows of the trips on which the offer in hand was redeemed: once per person and offer."""
    offers = world.offers
    could = (trips.offer >= 0) & (offers.value[trips.offer] > 0) & (amount > 0)
    rows = np.flatnonzero(could & (amount >= offers.min_amount[trips.offer]))
    suffix = f":{replication}" if replication else ""
    ids = (people.number[trips.person[rows]], trips.day[rows])
    chance = redeem_chance(world, people, trips.person[rows])
    rows = rows[draws.uniform(world.seed, f"redeem{suffix}", *ids) < chance]
    key = trips.person[rows] * np.int64(len(offers.kind)) + trips.offer[rows]
    return np.sort(rows[np.unique(key, return_index=True)[1]])


def _credited(world: World, trips: Trips, opened_day: Array, amount: Array, redeemed: Array) -> Array:
    """Rows of the trips that count as `buy` answers: the first that fits within the days of credit, one per send."""
    soon = trips.day - opened_day <= world.params.response.credit_days
    rows = np.flatnonzero((amount > 0) & soon & (trips.send >= 0))
    rows = np.union1d(rows, redeemed[trips.send[redeemed] >= 0])
    return np.sort(rows[np.unique(trips.send[rows], return_index=True)[1]])


def _settle_coupons(world: World, trips: Trips, lines: Lines, fits: Array, redeemed: Array) -> None:
    """Spread each coupon over the lines it applies to by their amount; to the cent, the rest on the last of them."""
    value = np.zeros(len(trips.person))
    coupons = redeemed[world.offers.kind[trips.offer[redeemed]] == COUPON]
    value[coupons] = world.offers.value[trips.offer[coupons]]
    rows = np.flatnonzero(fits & (value[lines.trip] > 0))
    if not len(rows):
        return
    trip = lines.trip[rows]
    total = np.bincount(trip, weights=lines.amount[rows], minlength=len(value))[trip]
    value = np.minimum(value[trip], total)
    part = np.floor(value * lines.amount[rows] / total * 100) / 100
    last = np.append(trip[1:] != trip[:-1], True)
    given = np.bincount(trip, weights=part, minlength=len(trips.person))[trip]
    lines.coupon[rows] = np.round(part + np.where(last, value - given, 0), 2)


def _on_trips(trips: Trips, rows: Array, kind: int) -> Answers:
    return Answers(
        trips.send[rows], np.full(len(rows), kind, np.int8), trips.day[rows], trips.minute[rows].astype(np.int16)
    )
