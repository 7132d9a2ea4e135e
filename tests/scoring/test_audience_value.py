"""A channel per customer, reach, and the curve: what contacting an audience is worth."""

import numpy as np
import pyarrow as pa
import pytest

from recommend.catalogue import as_objects
from scoring.audience_value import (
    as_contacts,
    best_contacts,
    curve_rows,
    reach_rows,
    size_that_pays,
    with_purchase_value,
)
from scoring.decision_params import DecisionParams

CUSTOMERS = as_objects(["b", "a", "d", "c"])  # by rank
OPTIONS = pa.table(
    {
        "customer_id": ["a", "a", "b", "b", "c", "d", "d"],
        "channel": ["sms", "mail", "mail", "sms", "sms", "mail", "sms"],
        # nobody reaches c; of d's letter box nothing is known
        "reachable": [True, True, True, False, False, None, False],
        "unreachable_because": [None, None, None, "no_consent", "no_address", None, "unsubscribed"],
        "value": [3.0, 1.0, 2.0, 9.0, 9.0, -1.0, None],
        "cost": [0.1, 0.5, 0.5, 0.1, 0.1, 0.5, None],
        "value_basis": ["prior", "randomised", "randomised", "prior", "prior", "randomised", None],
        "p_response": [0.1, 0.2, 0.3, None, None, 0.1, None],
        "held_back_by": [None, None, "cap_7_days", None, None, None, None],
    }
)


def test_the_open_channel_that_is_worth_most_is_taken() -> None:
    """Closed channels never, unknown ones yes; ties go by name; nobody reached is -1."""
    contacts = as_contacts(CUSTOMERS, OPTIONS)
    best = best_contacts(contacts, 4)
    assert [contacts.channel[i] if i >= 0 else None for i in best] == ["mail", "sms", "mail", None]
    level = as_contacts(CUSTOMERS, OPTIONS.set_column(4, "value", pa.array([1.0] * 7)))
    assert [level.channel[i] for i in best_contacts(level, 4)[:2]] == ["mail", "mail"]


def test_the_curve_keeps_what_is_measured_and_what_is_assumed_apart() -> None:
    """Sums by basis at each size, the best size marked, costs and held-back customers counted."""
    contacts = as_contacts(CUSTOMERS, OPTIONS)
    rows = curve_rows(contacts, best_contacts(contacts, 4), np.array([0.4, 0.3, 0.2, 0.1]), 60)
    assert [r["size"] for r in rows] == [1, 2, 3, 4]
    assert [r["value_randomised"] for r in rows] == [2.0, 2.0, 1.0, 1.0]
    assert [r["value_prior"] for r in rows] == [0.0, 3.0, 3.0, 3.0]
    assert [r["is_best"] for r in rows] == [False, True, False, False]
    assert [r["reached"] for r in rows] == [1, 2, 3, 3]
    assert [r["held_back"] for r in rows] == [1, 1, 1, 1]
    assert rows[-1]["cost"] == pytest.approx(1.1)
    assert rows[-1]["expected"] == pytest.approx(1.0)


def test_reach_counts_every_state_of_a_channel() -> None:
    """Reachable, unknown, and closed by reason, with what contacting the chosen ones costs."""
    contacts = as_contacts(CUSTOMERS, OPTIONS)
    mail, sms = reach_rows(contacts, best_contacts(contacts, 4))
    assert (mail["reachable"], mail["unknown"], mail["closed"], mail["chosen"], mail["cost"]) == (2, 1, 0, 2, 1.0)
    assert (sms["reachable"], sms["no_address"], sms["no_consent"], sms["unsubscribed"], sms["closed"]) == (
        1,
        1,
        1,
        1,
        3,
    )


def test_without_an_experiment_a_purchase_is_worth_its_assumed_part() -> None:
    """P(opens) x P(buys) x assumed incrementality x margin, less contact cost and lost customers, marked as prior."""
    contacts = as_contacts(CUSTOMERS, OPTIONS)
    params = DecisionParams(contact_cost={"sms": 0.1}, contact_cost_default=0.5, remaining_lifetime_value=100.0)
    p_open = np.where(contacts.channel == "sms", 0.5, np.nan)
    p_left = np.where(contacts.channel == "sms", 0.001, np.nan)
    score = np.array([0.4, 0.3, 0.2, 0.1])
    valued = with_purchase_value(contacts, score, p_open, p_left, 10.0, params)
    by_name = {(CUSTOMERS[c], ch): v for c, ch, v in zip(valued.customer, valued.channel, valued.value, strict=True)}
    assert by_name["b", "mail"] == pytest.approx(0.4 * 0.2 * 10 - 0.5)
    assert by_name["a", "sms"] == pytest.approx(0.5 * 0.3 * 0.2 * 10 - 0.1 - 0.1)
    assert set(valued.basis) == {"prior"}
    whole = with_purchase_value(contacts, score, p_open, p_left, 10.0, DecisionParams(count_incrementality=False))
    assert set(whole.basis) == {"none"}


def test_the_audience_ends_with_the_last_contact_that_pays() -> None:
    """Unreached customers in between stay; nobody who pays gives 0; the limit holds."""
    value = np.array([2.0, np.nan, 0.5, -1.0, np.nan])
    assert size_that_pays(value, 100) == 3
    assert size_that_pays(value, 2) == 2
    assert size_that_pays(np.array([-1.0, np.nan]), 100) == 0
    assert curve_rows(as_contacts(as_objects([]), OPTIONS.slice(0, 0)), np.empty(0, np.int64), np.empty(0), 9) == []
