"""The life-cycle state machine, against a plain loop over one customer's days at a time."""

from __future__ import annotations

import math
import random
from statistics import median

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.family_params import LifecycleParams
from features.stages import NEVER, STAGES, replay_stages

PARAMS = LifecycleParams(at_risk=3.0, calm=2.0, lapsed=6.0)
USUAL = 20.0


def days(value: float) -> int:
    """Whole days that a limit takes."""
    return math.ceil(round(value, 6))


def limits(gaps: list[int], p: LifecycleParams, keep: int) -> tuple[int, int, int]:
    """At risk, calm and lapsed, in days, for a customer with these gaps so far."""
    last = gaps[-keep:]
    own = (len(last) * (median(last) if last else 0) + p.usual_gap_weight * USUAL) / (len(last) + p.usual_gap_weight)
    lapsed = min(max(p.lapsed * own, p.min_lapsed_days), p.max_lapsed_days)
    risk = min(max(p.at_risk * own, p.min_at_risk_days), lapsed)
    return days(risk), days(risk * p.calm / p.at_risk), days(lapsed)


def loop(order_days: list[int], cut: int, p: LifecycleParams = PARAMS, keep: int = 20) -> list[tuple[str, int]]:
    """Walks one customer's days and writes down each stage and the day it began."""
    told: list[tuple[str, int]] = []

    def tell(stage: str, day: int) -> None:
        if not told or told[-1][0] != stage:
            told.append((stage, day))

    gaps: list[int] = []
    watched = loyal = False
    since_lapse: int | None = None  # orders since the one that ended a lapse
    known = sorted(set(order_days))
    for i, day in enumerate(known):
        calm_now = False
        if i:
            gap = day - known[i - 1]
            risk, calm, lapsed = limits(gaps, p, keep)
            calm_now = gap < calm
            watched = (watched or gap >= risk) and not calm_now
            if since_lapse is not None:
                since_lapse += 1
                if calm_now and since_lapse >= p.settle_orders:
                    since_lapse = None
            if gap >= lapsed:
                since_lapse, loyal = 0, False
            gaps.append(gap)
            within = sum(day - p.loyal_days < d <= day for d in known)
            if gap < lapsed and within >= p.loyal_orders:
                loyal = True
            if within < p.loyal_keep_orders:
                loyal = False
        tell("won_back" if since_lapse is not None else "new" if i == 0 else "loyal" if loyal else "repeat", day)
        until = known[i + 1] if i + 1 < len(known) else cut
        risk, calm, lapsed = limits(gaps, p, keep)
        begins = day + (calm if watched else risk)
        if begins <= until and begins < day + lapsed:
            tell("at_risk", begins)
        if day + lapsed <= until:
            tell("lapsed", day + lapsed)
    return told


def replay(histories: list[list[int]], cut: int, p: LifecycleParams = PARAMS) -> list[tuple[str, int, str | None]]:
    """What the code says, in the words of `loop`."""
    customer = np.array([c for c, h in enumerate(histories) for _ in h], dtype=np.int64)
    day = np.array([d for h in histories for d in h], dtype=np.int64)
    shuffled = np.random.default_rng(0).permutation(day.size)
    found = replay_stages(customer[shuffled], day[shuffled], cut, USUAL, p, 20, len(histories))
    names = [*STAGES, None]
    return [(names[s], int(d), names[b]) for s, d, b in zip(found.stage, found.since, found.previous)]


def random_history(rng: random.Random, cut: int) -> list[int]:
    """A customer with a rhythm of her own, who falls silent now and then."""
    gap, day, found = rng.choice([1, 7, 20, 60]), rng.randint(0, 400), []
    while day < cut:
        found += [day] * rng.choice([1, 1, 2])
        day += max(1, int(gap * rng.choice([0.5, 1, 1, 1.9, 2, 3, 3.1, 6, 8])))
    return found


