"""Where customers came from and their first contact, against plain loops and at the edges."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from pyspark.sql import SparkSession

from features.definitions import FeatureParams
from features.families import acquisition
from features.family_params import AcquisitionParams
from tests.features.families.people_world import (
    INSTANT,
    Draws,
    Row,
    Tables,
    assert_equals_oracle,
    days_ago,
    facts_of,
    known,
    net_orders_of,
    order,
    owners,
    refund,
    wide,
    with_future,
)
from tests.features.purchase_world import AS_OF, line

HOUR = timedelta(hours=1)
PARAMS = replace(FeatureParams(), acquisition=AcquisitionParams(min_cohort=2))


def tables_of(seed: int, social: bool) -> Tables:
    """Random sightings and orders, and follows where `social`."""
    draws = Draws(seed, (0, 1, 90, 365))
    sightings: dict[tuple[object, ...], Row] = {}
    for i in range(60):
        named = draws.rng.random() < 0.6
        row = draws.log(
            account_kind=draws.rng.choice(["member", "web", "wechat", "weibo", None]),
            identifier_kind=draws.rng.choice(["phone", "phone", "unionid", "member_no"]),
            identifier=f"h{i % 7}",
            acquisition_source=draws.rng.choice(["search", "store", "kol", None]) if named else None,
            acquisition_medium=draws.rng.choice(["cpc", None]) if named else None,
            acquisition_campaign=draws.rng.choice(["spring", None]) if named else None,
            acquisition_cost=draws.rng.choice([None, Decimal("1.50"), Decimal("12.00")]),
        )
        sightings[row["account_id"], row["identifier_kind"], row["identifier"], row["event_ts"]] = row
        twin = row | {"identifier": "h0", "acquisition_source": "kol"}  # of one moment the smaller identifier is first
        sightings[twin["account_id"], twin["identifier_kind"], "h0", twin["event_ts"]] = twin
    orders = [order(draws, i) for i in range(80)]
    found: Tables = {
        "accounts": list(sightings.values()),
        "transactions": orders,
        "order_status": [refund(draws, i, o) for i, o in enumerate(orders[:20])],
    }
    if social:
        kinds = ["follow", "unfollow", "like"]
        found["social_interactions"] = [
            draws.log(interaction_id=f"si-{i}", interaction_kind=draws.rng.choice(kinds)) for i in range(20)
        ]
    return found


def touches(tables: Tables) -> dict[str, Row]:
    """The first touch of each customer that has one."""
    order = sorted(
        known(tables["accounts"]),
        key=lambda r: (r["event_ts"], r["account_id"], r["identifier_kind"], r["identifier"]),
    )
    names = ("acquisition_source", "acquisition_medium", "acquisition_campaign")
    first: dict[str, Row] = {}
    for r in order:
        if any(r[n] is not None for n in names):
            first.setdefault(r["customer_id"], r)
    return first


def cohort_values(tables: Tables, least: int = 2) -> dict[str, tuple[float, int]]:
    """Source -> mean net amount in the first 90 days, and how many customers."""
    day, cohorts = timedelta(days=1), {}
    begin = known(tables["transactions"])[0]["event_ts"]
    for customer, touch in touches(tables).items():
        if touch["acquisition_source"] and 90 * day <= AS_OF.ts - touch["event_ts"] <= 365 * day:
            if touch["event_ts"] < begin:
                continue
            start = touch["event_ts"]
            spent = sum(
                o["net"]
                for o in net_orders_of(tables)
                if o["customer_id"] == customer and start <= o["event_ts"] < start + 90 * day
            )
            cohorts.setdefault(touch["acquisition_source"], []).append(float(spent))
    return {s: (sum(v) / len(v), len(v)) for s, v in cohorts.items() if len(v) >= least}


def oracle(tables: Tables, customer: str) -> Row:
    """What loops over the raw rows find."""
    seen = [r for r in known(tables["accounts"]) if r["customer_id"] == customer]
    members = [r["event_ts"] for r in seen if r["account_kind"] == "member" or r["identifier_kind"] == "member_no"]
    if "social_interactions" in tables:
        acts = [r for r in known(tables["social_interactions"]) if r["customer_id"] == customer]
        follows = [r["event_ts"] for r in acts if r["interaction_kind"] == "follow"]
    else:
        follows = [r["event_ts"] for r in seen if r["account_kind"] in ("wechat", "weibo")]
    member, follow = min(members, default=None), min(follows, default=None)
    touch = touches(tables).get(customer, {})
    costs: dict[str, Decimal] = {}
    for r in seen:
        if r["acquisition_cost"] is not None:
            costs[r["account_id"]] = max(costs.get(r["account_id"], Decimal(0)), r["acquisition_cost"])
    ordered = [o["days_ago"] for o in known(tables["transactions"]) if o["customer_id"] == customer]
    since = (AS_OF.ts - follow) / HOUR if follow else None
    begin = known(tables["transactions"])[0]["days_ago"]
    after = [days_ago(member) - d for d in ordered if d <= days_ago(member) <= begin] if member else []
    return {
        "acq_source": touch.get("acquisition_source"),
        "acq_medium": touch.get("acquisition_medium"),
        "acq_campaign": touch.get("acquisition_campaign"),
        "acquisition_cost": sum(costs.values()) if costs else None,
        "hours_since_follow": since,
        "in_first_contact_window": since is not None and since <= 24 and member is None,
        "is_member": member is not None,
        "follow_to_member_h": (member - follow) / HOUR if member and follow and member >= follow else None,
        "member_to_first_order_d": min(after, default=None),
        "source_cohort_value": cohort_values(tables).get(touch.get("acquisition_source"), (None, 0))[0],
    }


def test_equals_a_plain_loop_and_ignores_the_future(spark: SparkSession) -> None:
    """Every feature, with and without a log of follows; rows at or after the cut change nothing."""
    for seed, social in ((1, False), (2, True)):
        tables = tables_of(seed, social)
        found = wide(spark, acquisition, tables, PARAMS)
        people = set(owners().values())
        assert_equals_oracle(found, lambda c: oracle(tables, c), people, acquisition.DEFINITIONS)  # noqa: B023
    assert wide(spark, acquisition, with_future(tables), PARAMS) == found
    (fitted,) = acquisition.fitted(facts_of(spark, tables, PARAMS))
    saved = {(r["subject"], r["position"]): r["value"] for r in fitted.collect()}
    expected = cohort_values(tables)
    assert expected
    assert saved == {(s, i): round(v[i], 6) for s, v in expected.items() for i in (0, 1)}


def seen(account: str, ts: object, **more: object) -> Row:
    """A sighting of a WeChat account."""
    row = {"account_id": account, "account_kind": "wechat", "identifier_kind": "unionid", "identifier": "h"}
    return row | {"event_ts": ts, "available_ts": ts} | more


def test_edges_of_the_first_contact(spark: SparkSession) -> None:
    """24 hours are in and an instant more is out; a member is never in, also when another account is the member."""
    day = AS_OF.ts - timedelta(hours=24)
    rows = [
        seen("a5", day),
        seen("a6", day - INSTANT),
        seen("a0", day),
        seen("a1", day + HOUR, account_kind="member", identifier_kind="member_no"),
        seen("a7", day),
        seen("a7", day + HOUR, identifier_kind="member_no", identifier="late", available_ts=AS_OF.ts),
        seen("a8", day - HOUR, identifier_kind="member_no", account_kind="pos"),
        seen("a8", day),
    ]
    # stamped a minute before she became a member at the till
    orders = [line("a8", "o1", day - HOUR - timedelta(minutes=1)), line("a1", "o2", AS_OF.ts - INSTANT)]
    found = wide(spark, acquisition, {"accounts": rows, "transactions": orders})
    inside = {c: r["in_first_contact_window"] for c, r in found.items()}
    assert inside == {"c-a5": True, "c-a6": False, "c-a0": False, "c-a7": True, "c-a8": False}
    assert found["c-a0"]["follow_to_member_h"] == 1.0
    assert found["c-a8"]["follow_to_member_h"] is None  # a member before she followed
    assert found["c-a8"]["member_to_first_order_d"] == 0
    assert found["c-a7"]["is_member"] is False


def test_cohorts_are_old_enough_and_large_enough(spark: SparkSession) -> None:
    """A first touch 90 days old counts, an instant younger does not; a source with too few customers tells nothing."""
    start = AS_OF.ts - timedelta(days=90)
    rows = [
        seen("a5", start, acquisition_source="kol"),
        seen("a6", start - HOUR, acquisition_source="kol"),
        seen("a7", start + INSTANT, acquisition_source="kol"),
        seen("a8", start, acquisition_source="store"),
        seen("a0", start - HOUR - INSTANT, acquisition_source="store"),  # before the log of orders begins
        seen("a9", AS_OF.ts - timedelta(days=365) - INSTANT, acquisition_source="store"),
    ]
    orders = [
        line("a5", "first", start, amount="10.00"),
        line("a4", "the log begins", start - HOUR),
        line("a5", "before", start - INSTANT, amount="500.00"),
        line("a5", "last", AS_OF.ts - INSTANT, amount="4.00"),
        line("a6", "too late", AS_OF.ts - HOUR, amount="500.00"),
        line("a7", "young", AS_OF.ts - HOUR, amount="500.00"),
    ]
    found = wide(spark, acquisition, {"accounts": rows, "transactions": orders}, PARAMS)
    assert {c: r["source_cohort_value"] for c, r in found.items()} == {
        "c-a5": 7.0, "c-a6": 7.0, "c-a7": 7.0, "c-a8": None, "c-a9": None, "c-a0": None,
    }  # fmt: skip
