"""Pairs and labels: who, with what, from when, and whether an answer came while the offer ran."""

from datetime import date

import pytest

from features.as_of import AsOf
from features.contact_pairs import (
    as_pairs,
    as_send_pairs,
    customers_at,
    live_options,
    typical_options,
    with_response_label,
)
from tests.features.contact_world import CONTACT_ROWS, OFFER_ROWS, ZONE, answer, offer, send, sources, ts

AS_OF = AsOf(date(2017, 6, 15), ZONE)


def label(spark, responses, as_of=AS_OF, **more):
    """(responded, matured) of x's send of o1 on 2017-03-01 05:00, whose offer ends on 31 March."""
    world = sources(spark, responses=responses)
    pairs = as_send_pairs(world.contacts, world.offers, world.customer_map, as_of)
    labelled = with_response_label(pairs, world.responses, world.offers, world.customer_map, as_of, **more)
    row = next(r for r in labelled.toArrow().to_pylist() if r["offer_id"] == "o1")
    return row["responded"], row["matured"]


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("2017-03-01 04:59", 0),  # before the send
        ("2017-03-01 05:00", 1),  # at the send
        ("2017-04-01 03:59", 1),  # the last minute of 31 March in New York, summer time
        ("2017-04-01 04:00", 0),  # the offer is over
    ],
)
def test_the_label_window_runs_from_the_send_to_the_offers_last_local_midnight(spark, when, expected):
    """Send included, end excluded."""
    assert label(spark, [answer("x", "o1", when)])[0] == expected


def test_only_the_response_asked_for_counts(spark):
    """Opening is not redeeming; another offer, another customer are not it either."""
    others = [
        answer("x", "o1", "2017-03-10 12:00", kind="open"),
        answer("x", "o2", "2017-03-10 12:00"),
        answer("y", "o1", "2017-03-10 12:00"),
    ]
    assert label(spark, others)[0] == 0
    assert label(spark, others, response_kind="open")[0] == 1


def test_an_answer_is_credited_to_its_own_channel(spark):
    """x got o1 by mail and by sms: an answer that names its send or its channel counts there only, others for both."""
    both = [send("x", "o1", "2017-03-01 05:00"), send("x", "o1", "2017-03-01 06:00", channel="sms")]

    def labels(**named):
        world = sources(spark, contacts=both, responses=[answer("x", "o1", "2017-03-10 12:00", **named)])
        pairs = as_send_pairs(world.contacts, world.offers, world.customer_map, AS_OF)
        rows = with_response_label(
            pairs, world.responses, world.offers, world.customer_map, AS_OF, contacts=world.contacts
        )
        return {r["channel"]: r["responded"] for r in rows.toArrow().to_pylist()}

    assert labels() == {"mail": 1, "sms": 1}
    assert labels(contact_id="o1-x-2017-03-01 06:00") == {"mail": 0, "sms": 1}
    assert labels(channel="mail") == {"mail": 1, "sms": 0}
    assert labels(contact_id="a send nobody knows") == {"mail": 1, "sms": 1}


def test_two_answers_are_one_response(spark):
    """The label is whether, not how often, and does not double the row."""
    two = [answer("x", "o1", "2017-03-10 12:00"), answer("x", "o1", "2017-03-11 12:00")]
    assert label(spark, two) == (1, True)


@pytest.mark.parametrize(
    ("day", "matured"), [(date(2017, 3, 31), False), (date(2017, 4, 1), False), (date(2017, 4, 2), True)]
)
def test_a_window_must_have_closed_a_day_before_the_snapshot(spark, day, matured):
    """The offer ends on 31 March; with one day for late reports it may be learned from on 2 April."""
    assert label(spark, [], AsOf(day, ZONE))[1] is matured


def test_sends_after_the_cut_or_known_after_it_are_no_pairs(spark):
    """The snapshot of a day knows only the sends before it."""
    late = [
        send("x", "o1", "2017-03-01 05:00"),
        send("y", "o1", "2017-03-10 05:00"),
        send("y", "o2", "2017-03-09 05:00", available_ts=ts("2017-03-11 00:00")),
    ]
    world = sources(spark, contacts=late)
    pairs = as_send_pairs(world.contacts, world.offers, world.customer_map, AsOf(date(2017, 3, 10), ZONE))
    assert [r["customer_id"] for r in pairs.toArrow().to_pylist()] == ["x"]


def test_a_second_send_of_an_offer_is_no_second_pair(spark):
    """One redemption must not be learned from twice: the first send stands for the offer."""
    world = sources(spark, contacts=[*CONTACT_ROWS, send("x", "o1", "2017-03-10 05:00")])
    pairs = as_send_pairs(world.contacts, world.offers, world.customer_map, AS_OF).toArrow().to_pylist()
    of_o1 = [r for r in pairs if r["offer_id"] == "o1"]
    assert [r["cut"] for r in of_o1] == [ts("2017-03-01 05:00")]
    assert of_o1[0]["window_days"] == 31


def test_live_offers_run_on_the_day_and_keep_what_is_left(spark):
    """First and last day included; an offer without a channel goes through all."""
    world = sources(spark)

    def live(day):
        rows = live_options(world.offers, AsOf(day, ZONE), ["email", "mail"]).toArrow().to_pylist()
        return sorted((r["offer_id"], r["channel"], r["window_days"]) for r in rows)

    assert live(date(2017, 4, 30)) == []
    assert live(date(2017, 5, 20)) == [("o2", "mail", 12), ("o3", "email", 1), ("o3", "mail", 1)]
    assert live(date(2017, 5, 21)) == [("o2", "mail", 11)]


def test_the_typical_offer_is_the_last_started_of_its_kind(spark):
    """With its whole duration, whatever is left of it; one not started or not known yet is not typical."""
    secret = offer("o5", "A", "2017-05-10", "2017-05-12") | {"available_ts": ts("2017-06-16 00:00")}
    world = sources(spark, offers=[*OFFER_ROWS, offer("o4", "A", "2017-07-01", "2017-07-03"), secret])
    rows = typical_options(world.offers, AS_OF, ["mail"]).toArrow().to_pylist()
    assert sorted((r["offer_id"], r["window_days"]) for r in rows) == [("o2", 31), ("o3", 20)]


def test_every_customer_meets_every_option_once(spark):
    """A live offer that is also typical with the same window is one pair."""
    world = sources(spark)
    customers = customers_at(world.customer_map, AS_OF)
    assert sorted(r["customer_id"] for r in customers.toArrow().to_pylist()) == ["x", "y"]
    options = typical_options(world.offers, AS_OF, ["mail"])
    assert len(as_pairs(customers, options.union(options), AS_OF).toArrow()) == 4
