"""The day loop: a block of persons lives through days under a policy of contacts.

Each day, in this order: arrivals, the policy's sends (drawn from the state of the morning), trips, answers, leaving. A
contact moves shopping from the next day on. Every draw is named by person, day and purpose, so that two policies over
the same state share all draws, and a block's log does not depend on who else is in it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from jobs.simulate import draws
from jobs.simulate.answers import answer, as_answers, settle
from jobs.simulate.baskets import Picks
from jobs.simulate.channels import per_channel
from jobs.simulate.demand import Demand
from jobs.simulate.diary import Diary
from jobs.simulate.model import CHANNELS, MODES, OFFER_KINDS, PAID, Array, Log, People, Sends, State, Trips
from jobs.simulate.redemptions import as_log
from jobs.simulate.response import Constants, constants

if TYPE_CHECKING:
    from jobs.simulate.world import World

Policy = Callable[["World", People, State, int], Sends | None]
NEVER = -9999
_MOST_ANNOYED = 20.0  # most that contacts multiply the chance to leave by


def no_contacts(world: World, people: People, state: State, day: int) -> Sends | None:
    """The policy that leaves everybody alone."""
    return None


def new_state(world: World, people: People) -> State:
    """The state on the morning of day 0. Who came before has bought before: when is drawn from her own rhythm."""
    n, width = people.taste.shape
    before = (people.first_day < 0) & (people.rate > 0)
    paid = (people.mode * _paid_share(world)).sum(axis=1)  # not by BLAS, whose last bit depends on the block's size
    often = (people.rate * people.wallet_share * paid * (1 + people.basket))[:, None] * people.taste
    category = np.arange(width)[None, :]
    since = draws.exponential(world.seed, "state:bought", people.number[:, None], category) / np.maximum(often, 1e-9)
    had = before[:, None] & (since < -people.first_day[:, None]) & (since < -NEVER)
    needs = per_channel(world.params.channels.needs_consent)
    last_bought = np.where(had, -1 - np.floor(since), NEVER).astype(np.int16)
    orders = np.floor(np.where(before, -people.first_day * people.rate * people.wallet_share * paid, 0)).astype(
        np.int32
    )
    return State(
        day=0,
        alive=people.first_day <= 0,
        subscribed=people.has_address & (people.consents | ~needs),
        fatigue=np.zeros((n, len(CHANNELS)), np.float32),
        sameness=np.zeros((n, len(OFFER_KINDS)), np.float32),
        boost=np.zeros(n, np.float32),
        boost_category=np.full(n, -1, np.int16),
        opened_offer=np.full(n, -1, np.int32),
        opened_day=np.full(n, NEVER, np.int32),
        last_bought=last_bought,
        last_order=last_bought.max(axis=1).astype(np.int32),
        orders=np.maximum(orders, had.any(axis=1)),
    )


def live(
    world: World,
    people: People,
    state: State,
    days: int,
    policy: Policy,
    replication: int = 0,
    demand: Demand | None = None,
) -> Log:
    """Live `days` days from `state.day`; changes `state`, returns all that happened.

    Days may go past the written ones up to `world.horizon`. `replication` above 0 draws another future from the same
    state. `demand` may be handed over when many branches of one block are played.
    """
    if state.day + days > world.horizon:
        raise ValueError(f"days must end by the calendar's day {world.horizon}; asked {state.day} + {days}")
    demand = demand or Demand(world, people)
    drawn, diary = constants(world), Diary()
    opened_send = np.full(len(people), -1, np.int64)
    suffix = f":{replication}" if replication else ""
    for day in range(state.day, state.day + days):
        state.alive |= people.first_day == day
        sends = policy(world, people, state, day)
        _shop(demand, state, day, suffix, opened_send, diary)
        _decay(state, drawn)
        if sends is not None and len(sends.person):
            came = answer(world, people, state, day, sends, replication)
            settle(world, state, day, sends, came)
            opened = np.flatnonzero(came.opened)
            opened_send[sends.person[opened]] = diary.sent + opened
            diary.sends.append(sends)
            diary.answers.append(as_answers(world, people, day, sends, came, diary.sent))
            diary.sent += len(sends.person)
        _leave(world, people, state, day, suffix, diary)
        state.day = day + 1
    return as_log(world, people, state, diary, replication)


def _shop(demand: Demand, state: State, day: int, suffix: str, opened_send: Array, diary: Diary) -> None:
    """Trips of the day and the categories of their lines; paid ones go into the state."""
    world, people, p = demand.world, demand.people, demand.world.params.behaviour
    seed = world.seed
    rows = demand.goers(state, day, draws.uniform(seed, f"trip{suffix}", people.number, day))
    ids = (people.number[rows], day)
    shares = people.mode_at(day, rows)
    mode = draws.choose(np.cumsum(shares, axis=1), draws.uniform(seed, f"trip:mode{suffix}", *ids))
    ends = np.cumsum(np.array([p.outcome[m] for m in MODES]), axis=1)[mode]
    outcome = draws.choose(ends, draws.uniform(seed, f"trip:outcome{suffix}", *ids))
    hour = people.hour[rows] + p.hour_spread * np.clip(draws.normal(seed, f"trip:hour{suffix}", *ids), -2.5, 2.5)
    more = people.basket[rows] / (1 + people.basket[rows])  # geometric with her mean
    further = np.log1p(-draws.uniform(seed, f"trip:lines{suffix}", *ids)) / np.log(np.maximum(more, 1e-9))
    lines = np.minimum(1 + np.floor(further), p.lines_limit).astype(np.int16)

    of = np.repeat(np.arange(len(rows)), lines)
    place = np.arange(len(of)) - np.repeat(np.cumsum(lines) - lines, lines)
    weight = demand.mix(state, rows, day)
    about = state.boost_category[rows]
    led = np.flatnonzero(about >= 0)
    weight[led, about[led]] *= demand.pull(state.boost[rows[led]])
    u = draws.uniform(seed, f"line:category{suffix}", ids[0][of], day, place)
    category = draws.choose(np.cumsum(weight, axis=1)[of], u)

    offer = state.opened_offer[rows]
    valid = (offer >= 0) & (world.offers.last_day[offer] >= day) & (world.offers.first_day[offer] <= day)
    offer = np.where(valid, offer, -1).astype(np.int32)
    product = np.where((offer >= 0) & (not world.params.controls.quiet_market), world.offers.product[offer], -1)
    wanted = np.where(world.offers.category[offer[of]] == category, product[of], -1)
    paid = outcome == PAID
    state.orders[rows[paid]] += 1
    state.last_order[rows[paid]] = day
    bought = paid[of]
    state.last_bought[rows[of[bought]], category[bought]] = day
    at = np.full(len(rows), day, np.int32)
    minute = (np.clip(hour, 7, 23.4) * 60).astype(np.int16)
    diary.trips.append(
        Trips(rows, at, minute, mode.astype(np.int8), outcome.astype(np.int8), lines, offer, opened_send[rows])
    )
    diary.opened_day.append(state.opened_day[rows])
    diary.picks.append(Picks(diary.trips_made + of, rows[of], at[of], place, category, wanted))
    diary.trips_made += len(rows)


def _decay(state: State, drawn: Constants) -> None:
    state.boost *= np.float32(drawn.boost_decay)
    state.fatigue *= np.float32(drawn.fatigue_decay)
    state.sameness *= np.float32(drawn.sameness_decay)


def _leave(world: World, people: People, state: State, day: int, suffix: str, diary: Diary) -> None:
    """Leaving for good; contacts beyond what she bears make it likelier."""
    u = draws.uniform(world.seed, f"leave{suffix}", people.number, day)
    rows = np.flatnonzero(state.alive & (u < people.leave_hazard * _MOST_ANNOYED))
    worse = np.ones(len(rows))
    if not world.params.controls.quiet_market:
        beyond = np.maximum(state.fatigue[rows].sum(axis=1) / people.fatigue_tolerance[rows] - 1, 0)
        worse = np.minimum(1 + world.params.behaviour.leave_annoyance * beyond, _MOST_ANNOYED)
    rows = rows[u[rows] < people.leave_hazard[rows] * worse]
    state.alive[rows] = False
    diary.left.append(rows)
    diary.left_day.append(np.full(len(rows), day, np.int32))


def _paid_share(world: World) -> Array:
    """float64[modes]: P(paid) of a trip."""
    return np.array([world.params.behaviour.outcome[m][PAID] for m in MODES])
