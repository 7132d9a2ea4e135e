"""The day loop: the same life whatever the block, branches that share all draws, nobody after she left."""

from dataclasses import replace

import numpy as np
import pytest

from jobs.simulate.campaigns import past_sends
from jobs.simulate.dynamics import live, new_state, no_contacts
from jobs.simulate.model import PAID, Log
from jobs.simulate.people import make_people
from tests.jobs.simulate.small_world import DAYS, N, lived, small_people, small_world


def _facts(log: Log, numbers: np.ndarray) -> dict[str, np.ndarray]:
    """All of a log by person number, in an order that does not depend on the block."""
    t, li, s, a = log.trips, log.lines, log.sends, log.answers
    parts = {
        "trips": np.stack([numbers[t.person], t.day, t.minute, t.mode, t.outcome, t.lines, t.offer]),
        "lines": np.stack([numbers[t.person[li.trip]], t.day[li.trip], li.product, li.quantity, li.amount, li.coupon]),
        "sends": np.stack([numbers[s.person], s.day, s.offer, s.channel, s.minute, s.propensity, s.holdout]),
        "answers": np.stack([numbers[s.person[a.send]], s.day[a.send], a.kind, a.day, a.minute]),
        "left": np.stack([numbers[log.left], log.left_day]),
    }
    return {name: rows[:, np.lexsort(rows[::-1])] for name, rows in parts.items()}


def test_the_log_does_not_depend_on_the_blocks() -> None:
    """One block of 1,200 persons and three blocks of odd sizes in another order tell the same."""
    world, days = small_world(), 40

    def facts(numbers: np.ndarray) -> dict[str, np.ndarray]:
        people = make_people(world, numbers)
        return _facts(live(world, people, new_state(world, people), days, past_sends), numbers)

    whole = facts(np.arange(N))
    blocks = [facts(numbers) for numbers in (np.arange(700, N), np.arange(13), np.arange(13, 700))]
    for name, rows in whole.items():
        joined = np.concatenate([b[name] for b in blocks], axis=1)
        assert np.array_equal(rows, joined[:, np.lexsort(joined[::-1])]), name


def test_living_in_two_parts_is_living_in_one() -> None:
    """The state holds all that the future needs; only credit for sends before the cut is lost."""
    world, people = small_world(), small_people()
    state = new_state(world, people)
    first, second = live(world, people, state, 30, no_contacts), live(world, people, state, 10, no_contacts)
    whole = live(world, people, new_state(world, people), 40, no_contacts)
    assert np.array_equal(np.concatenate([first.lines.product, second.lines.product]), whole.lines.product)
    assert state.day == 40


def test_branches_of_a_copied_state_are_identical_and_leave_it_alone() -> None:
    """Without contacts two branches tell the same; another replication tells another story."""
    world, people, state = small_world(), small_people(), lived()[0]
    before = {name: np.copy(value) for name, value in vars(state).items()}
    one, same, other = (_facts(live(world, people, state.copy(), 14, no_contacts, r), people.number) for r in (0, 0, 1))
    assert all(np.array_equal(one[name], same[name]) for name in one)
    assert not np.array_equal(one["trips"], other["trips"])
    assert all(np.array_equal(value, before[name]) for name, value in vars(state).items())


def test_nothing_happens_before_somebody_appears_or_after_she_left() -> None:
    """Trips and sends begin with the first day; trips end with the last, while sends go on: nobody told the shop."""
    people, (state, log) = small_people(), lived()
    last = np.full(N, DAYS)
    last[log.left] = log.left_day
    for events in (log.trips, log.sends):
        assert (events.day >= people.first_day[events.person]).all()
    assert (log.trips.day <= last[log.trips.person]).all()
    assert (log.sends.day > last[log.sends.person]).any()
    assert len(log.left)
    assert not state.alive[log.left].any()
    assert not people.is_follower_only[log.trips.person].any()


def test_the_state_remembers_what_was_bought() -> None:
    """The last paid line of each category and the last order stand in the state."""
    state, log = lived()
    paid = log.trips.outcome[log.lines.trip] == PAID
    person, day = log.trips.person[log.lines.trip[paid]], log.trips.day[log.lines.trip[paid]]
    latest = np.full(state.last_bought.shape, -9999)
    np.maximum.at(latest, (person, log.lines.category[paid]), day)
    seen = latest >= 0
    assert np.array_equal(state.last_bought[seen], latest[seen])
    assert np.array_equal(state.last_order[seen.any(axis=1)], latest.max(axis=1)[seen.any(axis=1)])


def test_a_contact_moves_shopping_from_the_next_day_on_and_only_hers() -> None:
    """A strong boost for half of the persons changes their trips alone."""
    world, people, state = small_world(), small_people(), lived()[0]
    boosted = state.copy()
    boosted.boost[: N // 2] += 1.0
    plain, moved = (live(world, people, s, 10, no_contacts) for s in (state.copy(), boosted))
    trips = [np.bincount(log.trips.person, minlength=N) for log in (plain, moved)]
    assert np.array_equal(trips[0][N // 2 :], trips[1][N // 2 :])
    assert trips[1][: N // 2].sum() > 1.5 * trips[0][: N // 2].sum()
    # what she did anyway she still does
    keys = [set(zip(log.trips.person, log.trips.day, strict=True)) for log in (plain, moved)]
    assert len(keys[0] - keys[1]) < 0.15 * len(keys[0])


def test_boosts_and_fatigue_fade() -> None:
    """Left alone, memory of contacts decays to nothing."""
    world, people, state = small_world(), small_people(), lived()[0].copy()
    load = state.fatigue.sum()
    live(world, people, state, 60, no_contacts)
    assert state.fatigue.sum() < 0.15 * load
    assert np.abs(state.boost).max() < 0.02


def test_regular_persons_shop_at_more_even_gaps() -> None:
    """With full rhythm and a regular population, few orders follow right after another."""
    world = small_world()
    behaviour = replace(world.params.behaviour, rhythm=1.0)
    world = replace(world, params=replace(world.params, behaviour=behaviour))
    soon = []
    for regularity in (0.0, 0.95):
        people = replace(small_people(), regularity=np.full(N, regularity, np.float32))
        log = live(world, people, new_state(world, people), DAYS, no_contacts)
        paid = log.trips.outcome == PAID
        often = np.bincount(log.trips.person[paid], minlength=N) >= 5
        person, day = log.trips.person[paid], log.trips.day[paid]
        order = np.lexsort((day, person))
        gap, same = np.diff(day[order]), np.diff(person[order]) == 0
        same &= often[person[order][1:]]
        soon.append((gap[same] <= 2).mean())
    assert soon[1] < 0.75 * soon[0]


def test_days_beyond_the_calendar_are_refused() -> None:
    """The calendar reaches so far and no further."""
    world, people = small_world(), small_people()
    with pytest.raises(ValueError, match="calendar"):
        live(world, people, lived()[0].copy(), world.horizon, no_contacts)
