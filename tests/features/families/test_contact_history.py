"""Contacts over all channels, against a plain loop and at the edges."""

from datetime import timedelta

from pyspark.sql import SparkSession

from features.families import contact_history
from tests.features.families.people_world import (
    INSTANT,
    Row,
    Tables,
    assert_equals_oracle,
    known,
    owners,
    wide,
    with_future,
)
from tests.features.families.send_world import send_tables, sends_of
from tests.features.purchase_world import AS_OF

NAMED = ("refused", "converted", "clicked", "opened", "bounced")


def oracle(tables: Tables, sends: list[Row], customer: str) -> Row:
    """What loops over the raw rows find."""
    mine = [s for s in sends if s["customer_id"] == customer]
    closed = [s for s in mine if s["convert_closed"]]
    said = [r["response_kind"] for r in known(tables["responses"]) if r["customer_id"] == customer]
    last = max((s["event_ts"] for s in mine), default=None)
    outcome = next((o for o in NAMED if closed[-1][o]), "ignored") if closed else None
    return {
        "n_contacts_7": sum(s["days_ago"] <= 7 for s in mine),
        "n_contacts_30": sum(s["days_ago"] <= 30 for s in mine),
        "hours_since_last_contact": (AS_OF.ts - last) / timedelta(hours=1) if last else None,
        "has_unsubscribed": "unsubscribe" in said,
        "complaint_n": said.count("complaint"),
        "last_offer_outcome": outcome,
    }


def test_equals_a_plain_loop_and_ignores_the_future(spark: SparkSession) -> None:
    """Every feature of random sends and answers; what happened or was known at the cut or later changes nothing."""
    tables = send_tables(1)
    sends = sends_of(tables)
    found = wide(spark, contact_history, tables)
    people = set(owners().values())
    assert_equals_oracle(found, lambda c: oracle(tables, sends, c), people, contact_history.DEFINITIONS)
    assert wide(spark, contact_history, with_future(tables)) == found


def send(number: str, account: str, days: float, **more: object) -> Row:
    """A send so many days of 24 hours before the cut."""
    ts = AS_OF.ts - timedelta(days=days)
    row = {"contact_id": number, "account_id": account, "offer_id": "o1", "channel": "sms"}
    return row | {"event_ts": ts, "available_ts": ts} | more


def answer(number: str, sent: Row, kind: str, after: timedelta, **more: object) -> Row:
    """An answer so long after a send, that names it unless told otherwise."""
    ts = sent["event_ts"] + after
    row = {k: sent[k] for k in ("account_id", "offer_id", "contact_id", "channel")}
    return row | {"response_id": number, "response_kind": kind, "event_ts": ts, "available_ts": ts} | more


def test_an_answer_before_its_send_answers_nothing(spark: SparkSession) -> None:
    """An open before the send it names is not believed; one that names no send answers the last send before it."""
    first, second, other = send("ct-1", "a5", 60), send("ct-2", "a5", 40), send("ct-3", "a6", 40)
    day = timedelta(days=1)
    responses = [
        answer("rs-1", first, "click", day, contact_id=None),  # before the second: of the first
        answer("rs-2", other, "open", -INSTANT),
    ]
    found = wide(spark, contact_history, {"contacts": [first, second, other], "responses": responses})
    assert {c: r["last_offer_outcome"] for c, r in found.items()} == {"c-a5": "ignored", "c-a6": "ignored"}
    # the second send is gone, and the click is seen to be of the first
    found = wide(spark, contact_history, {"contacts": [first], "responses": responses})
    assert found["c-a5"]["last_offer_outcome"] == "clicked"


def test_the_last_send_that_is_old_enough(spark: SparkSession) -> None:
    """A send exactly 28 days old is judged, one an instant younger is not; merged accounts have one last send."""
    old, young = send("ct-1", "a0", 28), send("ct-2", "a1", 28, event_ts=AS_OF.ts - timedelta(days=28) + INSTANT)
    responses = [answer("rs-1", old, "redeem", timedelta(days=28) - INSTANT)]
    found = wide(spark, contact_history, {"contacts": [old, young], "responses": responses})["c-a0"]
    assert (found["last_offer_outcome"], found["n_contacts_30"]) == ("converted", 2)


def test_refusals_without_contacts(spark: SparkSession) -> None:
    """Where only responses are delivered, refusals and complaints are still told, and contacts are none."""
    row = answer("rs-1", send("ct-1", "a5", 9), "complaint", timedelta(days=1))
    found = wide(spark, contact_history, {"responses": [row]})["c-a5"]
    assert (found["complaint_n"], found["n_contacts_30"], found["last_offer_outcome"]) == (1, 0, None)
