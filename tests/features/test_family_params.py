"""Numbers of families that would leave a feature without a meaning are refused."""

import pytest

from features.family_params import AcquisitionParams, ContactHistoryParams, InfluenceParams, MembershipParams


def test_every_fault_of_contacts_is_named_at_once() -> None:
    """Windows, weights and assumed rates are checked, those per channel too."""
    with pytest.raises(ValueError, match=r"answer_days must be above 0; .*open_prior\.sms must lie between 0 and 1"):
        ContactHistoryParams(answer_days=0, open_prior={"sms": 1.5, "email": 0.1})


def test_influence_cannot_count_against_a_customer() -> None:
    """A negative weight, or none at all, is refused."""
    for weights in ((-1.0, 1.0, 1.0), (0.0, 0.0, 0.0)):
        with pytest.raises(ValueError, match="weights of influence"):
            InfluenceParams(*weights)


def test_rewards_and_first_contacts_need_a_size() -> None:
    """A reward that costs nothing, and a first contact or a cohort of no size, are refused."""
    with pytest.raises(ValueError, match="lowest_reward_points"):
        MembershipParams(lowest_reward_points=0)
    for wrong in ({"first_contact_hours": 0.0}, {"min_cohort": 0}):
        with pytest.raises(ValueError, match="first_contact_hours must be above 0 and min_cohort"):
            AcquisitionParams(**wrong)
