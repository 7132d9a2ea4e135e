"""Channels of a world: what they cost, how many contacts fit through, how often somebody looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jobs.simulate import draws
from jobs.simulate.model import CHANNELS, Array


def _named(*values: Any) -> dict[str, Any]:
    return dict(zip(CHANNELS, values, strict=True))


@dataclass(frozen=True)
class ChannelParams:
    """One value per channel of `model.CHANNELS` in every field."""

    cost: dict[str, float] = field(
        default_factory=lambda: _named(0.05, 0.01, 0.02, 0.02, 0.03, 0.01, 0.01, 3.0, 0.6, 8.0)
    )
    daily_capacity: dict[str, float] = field(default_factory=lambda: _named(0, 0, 0, 0, 0, 0, 0, 10.0, 15.0, 4.0))
    monthly_limit: dict[str, int] = field(default_factory=lambda: _named(4, 8, 4, 2, 3, 8, 12, 1, 2, 1))
    hour_from: dict[str, int] = field(default_factory=lambda: _named(9, 8, 8, 9, 9, 9, 0, 9, 9, 10))
    hour_to: dict[str, int] = field(default_factory=lambda: _named(20, 22, 22, 21, 21, 21, 24, 18, 18, 20))
    address_kind: dict[str, str] = field(
        default_factory=lambda: _named(
            "phone",
            "email",
            "unionid",
            "unionid",
            "weibo_id",
            "device",
            "cookie",
            "postal_address",
            "parcel",
            "visit",
        )
    )
    needs_consent: dict[str, bool] = field(
        default_factory=lambda: _named(True, True, True, True, True, True, False, True, False, True)
    )
    open_rate: dict[str, tuple[float, float]] = field(
        default_factory=lambda: _named(
            (0.01, 0.03),
            (0.002, 0.008),
            (0.25, 0.45),
            (0.3, 0.5),
            (0.12, 0.25),
            (0.03, 0.08),
            (0.002, 0.005),
            (0.5, 0.7),
            (0.85, 0.95),
            (0.7, 0.9),
        )
    )
    click_rate: dict[str, float] = field(
        default_factory=lambda: _named(0.1, 0.15, 0.12, 0.2, 0.1, 0.25, 0.6, 0.03, 0.03, 0.0)
    )
    bounce_rate: dict[str, float] = field(
        default_factory=lambda: _named(0.03, 0.04, 0.005, 0.005, 0.01, 0.02, 0.0, 0.03, 0.01, 0.1)
    )
    potency: dict[str, float] = field(default_factory=lambda: _named(1.0, 0.9, 1.0, 1.2, 0.8, 0.8, 0.6, 1.3, 0.7, 2.2))

    def __post_init__(self) -> None:
        for name, values in vars(self).items():
            if set(values) != set(CHANNELS):
                raise ValueError(
                    f"{name} must name exactly these channels: {', '.join(CHANNELS)}; found {sorted(values)}"
                )
        _within("cost", self.cost, 0, 1e6)
        _within("daily_capacity", self.daily_capacity, 0, 1e6)
        _within("monthly_limit", self.monthly_limit, 0, 1000)
        _within("hour_from", self.hour_from, 0, 23)
        _within("hour_to", self.hour_to, 1, 24)
        _within("click_rate", self.click_rate, 0, 1)
        _within("bounce_rate", self.bounce_rate, 0, 0.9)
        _within("potency", self.potency, 0, 10)
        for channel in CHANNELS:
            low, high = self.open_rate[channel]
            if not 0 < low <= high < 1:
                raise ValueError(f"open_rate.{channel} must be low and high within (0, 1); found {low}, {high}")
            if self.hour_from[channel] >= self.hour_to[channel]:
                raise ValueError(f"hour_from.{channel} must be before hour_to.{channel}")


def _within(name: str, values: Mapping[str, float], low: float, high: float) -> None:
    wrong = {k: v for k, v in values.items() if not low <= v <= high}
    if wrong:
        raise ValueError(f"{name} must lie within {low} and {high}; found {wrong}")


def per_channel(values: Mapping[str, Any]) -> Array:
    """Values in the order of `model.CHANNELS`.

    >>> per_channel(ChannelParams().monthly_limit)[:3].tolist()
    [4, 8, 4]
    """
    return np.asarray([values[c] for c in CHANNELS])


def open_rates(params: ChannelParams, seed: int) -> Array:
    """float64[channels]: this world's mean P(open | delivered), log-uniform within the range of each channel."""
    low, high = np.log(per_channel(params.open_rate)).T
    return np.asarray(np.exp(low + (high - low) * draws.uniform(seed, "channel:open", np.arange(len(CHANNELS)))))


def daily_capacity(params: ChannelParams, customers: int) -> Array:
    """float64[channels]: contacts a day at most in a world of so many customers; infinite where there is no limit."""
    per_thousand = per_channel(params.daily_capacity)
    return np.where(per_thousand > 0, np.ceil(per_thousand * customers / 1000), np.inf)
