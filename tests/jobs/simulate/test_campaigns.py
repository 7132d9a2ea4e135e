"""Campaigns: offers of the past and those to decide on, and a policy whose propensities are what they say."""

import numpy as np
import pytest

from jobs.simulate.campaigns import CampaignParams, campaign_days, live_offers, past_sends
from jobs.simulate.dynamics import new_state
from jobs.simulate.model import Sends
from jobs.simulate.response import reachable
from tests.jobs.simulate.small_world import DAYS, lived, small_people, small_world


def _sends(**controls: bool) -> Sends:
    return lived(**controls)[1].sends


def test_some_offers_are_live_at_the_end_and_were_never_sent() -> None:
    """4 to 6 offers of different kinds start within the last days, last 2 to 4 weeks and wait for a decision."""
    world = small_world()
    live = np.flatnonzero(live_offers(world))
    offers = world.offers
    assert 4 <= len(live) <= 6
    assert (offers.first_day[live] >= DAYS - 3).all()
    assert (offers.first_day[live] <= DAYS).all()
    length = offers.last_day[live] - offers.first_day[live] + 1
    assert length.min() >= 14
    assert length.max() <= 28
    assert len(set(offers.kind[live])) >= 4
    assert not campaign_days(world)[live].any()
    assert not np.isin(_sends().offer, live).any()


def test_past_campaigns_send_within_their_window() -> None:
    """About two campaigns a week; nothing goes out before an offer starts or after it ended."""
    world, sends = small_world(), _sends()
    past = (~live_offers(world)).sum()
    assert 2 * DAYS / 7 - 1 <= past <= 2 * DAYS / 7 + 1
    assert (sends.day >= world.offers.first_day[sends.offer]).all()
    assert (sends.day <= world.offers.last_day[sends.offer]).all()


def test_logged_propensities_match_what_happens() -> None:
    """Summed over sends and holdouts, 1 / propensity counts each action once: held out, and sent by each channel."""
    world, people = small_world(), small_people()
    state = new_state(world, people)
    day = int(np.argmax(campaign_days(world).any(axis=0)))
    offer = int(np.flatnonzero(campaign_days(world)[:, day])[0])
    held, sent, drawn = 0.0, np.zeros(10), 0
    can = reachable(world, people, state, day)
    for shift in range(40):  # other persons of the same kind
        others = type(people)(**{**vars(people), "number": people.number + 10_000 * shift})
        sends = past_sends(world, others, state, day)
        assert sends is not None
        of = sends.offer == offer
        drawn += of.sum()
        held += (1 / sends.propensity[of & sends.holdout]).sum()
        chosen = of & ~sends.holdout
        np.add.at(sent, sends.channel[chosen], 1 / sends.propensity[chosen])
    assert held / drawn == pytest.approx(1, abs=0.03)
    # a channel has its chance with those who can be reached by it
    share = can[can.any(axis=1)].mean(axis=0)
    common = share > 0.1
    assert sent[common] / drawn == pytest.approx(share[common], rel=0.25)


def test_nobody_is_sent_what_cannot_reach_her_nor_two_campaigns_a_day() -> None:
    """Sends need an address; a person and day stand once."""
    people, sends = small_people(), _sends()
    assert people.has_address[sends.person, sends.channel].all()
    assert len(np.unique(sends.person * 1000 + sends.day)) == len(sends.person)


def test_unlogged_propensities_are_missing() -> None:
    """The control world without a log of propensities holds NaN only; who was sent what stays the same."""
    sends = _sends(unlogged_policy=True)
    assert np.isnan(sends.propensity).all()
    assert np.array_equal(sends.person, _sends().person)


def test_confounded_sends_follow_those_who_buy_anyway() -> None:
    """In that control world the sent shop more often than the held out; in the plain one they do not."""
    often = small_people().rate * small_people().wallet_share

    def gap(sends: Sends) -> float:
        sent, held = often[sends.person[~sends.holdout]].mean(), often[sends.person[sends.holdout]].mean()
        return float(sent / held)

    assert abs(gap(_sends()) - 1) < 0.15
    assert gap(_sends(confounded_policy=True)) > 1.5


@pytest.mark.parametrize("wrong", [{"holdout": (0.5, 0.3)}, {"per_week": 0}, {"kind_share": {"coupon": 1.0}}])
def test_parameters_out_of_range_are_named(wrong: dict[str, object]) -> None:
    """The error begins with the key."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        CampaignParams(**wrong)  # type: ignore[arg-type]
