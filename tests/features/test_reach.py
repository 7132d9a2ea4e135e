"""Reach: address, consent and refusals, each as known at the moment asked about."""

from datetime import UTC, datetime

import pytest

from features.as_of import AsOf
from features.contract import contract_index
from features.reach import ReachParams, ReachSources, as_addresses, as_reach
from features.source_tables import SOURCES

CONTRACTS = contract_index([SOURCES])
CUT = datetime(2026, 1, 10, tzinfo=UTC)


def day(n: int, month: int = 1) -> datetime:
    """A day of early 2026."""
    return datetime(2026, month, n, tzinfo=UTC)


def frame(spark, name, rows):
    """Rows of a source table; what happened was known at once unless told otherwise."""
    contract = CONTRACTS[name]
    full = [{"available_ts": r.get("event_ts"), **r} for r in rows]
    return spark.createDataFrame([tuple(r.get(n) for n in contract.names) for r in full], contract.ddl())


def seen(account, kind, when, **more):
    """A sighting of an identifier."""
    return {"account_id": account, "identifier_kind": kind, "identifier": "h", "event_ts": when} | more


def said(account, channel, action, when, **more):
    """A consent event."""
    return {
        "account_id": account,
        "channel": channel,
        "purpose": "marketing",
        "action": action,
        "event_ts": when,
    } | more


CHANNELS = [
    {"channel": "sms", "address_kind": "phone", "contact_cost": None},
    {"channel": "display", "address_kind": "device", "needs_consent": False},
    {"channel": "staff", "address_kind": "visit", "needs_consent": False},
    {"channel": "parcel", "address_kind": "parcel", "needs_consent": False},
    {"channel": "smoke", "address_kind": "hilltop", "needs_consent": False},
]
PEOPLE = {"a1": "ann", "a2": "ann", "b": "bob", "c": "cat"}


def reach(spark, *, cut=CUT, channels=("sms",), people=("ann", "bob", "cat"), **tables):
    """(customer, channel) -> (reachable, unreachable_because); a table that is not given was not delivered."""
    made = {name: frame(spark, name, rows) for name, rows in tables.items()}
    made.setdefault("transactions", frame(spark, "transactions", []))
    sources = ReachSources(
        channels=frame(spark, "channels", CHANNELS),
        customers=spark.createDataFrame(list(PEOPLE.items()), "account_id string, customer_id string"),
        **made,
    )
    pairs = spark.createDataFrame(
        [(p, c, cut) for p in people for c in channels], "customer_id string, channel string, cut timestamp"
    )
    rows = as_reach(pairs, sources, ReachParams(visit_days=30, parcel_days=7)).toArrow().to_pylist()
    assert len(rows) == len(people) * len(channels)
    return {(r["customer_id"], r["channel"]): (r["reachable"], r["unreachable_because"]) for r in rows}


YES = (True, None)


def test_a_message_goes_to_the_account_where_the_address_was_seen_last(spark) -> None:
    """Ann's phone was last seen on a2; a later sighting, an unusable and a not yet known one do not count."""
    sightings = [
        seen("a1", "phone", day(2)),
        seen("a2", "phone", day(5)),
        seen("a1", "phone", day(11)),
        seen("a1", "phone", day(7), identifier_state="blocked"),
        seen("a1", "phone", day(8), available_ts=day(20)),
        seen("a1", "unionid", day(3)),
        seen("b", "email", day(4)),
    ]
    people = spark.createDataFrame(list(PEOPLE.items()), "account_id string, customer_id string")
    rows = as_addresses(frame(spark, "accounts", sightings), people, AsOf(CUT.date())).collect()
    assert {(r["customer_id"], r["address_kind"]): r["address_account"] for r in rows} == {
        ("ann", "phone"): "a2",
        ("ann", "unionid"): "a1",
        ("bob", "email"): "b",
    }


