"""Contacts by channel, against a plain loop and at the edges."""

from dataclasses import replace
from datetime import timedelta

import pytest
from pyspark.sql import SparkSession

from features.definitions import FeatureParams
from features.families import channel_features
from features.family_params import ContactHistoryParams
from tests.features.families.people_world import (
    INSTANT,
    Row,
    Tables,
    assert_equals_oracle,
    facts_of,
    known,
    owners,
    with_future,
)
from tests.features.families.send_world import CHANNELS, rate_of, send_tables, sends_of, smoothed
from tests.features.families.test_contact_history import answer, send
from tests.features.purchase_world import AS_OF

ASSUMED = {"sms": 0.001}
PARAMS = replace(FeatureParams(), contact_history=ContactHistoryParams(open_prior=ASSUMED, best_hour_support=2))


def built(spark: SparkSession, tables: Tables, params: FeatureParams = PARAMS) -> dict[tuple[str, str], Row]:
    """(customer, channel) -> row; one row each."""
    rows = [r.asDict() for r in channel_features.rows(facts_of(spark, tables, params)).collect()]
    found = {(r.pop("customer_id"), r.pop("channel")): r for r in rows}
    assert len(found) == len(rows)
    return found


def matured(sends: list[Row], channel: str, customer: str | None = None, days: int = 180) -> dict[str, int]:
    """Counts of the sends of a window whose time is over."""
    mine = [
        s for s in sends if s["channel"] == channel and customer in (None, s["customer_id"]) and s["days_ago"] <= days
    ]
    quick, slow = ([s for s in mine if s[c]] for c in ("answer_closed", "convert_closed"))
    return {
        "n_delivered_180": sum(s["arrived"] for s in quick),
        "n_opened_180": sum(s["opened"] for s in quick),
        "n_clicked_180": sum(s["clicked"] for s in quick),
        "n_conv_delivered_180": sum(s["arrived"] for s in slow),
        "n_converted_180": sum(s["converted"] for s in slow),
    }


def rates(sends: list[Row], channel: str) -> dict[str, float | None]:
    """The rates of all customers."""
    n = matured(sends, channel)
    return {
        "open": rate_of(n["n_opened_180"], n["n_delivered_180"], ASSUMED.get(channel, 0.02)),
        "click": rate_of(n["n_clicked_180"], n["n_delivered_180"], 0.005),
        "conv": rate_of(n["n_converted_180"], n["n_conv_delivered_180"], 0.02),
    }


def oracle(tables: Tables, sends: list[Row], customer: str, channel: str) -> Row:
    """What loops over the raw rows find."""
    mine = [s for s in sends if (s["customer_id"], s["channel"]) == (customer, channel)]
    rate, n, month = rates(sends, channel), matured(sends, channel, customer), matured(sends, channel, customer, 30)
    own = smoothed(n["n_opened_180"], n["n_delivered_180"], rate["open"])
    lately = smoothed(month["n_opened_180"], month["n_delivered_180"], rate["open"])
    of = {s["contact_id"]: s["channel"] for s in known(tables["contacts"])}
    said = [
        r["channel"] or of.get(r["contact_id"])
        for r in known(tables["responses"])
        if (r["customer_id"], r["response_kind"]) == (customer, "unsubscribe")
    ]
    last = max((s["event_ts"] for s in mine), default=None)
    return n | {
        "n_contacts_7": sum(s["days_ago"] <= 7 for s in mine),
        "n_contacts_30": sum(s["days_ago"] <= 30 for s in mine),
        "hours_since_last_contact": (AS_OF.ts - last) / timedelta(hours=1) if last else None,
        "open_rate": own,
        "click_rate": smoothed(n["n_clicked_180"], n["n_delivered_180"], rate["click"]),
        "conv_rate": smoothed(n["n_converted_180"], n["n_conv_delivered_180"], rate["conv"]),
        "fatigue": float(sum(2 ** (-s["days_ago"] / 7) for s in mine)),
        "response_decline": lately / own if lately is not None and own is not None else None,
        "unsub": channel in said or None in said,
        "reach_ok": False,
        "reach_known": False,
        "best_send_hour": _best_hour(mine, own) if n["n_opened_180"] >= 2 else None,
    }


def _best_hour(mine: list[Row], own: float | None) -> int | None:
    good = [s for s in mine if s["answer_closed"] and s["arrived"] and s["days_ago"] <= 180]
    hours = {s["hour"]: [x for x in good if x["hour"] == s["hour"]] for s in good}
    ranked = {h: smoothed(sum(x["opened"] for x in v), len(v), own) or 0.0 for h, v in hours.items()}
    return max(sorted(ranked), key=lambda h: round(ranked[h], 6), default=None)


