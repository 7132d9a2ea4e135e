"""Channels: one value for each, within its range."""

import numpy as np
import pytest

from jobs.simulate.channels import ChannelParams, daily_capacity, open_rates
from jobs.simulate.model import CHANNELS


def test_open_rates_lie_within_their_ranges_and_differ_by_orders_of_magnitude() -> None:
    """Each world draws its own rates; display and store staff are far apart."""
    params = ChannelParams()
    rates = open_rates(params, 3)
    for channel, rate in zip(CHANNELS, rates, strict=True):
        low, high = params.open_rate[channel]
        assert low <= rate <= high
    assert rates.max() / rates.min() > 100
    assert not np.array_equal(rates, open_rates(params, 4))


def test_capacity_grows_with_the_customers() -> None:
    """Capacity is given per 1,000 customers; 0 means no limit."""
    capacity = dict(zip(CHANNELS, daily_capacity(ChannelParams(), 20_000), strict=True))
    assert capacity["store_staff"] == 80
    assert capacity["sms"] == np.inf


@pytest.mark.parametrize(
    ("field", "values", "said"),
    [
        ("cost", {"sms": 0.05}, "exactly these channels"),
        ("cost", {**ChannelParams().cost, "sms": -1}, "'sms': -1"),
        ("open_rate", {**ChannelParams().open_rate, "sms": (0.5, 0.1)}, "open_rate.sms"),
        ("hour_to", {**ChannelParams().hour_to, "sms": 9}, "hour_from.sms must be before"),
    ],
)
def test_values_out_of_range_are_named(field: str, values: dict[str, object], said: str) -> None:
    """The error says which channel and which value."""
    with pytest.raises(ValueError, match=said):
        ChannelParams(**{field: values})  # type: ignore[arg-type]
