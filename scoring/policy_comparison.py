"""Policies played on the same draws, compared: totals per 1,000 persons, paired intervals, and the number to watch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import t as student

from recommend.metrics import Interval

Array = np.ndarray[Any, Any]

PER = 1000  # persons that totals are given for
Z = 1.959964


@dataclass(frozen=True)
class Played:
    """Sums over replications of what happened to each person under one policy: arrays of n, and the number played."""

    margin: Array  # after coupons
    spend: Array
    contacts: Array
    contact_cost: Array
    incentive: Array
    unsubscribed: Array
    complaints: Array
    lost_value: Array  # remaining lifetime value of who unsubscribed or left
    replications: int

    def net(self) -> Array:
        """Mean per person of margin less contact cost less lifetime value lost."""
        value: Array = (self.margin - self.contact_cost - self.lost_value) / self.replications
        return value


@dataclass(frozen=True)
class PolicyLine:
    """One policy against no contact, per 1,000 persons."""

    policy: str
    role: str  # simple, system, ceiling or none
    contacts: float
    contact_cost: float
    incentive: float
    spend: Interval
    margin: Interval
    unsubscribed: float
    complaints: float
    lost_value: float
    net: Interval

    def as_dict(self) -> dict[str, Any]:
        """Nested plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Watch:
    """(system - best simple) / (observable ceiling - best simple), in net value.

    `share` is None where the ceiling is not above the best simple policy by interval: there is nothing to win, so
    nothing may be claimed. Differences are per 1,000 persons.
    """

    best_simple: str
    system_gain: Interval
    room: Interval
    share: Interval | None
    verdict: str


def mean_interval(values: Array, per: float = PER) -> Interval:
    """Mean over persons times `per`, with its 95 % normal interval (persons are independent, thousands of them)."""
    mean, error = float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
    return Interval(per * mean, per * (mean - Z * error), per * (mean + Z * error))


def compare(played: Mapping[str, Played], roles: Mapping[str, str], nothing: str) -> list[PolicyLine]:
    """A line per policy, differences paired with the policy called `nothing`."""
    base = played[nothing]
    lines = []
    for name, p in played.items():
        per = PER / p.replications
        lines.append(
            PolicyLine(
                policy=name,
                role=roles[name],
                contacts=per * float(p.contacts.mean()),
                contact_cost=per * float(p.contact_cost.mean()),
                incentive=per * float((p.incentive - base.incentive).mean()),
                spend=mean_interval((p.spend - base.spend) / p.replications),
                margin=mean_interval((p.margin - base.margin) / p.replications),
                unsubscribed=per * float((p.unsubscribed - base.unsubscribed).mean()),
                complaints=per * float((p.complaints - base.complaints).mean()),
                lost_value=per * float((p.lost_value - base.lost_value).mean()),
                net=mean_interval(p.net() - base.net()),
            )
        )
    return lines


def watch(
    played: Mapping[str, Played], roles: Mapping[str, str], system: str, ceiling: str, seed: int = 0, draws: int = 1000
) -> Watch:
    """The number to watch, with a bootstrap interval over persons."""
    net = {name: p.net() for name, p in played.items()}
    simple = max((n for n, role in roles.items() if role in ("simple", "none")), key=lambda n: float(net[n].mean()))
    gain, room = net[system] - net[simple], net[ceiling] - net[simple]
    system_gain, room_interval = mean_interval(gain), mean_interval(room)
    share = None
    if room_interval.low > 0:
        rng = np.random.default_rng(seed)
        n = len(gain)
        ratios = np.empty(draws)
        for d in range(draws):
            who = rng.integers(0, n, n)
            below = room[who].sum()
            ratios[d] = gain[who].sum() / below if below != 0 else np.nan
        low, high = np.nanquantile(ratios, [0.025, 0.975])
        share = Interval(float(gain.mean() / room.mean()), float(low), float(high))
    return Watch(simple, system_gain, room_interval, share, _verdict(simple, system_gain, share))


def _verdict(simple: str, gain: Interval, share: Interval | None) -> str:
    if share is None:
        room = "the ceiling does not lie above the best simple policy by interval, so there is nothing to claim"
        return room + (f"; the system does worse than {simple} by interval" if gain.high < 0 else "")
    if gain.low > 0:
        return f"the system beats the best simple policy ({simple}) by interval"
    if gain.high < 0:
        return f"the system loses to the best simple policy ({simple}) by interval"
    return f"no difference from the best simple policy ({simple}) is shown"


def over_worlds(nets: Sequence[float]) -> Interval:
    """Mean over worlds with a 95 % t interval; the interval is infinite for a single world.

    >>> over_worlds([1.0, 1.0, 1.0])
    Interval(mean=1.0, low=1.0, high=1.0)
    """
    values = np.asarray(nets, dtype=float)
    mean = float(values.mean())
    if len(values) < 2:
        return Interval(mean, -np.inf, np.inf)
    half = float(student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return Interval(mean, mean - half, mean + half)
