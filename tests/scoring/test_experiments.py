"""Effects of contacts from randomised past campaigns: found where they are, refused where they cannot be known."""

from dataclasses import replace

import numpy as np
import pytest

from scoring.experiment_data import DAY, NO_ORDER_DAYS, Orders, effects_table, with_purchases
from scoring.experiment_params import ExperimentParams
from scoring.experiments import ContactEffect, Effect, Units, difference, estimate_effects, shrink, shrink_margins
from tests.scoring.decision_world import AS_OF

PARAMS = ExperimentParams()


def market(
    seed=0,
    *,
    n=3000,
    campaigns=4,
    lift=0.1,
    margin=2.0,
    spread=0.0,
    by_spend=False,
    log=True,
    channels=("sms", "email"),
) -> Units:
    """Campaigns that contact each of n customers, through one channel, or hold her back; logged as drawn.

    `lift` on P(buys) and `margin` a contact; `spread` more margin by e-mail. With `by_spend` big spenders are contacted
    far more often than the log says.
    """
    rng = np.random.default_rng(seed)
    parts = []
    for campaign in range(campaigns):
        spend = rng.gamma(1.0, 50.0, n)
        # big spenders are contacted more often, and the log says so
        held = np.where(spend > 50, 0.2, 0.4)
        true = np.where(spend > 50, 0.02, 0.7) if by_spend else held
        out = rng.random(n) < true
        channel = rng.integers(0, len(channels), n)
        effect = ~out * (margin + spread * (channel == 1))
        bought = (rng.random(n) < 0.2 + 0.1 * (spend > 50) + lift * ~out).astype(float)
        earned = bought * rng.gamma(2.0, 4.0, n) + spend * 0.02 + effect
        for code, name in enumerate(channels):
            sent = ~out & (channel == code)
            p = np.where(out, held, (1 - held) / len(channels))
            rows = sent | out
            parts.append(
                (
                    np.full(rows.sum(), name),
                    np.full(rows.sum(), "coupon"),
                    np.full(rows.sum(), f"o{campaign}"),
                    np.arange(n)[rows],
                    sent[rows],
                    np.where(log, p, np.nan)[rows],
                    bought[rows],
                    earned[rows],
                    spend[rows],
                )
            )
    columns = [np.concatenate(c) for c in zip(*parts, strict=True)]
    return Units(*columns[:6], {"bought": columns[6], "margin": columns[7]}, {"spend": columns[8]})


def test_a_known_effect_is_found_although_big_spenders_were_contacted_more_often() -> None:
    """Both channels: truth inside the interval, 0 outside, and the raw difference would have been too high."""
    units = market()
    for effect in estimate_effects(units, PARAMS):
        assert effect.refused_because is None
        assert effect.buy.interval[0] < 0.1 < effect.buy.interval[1]
        # a contact brings 2 of margin and, with .1 more buying at 8 an order, .8 again
        assert effect.margin.interval[0] < 2.8 < effect.margin.interval[1]
        assert effect.margin.is_apart
        assert effect.margin_used == pytest.approx(2.8, abs=0.4)
    raw = units.outcomes["margin"][units.contacted].mean() - units.outcomes["margin"][~units.contacted].mean()
    assert raw > 3.2


def test_intervals_cover_the_truth() -> None:
    """Of 60 small markets the 95 % interval misses in few; customers in many campaigns are counted as one."""
    inside = 0
    for seed in range(60):
        found = estimate_effects(market(seed, n=600, channels=("sms",)), PARAMS)
        low, high = found[0].margin.interval
        inside += low < 2.8 < high
    assert 52 <= inside <= 60


def test_a_confounded_policy_is_refused() -> None:
    """Who was contacted can be told from spend, whatever the log says: no effect, and the reason."""
    for effect in estimate_effects(market(by_spend=True), PARAMS):
        assert effect.margin is None
        assert effect.margin_used is None
        assert "can be told from spend" in effect.refused_because


def test_missing_and_impossible_propensities_are_refused() -> None:
    """Not logged, and logged as certain: both are named; one good campaign beside them is enough."""
    units = market()
    assert "not logged in 4" in estimate_effects(market(log=False), PARAMS)[0].refused_because
    certain = replace(units, propensity=np.where(units.contacted, 1.0, units.propensity))
    assert "not between 0 and 1 in 4" in estimate_effects(certain, PARAMS)[0].refused_because
    some = replace(units, propensity=np.where(units.campaign == "o0", units.propensity, np.nan))
    found = estimate_effects(some, PARAMS)[0]
    assert found.refused_because is None
    assert found.n_contacted < 1500


def test_too_few_are_refused() -> None:
    """Below min_support on a side, below min_per_campaign, and without anybody held out."""
    few = estimate_effects(market(n=100, campaigns=1), PARAMS)
    assert all("effective units" in e.refused_because for e in few)
    assert all("fewer than 10" in e.refused_because for e in estimate_effects(market(n=20, campaigns=2), PARAMS))
    units = market()
    alone = estimate_effects(units.where(units.contacted), PARAMS)
    assert {e.refused_because for e in alone} == {"nobody was held out"}


def test_in_a_quiet_market_nothing_is_claimed() -> None:
    """Intervals hold 0 as often as they should, and the margin used is 0 in nearly every market."""
    claimed, apart = 0, 0
    for seed in range(40):
        units = market(seed, n=1500, campaigns=2, lift=0.0, margin=0.0, channels=tuple("abcdef"))
        found = estimate_effects(units, ExperimentParams(min_support=50))
        claimed += any(e.margin_used for e in found)
        apart += sum(e.margin is not None and e.margin.is_apart for e in found)
    assert claimed <= 4  # six channels share the held-out customers, so their errors are far from independent
    assert apart <= 30  # of 240 intervals, expected 12; they come in clusters


