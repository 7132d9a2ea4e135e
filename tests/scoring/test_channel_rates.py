"""Rates of opens, clicks and refusals: the channel's, with the customer's own history."""

from datetime import date

import pytest

from features.as_of import AsOf
from scoring.channel_params import ChannelParams
from scoring.channel_rates import as_send_counts, join_rates
from tests.features.contact_world import ZONE, answer, send, sources

AS_OF = AsOf(date(2017, 5, 15), ZONE)
PARAMS = ChannelParams(open_prior={"mail": 0.5}, unsubscribe_prior=0.1)
MAIL = [send(c, "o1", f"2017-03-{d:02d} 05:00") for c in "xy" for d in range(1, 6)]


def to(account, day, **more):
    """The send that an answer names."""
    return {"contact_id": f"o1-{account}-2017-03-{day:02d} 05:00"} | more


def counts(spark, contacts, responses):
    """(customer, channel) -> counted sends and answers."""
    world = sources(spark, contacts=contacts, responses=responses)
    accounts = world.customer_map.where("valid_to is null").select("account_id", "customer_id")
    return as_send_counts(world.contacts, world.responses, accounts, AS_OF, PARAMS)


def listed(df):
    """Rows by customer and channel, without the keys."""
    return {(r.pop("customer_id"), r.pop("channel")): r for r in df.toArrow().to_pylist()}


def test_matured_sends_and_answers_that_name_them_are_counted(spark) -> None:
    """Bounced and young sends do not count; two opens of one send are one; an answer that names no send is none."""
    answers = [
        answer("x", "o1", "2017-03-02 12:00", kind="open", **to("x", 1)),
        answer("x", "o1", "2017-03-02 13:00", kind="open", **to("x", 1)),
        answer("x", "o1", "2017-03-02 13:00", kind="click", **to("x", 1)),
        answer("x", "o1", "2017-03-03 13:00", kind="bounced", **to("x", 2)),
        answer("y", "o1", "2017-03-03 13:00", kind="open"),
        answer("y", "o1", "2017-05-16 13:00", kind="open", **to("y", 3)),  # after the cut
    ]
    young = send("x", "o2", "2017-05-10 05:00")
    found = listed(counts(spark, [*MAIL, young, send("y", "o1", "2017-03-01 05:00", channel="sms")], answers))
    assert found == {
        ("x", "mail"): {"delivered": 4, "open": 1, "click": 1, "unsubscribe": 0},
        ("y", "mail"): {"delivered": 5, "open": 0, "click": 0, "unsubscribe": 0},
        ("y", "sms"): {"delivered": 1, "open": 0, "click": 0, "unsubscribe": 0},
    }


def test_where_deliveries_are_reported_only_those_count(spark) -> None:
    """One delivery of mail is reported: the other nine did not arrive, except the one that was opened."""
    answers = [
        answer("x", "o1", "2017-03-01 06:00", kind="delivered", **to("x", 1)),
        answer("y", "o1", "2017-03-01 06:00", kind="open", **to("y", 1)),
    ]
    found = listed(counts(spark, MAIL, answers))
    assert {key: r["delivered"] for key, r in found.items()} == {("x", "mail"): 1, ("y", "mail"): 1}


def test_rates_are_shrunk_to_the_channel_and_that_to_the_assumption(spark) -> None:
    """Mail: 3 of 10 opened, the assumption .5 counts as 10 sends: .4. x: 3 of 5, with 10 at .4. No clicks: null."""
    table = spark.createDataFrame(
        [("x", "mail", 5, 3, 0, 0), ("y", "mail", 5, 0, 0, 1), ("y", "sms", 9, 0, 0, 0)],
        "customer_id string, channel string, delivered bigint, open bigint, click bigint, unsubscribe bigint",
    )
    asked = spark.createDataFrame(
        [(c, ch) for c in "xyz" for ch in ("mail", "sms", "kite")], "customer_id string, channel string"
    )
    found = listed(join_rates(asked, table, PARAMS, 10.0))
    assert found["x", "mail"]["p_open"] == pytest.approx((3 + 10 * 0.4) / 15)
    assert found["y", "mail"]["p_open"] == pytest.approx((0 + 10 * 0.4) / 15, abs=1e-6)
    assert found["z", "mail"]["p_open"] == pytest.approx(0.4)  # a stranger gets the channel's rate
    assert found["z", "mail"]["p_unsubscribe"] == pytest.approx((1 + 10 * 0.1) / 20)
    assert {r["p_click"] for r in found.values()} == {None}
    assert all(set(found[c, ch].values()) == {None} for c in "xyz" for ch in ("sms", "kite"))
