"""Life events: who has them when, and that they move demand."""

from dataclasses import replace
from datetime import timedelta
from functools import cache

import numpy as np
import pytest

from jobs.simulate.life_events import EVENTS, SHIFTS, SLOTS, event_factor
from jobs.simulate.model import People
from jobs.simulate.params import load_world_params
from jobs.simulate.people import make_people
from jobs.simulate.world import World, make_world

N = 6000


@cache
def _world(silent: bool = False) -> World:
    return make_world(2, N, 365, load_world_params(overrides={"controls": {"silent_posts": silent}}))


@cache
def _people() -> People:
    return make_people(_world(), np.arange(N))


def _one(kind: str, day: int) -> People:
    """The block in which everybody has this event on this day and no other."""
    people = _people()
    kinds = np.full((N, SLOTS), -1, np.int8)
    kinds[:, 0] = EVENTS.index(kind)
    return replace(people, event_kind=kinds, event_day=np.full((N, SLOTS), day, np.int32))


def test_a_quarter_have_one_in_a_year() -> None:
    """About 25 % of persons have an event that begins within 365 days."""
    people = _people()
    in_year = (people.event_kind >= 0) & (people.event_day >= 0) & (people.event_day < 365)
    assert in_year.any(axis=1).mean() == pytest.approx(0.26, abs=0.03)
    assert set(np.unique(people.event_kind)) == {-1, *range(len(EVENTS))}


def test_events_follow_each_other() -> None:
    """Every pregnancy of the world leads to a due date and a birth, in this order; only women expect."""
    people = _people()
    rows = np.flatnonzero(people.event_kind[:, 0] == EVENTS.index("pregnant"))
    assert len(rows) > 30
    assert (people.event_kind[rows] == [EVENTS.index(k) for k in ("pregnant", "baby_due", "baby_born")]).all()
    assert (np.diff(people.event_day[rows], axis=1) > 20).all()
    assert people.female[rows].all()
    assert np.isin(people.age[rows], range(22, 41)).all()


def test_school_starts_in_autumn() -> None:
    """Children start school about the first of September."""
    people = _people()
    days = people.event_day[people.event_kind == EVENTS.index("child_starts_school")]
    months = {(_world().first_day + timedelta(int(d))).month for d in days}
    assert months <= {7, 8, 9, 10}


@pytest.mark.parametrize("kind", EVENTS)
def test_every_event_lifts_its_categories(kind: str) -> None:
    """At some day around the event its first category gets at least 2.5 times the population's usual demand."""
    category = next(iter(SHIFTS[kind][0][2]))
    column = _world().catalogue.category.index(category)
    people = _one(kind, 150)
    usual = people.taste[:, column].mean()
    best = 0.0
    for day in range(100, 200, 10):
        moved = event_factor(_world(), people, day)
        if len(moved.rows):
            best = max(best, float((moved.taste[:, column] * moved.intensity[moved.rows]).mean()))
    assert best > 2.5 * usual


def test_demand_is_as_before_long_after() -> None:
    """A move shifts nothing half a year later or earlier."""
    for day in (10, 390):
        assert not len(event_factor(_world(), _one("move", 200), day).rows)


def test_the_baby_moves_demand_to_nappies() -> None:
    """In the months after a birth nappies and formula are a large part of demand, and she shops more."""
    people = _one("baby_born", 100)
    moved = event_factor(_world(), people, 130)
    column = _world().catalogue.category.index("diapers")
    np.testing.assert_allclose(moved.taste.sum(axis=1), 1, rtol=1e-4)
    assert np.median(moved.taste[:, column]) > 5 * np.median(people.taste[:, column])
    assert 1.2 < np.median(moved.intensity[moved.rows]) <= 3


def test_silent_posts_move_nothing() -> None:
    """In the control world the same events leave intensity and tastes alone."""
    moved = event_factor(_world(silent=True), _one("baby_born", 100), 130)
    assert (moved.intensity == 1).all()
    assert not len(moved.rows)


def test_blocks_do_not_matter() -> None:
    """A person's shift is the same in every block."""
    whole = event_factor(_world(), _people(), 77)
    head = event_factor(_world(), make_people(_world(), np.arange(700)), 77)
    np.testing.assert_array_equal(whole.intensity[:700], head.intensity)
    inside = whole.rows < 700
    np.testing.assert_array_equal(whole.rows[inside], head.rows)
    np.testing.assert_array_equal(whole.taste[inside], head.taste)