def test_equals_a_plain_loop_and_ignores_the_future(spark: SparkSession) -> None:
    """Every feature of random sends and answers; what happened or was known at the cut or later changes nothing."""
    tables = send_tables(7, 500, 900)
    sends = sends_of(tables)
    found = built(spark, tables)
    expected = {(s["customer_id"], s["channel"]) for s in sends}
    named = [r for r in known(tables["responses"]) if r["response_kind"] == "unsubscribe"]
    of = {s["contact_id"]: s["channel"] for s in sends}
    expected |= {(r["customer_id"], c) for r in named if (c := r["channel"] or of.get(r["contact_id"]))}
    assert set(found) == expected
    assert_equals_oracle(found, lambda k: oracle(tables, sends, *k), expected, channel_features.DEFINITIONS)
    assert set(owners().values()) == {c for c, _ in expected}
    assert built(spark, with_future(tables)) == found
    (fitted,) = channel_features.fitted(facts_of(spark, tables, PARAMS))
    saved = {(r["feature"], r["subject"]): r["value"] for r in fitted.collect() if r["position"] == 0}
    for channel in CHANNELS:
        for name, value in rates(sends, channel).items():
            assert saved[f"channel_{name}_rate", channel] == pytest.approx(value, abs=1e-8)


def test_edges_of_windows(spark: SparkSession) -> None:
    """An answer counts up to its last instant; a send counts once its time is over, not an instant before."""
    day = timedelta(days=1)
    a, b = send("ct-1", "a5", 7), send("ct-2", "a6", 7, event_ts=AS_OF.ts - 7 * day + INSTANT)
    c, d = send("ct-3", "a7", 100), send("ct-4", "a8", 100)
    e = send("ct-5", "a9", 100)
    responses = [
        answer("rs-1", a, "open", 7 * day - INSTANT),
        answer("rs-2", b, "open", day),
        answer("rs-3", c, "open", 7 * day),  # too late to count, but it proves that the send arrived
        answer("rs-4", d, "bounced", day),
        answer("rs-5", e, "bounced", day),
        answer("rs-6", e, "open", 2 * day),  # bounced, it said, and was opened all the same
    ]
    found = built(spark, {"contacts": [a, b, c, d, e], "responses": responses})
    counts = {k[0]: (r["n_delivered_180"], r["n_opened_180"]) for k, r in found.items()}
    assert counts == {"c-a5": (1, 1), "c-a6": (0, 0), "c-a7": (1, 0), "c-a8": (0, 0), "c-a9": (1, 1)}
    assert found["c-a6", "sms"]["open_rate"] is None
    assert found["c-a8", "sms"]["open_rate"] is None


def test_what_is_not_reported_delivered(spark: SparkSession) -> None:
    """Once a channel reports deliveries a send without a report did not arrive, unless an answer proves it."""
    day = timedelta(days=1)
    early, first, lost, proved = (send(f"ct-{i}", f"a{i}", 100 - i) for i in (5, 6, 7, 8))
    responses = [answer("rs-1", first, "delivered", day), answer("rs-2", proved, "open", day)]
    found = built(spark, {"contacts": [early, first, lost, proved], "responses": responses})
    assert {k[0]: r["n_delivered_180"] for k, r in found.items()} == {"c-a5": 1, "c-a6": 1, "c-a7": 0, "c-a8": 1}


def test_reach_and_refusals(spark: SparkSession) -> None:
    """Reach as `features/reach.py` tells it: yes, no, or not known; a refusal alone makes a row."""
    sent = [send("ct-1", a, 20) for a in ("a5", "a6", "a7")]
    day = {"event_ts": AS_OF.plus(-40).ts, "available_ts": AS_OF.plus(-40).ts}
    phone = {"identifier_kind": "phone", "identifier": "h"}
    said = {"purpose": "marketing", "action": "granted", "channel": "any"}
    row = answer("rs-1", send("ct-9", "a8", 9), "unsubscribe", timedelta(days=1), contact_id=None)
    tables: Tables = {
        "contacts": [s | {"contact_id": f"ct-{i}"} for i, s in enumerate(sent)],
        "responses": [row],
        "channels": [{"channel": "sms", "address_kind": "phone", "contact_cost": 0}],
        "accounts": [phone | day | {"account_id": a} for a in ("a5", "a6")],
        "consents": [said | day | {"account_id": "a5"}, said | day | {"account_id": "a7"}],
    }
    found = built(spark, tables)
    reach = {k[0]: (r["reach_ok"], r["reach_known"], r["unsub"]) for k, r in found.items()}
    assert reach == {
        "c-a5": (True, True, False),
        "c-a6": (False, True, False),  # no consent
        "c-a7": (False, True, False),  # no address
        "c-a8": (False, True, True),
    }
    assert (found["c-a8", "sms"]["n_contacts_30"], found["c-a8", "sms"]["fatigue"]) == (0, 0.0)
