"""The response function: tiring, sameness, hours, addresses, and the control worlds."""

from typing import Any

import numpy as np
import pytest

from jobs.simulate.dynamics import new_state
from jobs.simulate.model import CHANNELS, OFFER_KINDS, UPLIFT_TYPES, State
from jobs.simulate.response import Odds, ResponseParams, constants, contact, reachable
from tests.jobs.simulate.small_world import DAYS, N, small_people, small_world

ROWS = np.arange(N)
WECHAT = CHANNELS.index("wechat_service")


def _odds(state: State | None = None, day: int = 0, offer: int = 0, minute: Any = 720, **controls: bool) -> Odds:
    world, people = small_world(**controls), small_people(**controls)
    return contact(world, people, state or _state(**controls), ROWS, day, offer, WECHAT, minute)


def _state(**controls: bool) -> State:
    state = new_state(small_world(**controls), small_people(**controls))
    state.alive[:] = True
    return state


def _about(category: bool) -> int:
    return int(np.flatnonzero((small_world().offers.category >= 0) == category)[0])


def test_fatigue_and_sameness_lower_opening_and_raise_unsubscribing() -> None:
    """At the tolerance opening is half; more of the same kind lowers it further; leaving the list rises with both."""
    rested, tired = _state(), _state()
    tired.fatigue[:, WECHAT] = small_people().fatigue_tolerance
    assert _odds(tired).opened == pytest.approx(_odds(rested).opened / 2, rel=1e-5)
    assert (_odds(tired).unsubscribed >= _odds(rested).unsubscribed).all()
    same = _state()
    same.sameness[:, small_world().offers.kind[0]] = 2
    assert (_odds(same).opened < _odds(rested).opened).all()
    assert (_odds(same).unsubscribed > _odds(rested).unsubscribed).all()


def test_fatigue_of_other_channels_counts_for_less() -> None:
    """Sends through another channel tire too, but less."""
    own, other = _state(), _state()
    own.fatigue[:, WECHAT] = 3
    other.fatigue[:, 0] = 3
    assert (_odds(own).opened < _odds(other).opened).all()
    assert (_odds(other).opened < _odds().opened).all()


def test_her_reading_hour_is_best() -> None:
    """A message at the hour she reads is opened more often than one six hours later, whatever the day's turn."""
    at = (small_people().send_hour * 60).astype(int)
    best, late = _odds(minute=at).opened, _odds(minute=(at + 360) % 1440).opened
    assert (best > late).all()
    assert (late >= best * small_world().params.response.hour_floor * 0.999).all()


def test_nothing_is_delivered_without_address_or_after_unsubscribing() -> None:
    """Who has no address or has unsubscribed gets nothing; who is gone opens nothing; parcels need an order."""
    world, people, state = small_world(), small_people(), _state()
    state.subscribed[::2] = False
    state.alive[1::4] = False
    odds = _odds(state)
    delivered = odds.delivered
    assert (delivered[::2] == 0).all()
    # nobody told the shop that they left, so the message still arrives
    assert (delivered[1::4] > 0).any()
    assert (odds.opened[1::4] == 0).all()
    assert (delivered[~people.has_address[:, WECHAT]] == 0).all()
    state.last_order[:] = -9999
    assert not reachable(world, people, state, 0)[:, CHANNELS.index("parcel_insert")].any()


def test_taste_makes_an_offer_fit_and_sleeping_dogs_are_put_off() -> None:
    """Of the persuadable, those who like the category gain more; the effect on sleeping dogs is negative."""
    world, people, offer = small_world(), small_people(), _about(category=True)
    effect = _odds(offer=offer).effect
    own = people.taste[:, world.offers.category[offer]]
    moved = people.uplift_type == UPLIFT_TYPES.index("persuadable")
    like = moved & (own > np.quantile(own, 0.8))
    assert effect[like].mean() > 1.3 * effect[moved & (own < np.quantile(own, 0.2))].mean()
    assert (effect[people.uplift_type == UPLIFT_TYPES.index("sleeping_dog")] < 0).all()


def test_quiet_market_moves_nothing_but_is_opened() -> None:
    """No effect on shopping; opening stays."""
    odds = _odds(quiet_market=True)
    assert (odds.effect == 0).all()
    assert odds.opened.mean() > 0.1


def test_no_heterogeneity_does_the_same_to_all() -> None:
    """One effect per kind, and nobody unsubscribes for being put off."""
    effect = _odds(offer=_about(category=True), no_heterogeneity=True).effect
    assert effect == pytest.approx(effect[0])
    assert effect[0] > 0


def test_drift_turns_half_of_the_people_in_the_last_third() -> None:
    """Before, effects are as in the plain world; after, those of half of the people changed."""
    early = _odds(drift=True, day=10).effect
    assert np.array_equal(early, _odds(day=10).effect)
    late, plain = _odds(drift=True, day=DAYS - 5).effect, _odds(day=DAYS - 5).effect
    assert 0.3 < (late != plain).mean() < 0.7


def test_each_world_draws_its_own_constants_within_the_ranges() -> None:
    """Half-lives come from the ranges of the parameters."""
    p, drawn = small_world().params.response, constants(small_world())
    low, high = p.fatigue_half_life_days
    assert low <= np.log(0.5) / np.log(drawn.fatigue_decay) <= high


def test_kinds_have_an_effect_of_their_own() -> None:
    """Persuasion differs by kind of offer for the same person."""
    persuasion = small_people().persuasion
    assert persuasion.shape == (N, len(OFFER_KINDS))
    assert (persuasion.std(axis=1) > 0).mean() > 0.9


@pytest.mark.parametrize("wrong", [{"hour_floor": 2}, {"sameness": (0.3, 0.1)}, {"strength": -1}, {"hour_width": 0}])
def test_parameters_out_of_range_are_named(wrong: dict[str, Any]) -> None:
    """The error names the key."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ResponseParams(**wrong)
