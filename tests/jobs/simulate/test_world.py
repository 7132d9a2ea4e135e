"""Worlds are made from parameters in range, and named when they are not."""

from datetime import date
from typing import Any

import pytest

from jobs.simulate.errors import WorldError
from jobs.simulate.params import load_world_params
from jobs.simulate.world import make_world


def test_days_end_where_the_calendar_says() -> None:
    """The written days end on the eve of `calendar.end`; the horizon reaches beyond for decisions to be played."""
    world = make_world(1, 100, 90, load_world_params())
    assert world.end == date(2026, 7, 1)
    assert world.first_day == date(2026, 4, 2)
    assert world.horizon == 90 + 120 == len(world.category_factor)
    assert make_world(1, 100, 90, load_world_params(), end=date(2026, 3, 1)).end == date(2026, 3, 1)


def test_all_faults_of_a_size_are_listed() -> None:
    """Customers, days and seed out of range are named together."""
    with pytest.raises(WorldError) as raised:
        make_world(-1, 0, 5, load_world_params())
    for name in ("customers", "days", "seed"):
        assert name in str(raised.value)


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("people", "follower_share", 1.5),
        ("people", "orders_per_year", -1),
        ("people", "predictable_share", 2),
        ("catalogue", "products", 10),
        ("catalogue", "zipf", -1),
        ("calendar", "future_days", 3),
        ("calendar", "noise", 9),
        ("calendar", "end", "soon"),
        ("life_events", "yearly_share", 0.9),
        ("life_events", "strength", -1),
    ],
)
def test_parameters_out_of_range_are_refused(section: str, key: str, value: Any) -> None:
    """A value out of its range raises and names section, key and value."""
    with pytest.raises(WorldError, match=rf"{section}[\s\S]*{key}[\s\S]*{value}"):
        load_world_params(overrides={section: {key: value}})


def test_shares_of_types_must_fit() -> None:
    """Uplift types cannot take more than everybody."""
    with pytest.raises(WorldError, match="must not exceed 1"):
        load_world_params(overrides={"people": {"persuadable": 0.8, "sure_thing": 0.3}})
