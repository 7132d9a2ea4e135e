"""Numbers that features share."""

import pytest

from features.definitions import WINDOWS, FeatureParams, per_window


def test_one_definition_per_window() -> None:
    """The suffix of the name is the window, in days or l for life."""
    names = [d.name for d in per_window("x", 1, "A", "int", "an x", (*WINDOWS, None))]
    assert names == ["x_7", "x_30", "x_90", "x_180", "x_365", "x_l"]


@pytest.mark.parametrize("field", ["rhythm_gaps", "short_half_life_days", "lift_prior_weight"])
def test_parameters_without_meaning_are_refused(field: str) -> None:
    """A half-life, a number of gaps or a weight of 0 is an error that names it."""
    with pytest.raises(ValueError, match=f"{field} must be above 0"):
        FeatureParams(**{field: 0})


def test_shares_lie_between_0_and_1() -> None:
    """A share of 80 where 0.8 was meant is refused."""
    with pytest.raises(ValueError, match="top_value_share must lie between 0 and 1"):
        FeatureParams(top_value_share=80)
