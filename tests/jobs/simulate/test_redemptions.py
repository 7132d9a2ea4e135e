"""Redemptions and credit: once, in time, for what fits."""

import numpy as np

from jobs.simulate.answers import BUY, OPEN, REDEEM
from jobs.simulate.model import OFFER_KINDS, PAID
from tests.jobs.simulate.small_world import lived, small_world

COUPON = OFFER_KINDS.index("coupon")


def test_coupons_settle_their_value_on_fitting_lines() -> None:
    """A redeemed coupon takes off its value, of lines it applies to, in an order that is large enough."""
    world, log = small_world(), lived()[1]
    trips, lines, offers = log.trips, log.lines, small_world().offers
    redeemed = np.flatnonzero((trips.offer >= 0) & (offers.kind[trips.offer] == COUPON))
    assert len(redeemed)
    given = np.bincount(lines.trip, weights=lines.coupon, minlength=len(trips.person))
    for trip in redeemed:
        of = lines.trip == trip
        about = offers.category[trips.offer[trip]]
        fits = of & ((about < 0) | (lines.category == about))
        assert lines.amount[fits].sum() >= offers.min_amount[trips.offer[trip]]
        assert abs(given[trip] - min(offers.value[trips.offer[trip]], lines.amount[fits].sum())) < 0.005
        assert (lines.coupon[of & ~fits] == 0).all()
    assert (np.delete(given, redeemed) == 0).all()
    assert (trips.outcome[trips.offer >= 0] == PAID).all()
    assert (trips.day <= world.offers.last_day[trips.offer])[trips.offer >= 0].all()


def test_an_offer_is_redeemed_once_by_a_person() -> None:
    """Person and offer stand once among the redemptions."""
    trips = lived()[1].trips
    redeemed = trips.offer >= 0
    pairs = trips.person[redeemed] * 10_000 + trips.offer[redeemed]
    assert len(np.unique(pairs)) == redeemed.sum()


def test_credit_goes_to_a_send_that_was_opened_before() -> None:
    """Every `buy` and `redeem` has an open of the same send on an earlier day; a send buys once."""
    log = lived()[1]
    opened = log.answers.send[log.answers.kind == OPEN]
    for kind in (BUY, REDEEM):
        rows = log.answers.kind == kind
        send = log.answers.send[rows]
        assert len(send)
        assert np.isin(send, opened).all()
        assert len(np.unique(send)) == len(send)
        assert (log.answers.day[rows] > log.sends.day[send]).all()
    credited = log.trips.send >= 0
    assert np.array_equal(log.sends.person[log.trips.send[credited]], log.trips.person[credited])


def test_nobody_answers_a_holdout() -> None:
    """Holdouts get nothing, not even a bounce."""
    log = lived()[1]
    assert not log.sends.holdout[log.answers.send].any()