def test_margins_are_shrunk_to_the_kind_unless_channels_differ() -> None:
    """Equal channels share their mean; a channel far from the others keeps nearly its own."""
    assert shrink([]) == []
    same = shrink([Effect(1.2, 0.3), Effect(0.8, 0.3)])
    assert same == pytest.approx([1.0, 1.0])
    apart = shrink([Effect(5.0, 0.1), Effect(0.0, 0.1), Effect(0.1, 0.1)])
    assert apart[0] == pytest.approx(5.0, abs=0.1)
    assert abs(apart[1]) < 0.1
    rows = [ContactEffect("sms", k, 9, 9, None, m) for k, m in (("a", Effect(1.0, 0.1)), ("b", None))]
    assert [e.margin_used for e in shrink_margins(rows, {})] == [pytest.approx(1.0), None]


def test_an_experiment_that_cannot_tell_leaves_the_assumption() -> None:
    """Wide around 0 and above the assumption: undecided. Below the assumption: 0. Apart from 0: itself."""
    assumed = {("sms", k): 0.5 for k in ("wide", "narrow", "apart")}
    errors = {"wide": Effect(0.1, 1.0), "narrow": Effect(0.0, 0.1), "apart": Effect(2.0, 0.1)}
    rows = [ContactEffect("sms", k, 9, 9, None, m) for k, m in errors.items()]
    assert [e.margin_used for e in shrink_margins(rows, assumed)] == [None, 0.0, pytest.approx(2.0)]


def test_channels_of_a_kind_are_pooled_as_a_scale_of_what_is_assumed() -> None:
    """Exact SMS at nothing says little of parcels that promise more; a parcel apart from 0 speaks for its kind."""
    assumed = {("sms", "a"): 0.01, ("parcel", "a"): 4.0}

    def used(sms: Effect, parcel: Effect) -> list[float | None]:
        rows = [ContactEffect(c, "a", 9, 9, None, m) for c, m in (("sms", sms), ("parcel", parcel))]
        return [e.margin_used for e in shrink_margins(rows, assumed)]

    assert used(Effect(-1.0, 1.0), Effect(2.0, 3.0)) == [None, None]
    sms, parcel = used(Effect(0.0, 1.0), Effect(8.0, 1.0))
    assert parcel == pytest.approx(8.0, abs=0.1)
    assert sms == pytest.approx(0.02, abs=0.001)


def test_the_order_of_rows_changes_nothing() -> None:
    """The same units in any order give the same numbers to the last bit."""
    units = market(n=500)
    places = np.random.default_rng(1).permutation(len(units))
    first, second = (estimate_effects(u, PARAMS) for u in (units, units.where(places)))
    assert first == second


def test_an_effect_weighs_campaigns_by_their_size() -> None:
    """By hand: two campaigns with differences 1 and 4, weights 2 and 1 a unit."""
    units = Units(
        channel=np.array(["sms"] * 6),
        offer_kind=np.array(["a"] * 6),
        campaign=np.array(["x", "x", "x", "x", "y", "y"]),
        customer=np.arange(6),
        contacted=np.array([True, True, False, False, True, False]),
        propensity=np.array([0.5] * 4 + [0.5, 0.5]),
    )
    y = np.array([3.0, 5.0, 2.0, 4.0, 4.0, 0.0])
    assert difference(units, y).value == pytest.approx((2 * 1 + 1 * 4) / 3)


def test_purchases_are_counted_in_half_open_windows() -> None:
    """At the moment of the contact counts as after, at the horizon's end no more; covariates end before the contact."""
    ts = np.array([100 * int(DAY), 100 * int(DAY)], np.int64)
    units = Units(*[np.array(["x", "x"])] * 3, np.array([0, 1]), np.array([True, False]), np.array([0.5, 0.5]))
    days = np.array([9.9, 10, 99.5, 100, 127.999, 128, 99])
    orders = Orders(
        np.array([0, 0, 0, 0, 0, 0, 2]), (days * DAY).astype(np.int64), np.arange(1.0, 8.0), np.arange(1.0, 8.0) * 10
    )
    found = with_purchases(units, ts, orders, 28, 90)
    assert found.outcomes["bought"].tolist() == [1.0, 0.0]
    assert found.outcomes["margin"].tolist() == [9.0, 0.0]
    assert found.covariates["spend"].tolist() == [50.0, 0.0]
    assert found.covariates["orders"].tolist() == [2.0, 0.0]
    assert found.covariates["recency_days"].tolist() == [0.5, NO_ORDER_DAYS]


def test_the_table_has_the_contracts_columns() -> None:
    """Measured and refused rows, rounded; a refused one is marked prior."""
    rows = [
        ContactEffect("sms", "a", 10, 5, Effect(0.1, 0.01), Effect(1.0, 0.2), 0.9),
        ContactEffect("sms", "b", 10, 0, refused_because="nobody was held out"),
    ]
    table = effects_table(rows, AS_OF, 28).to_pylist()
    assert [r["basis"] for r in table] == ["randomised", "prior"]
    assert table[0]["effect_margin_low"] == pytest.approx(0.608007)
    assert table[1]["effect_buy"] is None
    assert effects_table([], AS_OF, 28).num_rows == 0
