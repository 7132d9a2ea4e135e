"""What comes of the contacts of one day: draws from the response function, and what they leave behind in the state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from jobs.simulate import draws
from jobs.simulate.model import ANSWERS, Answers, Array, People, Sends, State
from jobs.simulate.response import contact

if TYPE_CHECKING:
    from jobs.simulate.world import World

DELIVERED, BOUNCED, OPEN, CLICK, REDEEM, BUY, UNSUBSCRIBE, COMPLAINT = range(len(ANSWERS))


@dataclass(frozen=True)
class Answered:
    """What came of one day's contacts, one element per send (holdouts took no part)."""

    delivered: Array
    opened: Array
    clicked: Array
    effect: Array
    unsubscribed: Array
    complained: Array


def answer(world: World, people: People, state: State, day: int, sends: Sends, replication: int) -> Answered:
    """Draw what comes of one day's sends; nothing of holdouts. Pure: `settle` changes the state."""
    rows = sends.person
    odds = contact(world, people, state, rows, day, sends.offer, sends.channel, sends.minute)
    ids = (people.number[rows], day, sends.offer, sends.channel)
    suffix = f":{replication}" if replication else ""

    def hit(what: str, chance: Array) -> Array:
        return np.asarray(draws.uniform(world.seed, f"answer:{what}{suffix}", *ids) < chance)

    delivered = hit("delivered", odds.delivered) & ~sends.holdout
    opened = delivered & hit("open", odds.opened)
    return Answered(
        delivered=delivered,
        opened=opened,
        clicked=opened & hit("click", odds.clicked),
        effect=np.where(opened, odds.effect, 0.0),
        unsubscribed=opened & hit("unsubscribe", odds.unsubscribed),
        complained=opened & hit("complaint", odds.complained),
    )


def settle(world: World, state: State, day: int, sends: Sends, came: Answered) -> None:
    """Write one day's contacts into the state: fatigue of what was delivered, boosts of what was opened."""
    rows = sends.person
    got = came.delivered
    np.add.at(state.fatigue, (rows[got], sends.channel[got]), 1.0)
    np.add.at(state.sameness, (rows[got], world.offers.kind[sends.offer[got]]), 1.0)
    opened = np.flatnonzero(came.opened)
    limit = world.params.response.boost_limit
    np.add.at(state.boost, rows[opened], came.effect[opened])
    state.boost[rows[opened]] = np.clip(state.boost[rows[opened]], -limit, limit)
    state.boost_category[rows[opened]] = world.offers.category[sends.offer[opened]]
    state.opened_offer[rows[opened]] = sends.offer[opened]
    state.opened_day[rows[opened]] = day
    gone = came.unsubscribed
    state.subscribed[rows[gone], sends.channel[gone]] = False


def as_answers(world: World, people: People, day: int, sends: Sends, came: Answered, first_row: int) -> Answers:
    """The answers of one day's sends; `first_row` is the row of its first send in the log."""
    ids = (people.number[sends.person], day, sends.offer, sends.channel)
    delay = draws.exponential(world.seed, "answer:delay", *ids) * world.params.response.open_delay_minutes
    seen = np.minimum(sends.minute + 1 + delay, 1439).astype(np.int16)
    bounced = ~came.delivered & ~sends.holdout
    parts = []
    for kind, rows, minute in (
        (DELIVERED, came.delivered, sends.minute),
        (BOUNCED, bounced, sends.minute),
        (OPEN, came.opened, seen),
        (CLICK, came.clicked, np.minimum(seen + 1, 1439)),
        (UNSUBSCRIBE, came.unsubscribed, np.minimum(seen + 2, 1439)),
        (COMPLAINT, came.complained, np.minimum(seen + 3, 1439)),
    ):
        at = np.flatnonzero(rows)
        parts.append((first_row + at, np.full(len(at), kind), np.full(len(at), day), minute[at]))
    send, kinds, days, minutes = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return Answers(send.astype(np.int64), kinds.astype(np.int8), days.astype(np.int32), minutes.astype(np.int16))
