"""Small worlds that several test modules share."""

from functools import cache

import numpy as np

from jobs.simulate.campaigns import past_sends
from jobs.simulate.dynamics import live, new_state
from jobs.simulate.model import Log, People, State
from jobs.simulate.params import load_world_params
from jobs.simulate.people import make_people
from jobs.simulate.world import World, make_world

N, DAYS = 1200, 70


@cache
def small_world(**controls: bool) -> World:
    """A world of 1,200 persons and 70 days."""
    return make_world(5, N, DAYS, load_world_params(overrides={"controls": controls}))


@cache
def small_people(**controls: bool) -> People:
    """All of its persons."""
    return make_people(small_world(**controls), np.arange(N))


@cache
def lived(**controls: bool) -> tuple[State, Log]:
    """The state after the past, and its log. Copy the state before changing it."""
    world, people = small_world(**controls), small_people(**controls)
    state = new_state(world, people)
    return state, live(world, people, state, DAYS, past_sends)
