"""Playing plans: only what the plan does, on shared draws, as the closed form says."""

from dataclasses import replace

import numpy as np
import pytest

from jobs.simulate.campaigns import live_offers
from jobs.simulate.demand import Demand
from jobs.simulate.model import CHANNELS, UPLIFT_TYPES
from jobs.simulate.play import Outcomes, Plan, expected_increment, expected_loss, no_plan, outlook, play
from tests.jobs.simulate.small_world import DAYS, N, lived, small_people, small_world

WECHAT, STAFF = CHANNELS.index("wechat_service"), CHANNELS.index("store_staff")


def _plan(rows: np.ndarray, channel: int = WECHAT, times: int = 1) -> Plan:
    """The first live offer to `rows`, on `times` days running."""
    offer = int(np.flatnonzero(live_offers(small_world()))[0])
    n = len(rows) * times
    day = np.repeat(DAYS + np.arange(times), len(rows))
    return Plan(np.tile(rows, times), day, np.full(n, offer), np.full(n, channel), np.full(n, 1200))


def _reached(channel: int = WECHAT, **controls: bool) -> np.ndarray:
    state = lived(**controls)[0]
    return np.flatnonzero(small_people(**controls).has_address[:, channel] & state.subscribed[:, channel] & state.alive)


def _play(plan: Plan, replication: int = 0, **controls: bool) -> Outcomes:
    return play(small_world(**controls), small_people(**controls), lived(**controls)[0], plan, 28, replication)


def test_contacts_change_nobody_else() -> None:
    """Persons without a contact have the same outcomes in every plan."""
    rows = _reached()[::2]
    none, some = _play(no_plan()), _play(_plan(rows))
    others = np.setdiff1d(np.arange(N), rows)
    for name in vars(none):
        assert np.array_equal(getattr(none, name)[others], getattr(some, name)[others]), name
    assert (some.contacts[rows] == 1).all()
    assert none.contacts.sum() == 0
    assert some.contact_cost.sum() == pytest.approx(len(rows) * small_world().params.channels.cost["wechat_service"])
    assert not np.array_equal(none.margin, some.margin)


def test_the_order_of_a_plan_does_not_matter() -> None:
    """Shuffled contacts bring the same."""
    plan = _plan(_reached(), times=2)
    backwards = Plan(*(values[::-1] for values in vars(plan).values()))
    assert np.array_equal(_play(plan).margin, _play(backwards).margin)


def test_a_quiet_market_has_no_increment() -> None:
    """Contacts move no order there; what is lost is their price, incentives and unsubscribing."""
    rows = _reached(quiet_market=True)
    none, some = (_play(plan, quiet_market=True) for plan in (no_plan(), _plan(rows, times=5)))
    assert np.array_equal(none.orders, some.orders)
    assert none.margin == pytest.approx(some.margin + some.incentive_cost)
    assert (some.value_lost >= none.value_lost).all()
    world, people, state = small_world(quiet_market=True), small_people(quiet_market=True), lived(quiet_market=True)[0]
    offer = np.flatnonzero(live_offers(world))
    free = int(offer[world.offers.value[offer] == 0][0])
    assert np.abs(expected_increment(world, people, state, free, WECHAT, DAYS)).max() < 1e-6


def test_more_contacts_tire() -> None:
    """Twelve days running open less per contact and cost more subscribers than one day."""
    rows = _reached()
    once, often = _play(_plan(rows)), _play(_plan(rows, times=12))
    assert often.contacts.sum() > 10 * once.contacts.sum()
    assert often.unsubscribed.sum() > once.unsubscribed.sum()
    assert often.profit.sum() < 12 * max(once.profit.sum(), 0) + 1e-9 or often.profit.sum() < 0


def test_expected_increment_agrees_with_played_futures() -> None:
    """By fifths of the expected effect, and on the whole, within three standard errors and a fifth of the value."""
    world, state = small_world(), lived()[0]
    # everybody reads her store staff, so that few replications tell much
    people = replace(small_people(), open_rate=np.ones_like(small_people().open_rate))
    people.has_address[:, STAFF], state = True, state.copy()
    state.subscribed[:, STAFF] = True
    rows = np.flatnonzero(state.alive)
    plan = _plan(rows, STAFF)
    plan = replace(plan, minute=(people.send_hour[rows] * 60).astype(int))
    expected = expected_increment(world, people, state, int(plan.offer[0]), STAFF, DAYS)[rows]
    demand, played, repeats = Demand(world, people), np.zeros(len(rows)), 12
    for replication in range(1, repeats + 1):
        none, some = (play(world, people, state, p, 29, replication, demand) for p in (no_plan(), plan))
        played += (some.margin - none.margin)[rows] / repeats
    fifth = np.argsort(np.argsort(expected)) * 5 // len(rows)
    for group in [fifth >= 0, *(fifth == k for k in range(5))]:
        error = played[group].std() / np.sqrt(group.sum())
        assert abs(played[group].mean() - expected[group].mean()) < 3 * error + 0.2 * abs(expected[group].mean()) + 0.3
    assert played[fifth == 4].mean() > 5 * abs(played[fifth == 2].mean())


def test_one_outlook_serves_all_offers() -> None:
    """Handing it over changes nothing; sleeping dogs lose, nobody without an address gains."""
    world, people, state = small_world(), small_people(), lived()[0]
    ahead = outlook(world, people, state, DAYS)
    offer = int(np.flatnonzero(live_offers(world))[0])
    value = expected_increment(world, people, state, offer, WECHAT, DAYS, ahead=ahead)
    assert np.array_equal(value, expected_increment(world, people, state, offer, WECHAT, DAYS))
    reached = np.isin(np.arange(N), _reached())
    assert (value[~reached] == 0).all()
    assert (value[people.uplift_type == UPLIFT_TYPES.index("sleeping_dog")] <= 0).all()
    assert value[reached].mean() > 0
    loss = expected_loss(world, people, state, offer, WECHAT, DAYS)
    assert (loss >= 0).all()
    assert loss[reached].max() > 0


def test_faults_of_a_plan_are_named_together() -> None:
    """Days outside, unknown offers and channels are refused in one message."""
    plan = _plan(np.arange(3))
    wrong = replace(plan, day=plan.day + 100, channel=plan.channel + 10)
    with pytest.raises(ValueError, match=r"day must be within .* channel must be within"):
        _play(wrong)
    with pytest.raises(ValueError, match="equally long"):
        _play(replace(plan, day=plan.day[:1]))
