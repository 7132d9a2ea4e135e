"""Terms of channels: the source table over the settings."""

from decimal import Decimal

import pytest

from features.errors import DataError, SettingsError
from scoring.channel_terms import FIELDS, with_channel_terms
from scoring.decision_params import ChannelTerms, DecisionParams


def row(channel, **given):
    """A row of `channels`; what is not given is null."""
    return dict.fromkeys(FIELDS) | {"channel": channel} | given


def test_what_the_table_says_stands_and_the_rest_is_kept() -> None:
    """Cost and address kind take the settings' place, a null leaves them; hours fall back to the general ones."""
    params = DecisionParams(
        contact_cost={"sms": 0.3, "mail": 0.5}, address_kind={"mail": "postal_address"},
        channels={"sms": ChannelTerms(monthly_limit=4, hour_from=10)},
    )  # fmt: skip
    rows = [row("sms", contact_cost=Decimal("0.05"), address_kind="phone", hour_to=24), row("mail")]
    found = with_channel_terms(params, rows)
    assert found.contact_cost == {"sms": 0.05, "mail": 0.5}
    assert found.address_kind == {"sms": "phone", "mail": "postal_address"}
    assert found.sending_hours("sms") == (10, 24)
    assert found.sending_hours("mail") == (9, 20)
    assert found.limits("monthly_limit") == {"sms": 4}
    assert found.limits("daily_capacity") == {}
    assert with_channel_terms(params, []) == params


def test_hours_that_are_none_are_refused() -> None:
    """In the table and in the settings, naming the channel."""
    with pytest.raises(DataError, match="sms sends from hour 21 to 20"):
        with_channel_terms(DecisionParams(), [row("sms", hour_from=21)])
    with pytest.raises(SettingsError, match=r"decisions\.channels\.sms: hour_to must be later"):
        DecisionParams(channels={"sms": ChannelTerms(hour_from=8, hour_to=8)})
    with pytest.raises(SettingsError, match=r"decisions\.channels\.sms must not hold negative"):
        DecisionParams(channels={"sms": ChannelTerms(daily_capacity=-1)})