def test_address_and_consent_of_any_account_known_before_the_cut(spark) -> None:
    """Ann's phone and consent lie on two accounts; Bob's number became known later; Cat's is blocked."""
    accounts = [
        seen("a1", "phone", day(1)),
        seen("b", "phone", day(1), available_ts=day(11)),
        seen("c", "phone", day(1), identifier_state="blocked"),
    ]
    consents = [said(a, "any", "granted", day(2)) for a in ("a2", "b", "c")]
    found = reach(spark, accounts=accounts, consents=consents)
    assert found == {("ann", "sms"): YES, ("bob", "sms"): (False, "no_address"), ("cat", "sms"): (False, "no_address")}
    early = reach(spark, cut=day(2), accounts=accounts, consents=consents)
    assert early["ann", "sms"] == (False, "no_consent")  # granted at the cut is not known before it


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], (False, "no_consent")),
        ([said("a1", "email", "granted", day(2))], (False, "no_consent")),  # another channel
        ([said("a1", "sms", "granted", day(2), purpose="profiling")], (False, "no_consent")),
        ([said("a1", "sms", "granted", day(2)), said("a2", "any", "withdrawn", day(3))], (False, "no_consent")),
        ([said("a1", "any", "withdrawn", day(2)), said("a2", "sms", "granted", day(3))], YES),
        ([said("a1", "sms", "granted", day(2)), said("a2", "sms", "withdrawn", day(2))], (False, "no_consent")),
        ([said("a1", "sms", "granted", day(2)), said("a1", "sms", "withdrawn", day(10))], YES),  # at the cut
    ],
)
def test_the_last_word_about_marketing_counts(spark, events, expected) -> None:
    """Over all accounts and `any`; at one moment a withdrawal wins; nothing on file is no consent."""
    found = reach(spark, people=("ann",), accounts=[seen("a1", "phone", day(1))], consents=events)
    assert found["ann", "sms"] == expected


def test_an_unsubscribe_closes_its_channel_or_all(spark) -> None:
    """Ann's names the channel, Bob's names its send, Cat's names neither; display stays open to Ann and Bob."""
    tables = {
        "accounts": [seen(a, k, day(1)) for a in ("a1", "b", "c") for k in ("phone", "device")],
        "consents": [said(a, "sms", "granted", day(2)) for a in ("a1", "b", "c")],
        "contacts": [{"contact_id": "s1", "account_id": "b", "offer_id": "o", "channel": "sms", "event_ts": day(3)}],
        "responses": [
            {"account_id": "a2", "response_kind": "unsubscribe", "event_ts": day(4), "channel": "sms"},
            {"account_id": "b", "response_kind": "unsubscribe", "event_ts": day(4), "contact_id": "s1"},
            {"account_id": "c", "response_kind": "unsubscribe", "event_ts": day(4)},
        ],
    }
    found = reach(spark, channels=("sms", "display"), **tables)
    closed = {key for key, (reachable, _) in found.items() if not reachable}
    assert closed == {("ann", "sms"), ("bob", "sms"), ("cat", "sms"), ("cat", "display")}
    assert {found[key][1] for key in closed} == {"unsubscribed"}
    before = reach(spark, cut=day(4), channels=("sms", "display"), **tables)
    assert set(before.values()) == {YES}


def test_visits_and_parcels_are_addresses_for_a_while(spark) -> None:
    """Store staff meet who came or bought in a store lately; a parcel insert needs an order that is shipped."""
    bought = {"order_id": "1", "account_id": "b", "product_id": "p", "event_ts": day(5)}
    lines = [bought | {"sales_channel": "app"}, bought | {"order_id": "2", "account_id": "c", "store_id": "s1"}]
    visits = [{"visit_id": "v", "account_id": "a1", "store_id": "s1", "event_ts": day(1)}]
    tables = {"transactions": lines, "store_visits": visits}
    found = reach(spark, channels=("staff", "parcel"), **tables)
    assert {key for key, (reachable, _) in found.items() if reachable} == {
        ("ann", "staff"), ("bob", "parcel"), ("cat", "staff")
    }  # fmt: skip
    later = reach(spark, cut=day(20, 2), channels=("staff", "parcel"), **tables)
    assert not any(reachable for reachable, _ in later.values())


def test_what_the_sources_do_not_say_is_null(spark) -> None:
    """Without accounts an address is unknown, without consents so is consent; a kind nobody knows is unknown too."""
    found = reach(spark, people=("ann",), channels=("sms", "display", "smoke"))
    assert set(found.values()) == {(None, None)}
    phones = [seen("a1", "phone", day(1))]
    assert reach(spark, people=("ann", "bob"), accounts=phones) == {
        ("ann", "sms"): (None, None), ("bob", "sms"): (False, "no_address")
    }  # fmt: skip