def test_equals_a_loop() -> None:
    """Stage, its first day and the stage before are those of a loop over one day at a time."""
    rng, cut = random.Random(1), 1500
    histories = [random_history(rng, cut) for _ in range(400)]
    expected = [loop(h, cut) for h in histories]
    wanted = [(e[-1][0], e[-1][1], e[-2][0] if len(e) > 1 else None) if e else (None, NEVER, None) for e in expected]
    assert replay(histories, cut) == wanted
    assert {w[0] for w in wanted} >= {"repeat", "loyal", "at_risk", "lapsed", "won_back"}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 999), max_size=30), min_size=1, max_size=5), st.integers(-5000, 5000))
def test_shifting_all_days_shifts_only_since(histories: list[list[int]], k: int) -> None:
    """The calendar plays no part: k days later, everything is the same k days later. A second row of a day is one."""
    moved = replay([[d + k for d in h] * 2 for h in histories], 1000 + k)
    assert moved == [(s, d + k if s else NEVER, b) for s, d, b in replay(histories, 1000)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 999), min_size=1, max_size=30))
def test_replay_to_an_earlier_day_is_the_stage_of_that_day(history: list[int]) -> None:
    """The stages told along the way are those that a snapshot at each earlier day tells: nothing later matters."""
    told = loop(history, 1000)
    for cut in range(min(history) + 1, 1001, 37):
        known = [d for d in history if d < cut]
        (found,) = replay([known], cut)
        # a stage that an order of the day itself ends is still the stage at its start
        before = [(s, d) for s, d in told if d < cut or (d == cut and s in ("at_risk", "lapsed"))]
        assert found[:2] == before[-1]


def test_entering_takes_more_than_staying() -> None:
    """A silence of 2.5 gaps is nothing for a calm customer; after a risk it is one, until a calm order came."""
    steady = list(range(0, 400, 20))
    last = steady[-1]
    assert replay([steady], last + 50)[0][0] == "loyal"  # 2.5 gaps: not yet
    assert replay([steady], last + 60)[0] == ("at_risk", last + 60, "loyal")
    back = [*steady, last + 70]  # the order ends the silence, and she is watched
    assert replay([back], last + 70 + 1)[0] == ("loyal", last + 70, "at_risk")
    assert replay([back], last + 70 + 45)[0][:2] == ("at_risk", last + 70 + 40)  # now 2 gaps are enough
    calm = [*back, last + 90]
    assert replay([calm], last + 90 + 50)[0][:2] == ("loyal", last + 70)  # over: 2.5 gaps are nothing again


def test_won_back_until_settled() -> None:
    """Who comes back after a lapse is won back until the second later order in rhythm; then she starts as repeat."""
    before = [0, 20, 40]
    lapse = [*before, 300]
    assert replay([before], 300)[0][0] == "lapsed"
    assert replay([lapse], 301)[0] == ("won_back", 300, "lapsed")
    assert replay([[*lapse, 320]], 321)[0][:2] == ("won_back", 300)
    assert replay([[*lapse, 320, 340]], 341)[0] == ("loyal", 340, "won_back")
    assert replay([[*lapse, 420, 470]], 471)[0][0] == "won_back"  # two orders, neither in rhythm


def test_first_order_and_nobody() -> None:
    """One order is new, then at risk by the population's gap; no order is no stage; no customers are no error."""
    assert replay([[100]], 101) == [("new", 100, None)]
    assert replay([[100]], 160) == [("at_risk", 160, "new")]
    assert replay([[], [100]], 101)[0] == (None, NEVER, None)
    assert replay([], 101) == []


def test_thresholds_must_agree() -> None:
    """Thresholds without hysteresis, or the wrong way round, are refused."""
    with pytest.raises(ValueError, match="calm < at_risk"):
        LifecycleParams(calm=2.0)
    with pytest.raises(ValueError, match="loyal_keep_orders"):
        LifecycleParams(loyal_keep_orders=4)
