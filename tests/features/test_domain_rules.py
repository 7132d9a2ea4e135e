"""Each rule of the trade finds its bad row, and leaves the good one next to it alone."""

from typing import Any

import pytest
from pyspark.sql import SparkSession

from features.domain_rules import OWN, domain_rules
from features.quality import with_broken_rules
from features.quality_rules import row_rules
from features.source_tables import SOURCES
from tests.features.source_rows import BY_NAME, arriving, good_row

LOGS = [c.name for c in SOURCES if {"event_ts", "available_ts"} <= set(c.names)]
AT, EARLIER, DAYS_EARLIER = "2026-01-05T11:32:00Z", "2026-01-05T11:31:59Z", "2026-01-03T11:32:00Z"

# table -> (changes of a good row that break nothing, changes that break the named rule, the rule)
CASES: dict[str, list[tuple[dict[str, Any], dict[str, Any], str]]] = {
    "transactions": [
        ({"quantity": 1}, {"quantity": 0}, "quantity is 0"),
        ({"list_amount": "118.00"}, {"list_amount": "117.99"}, "list_amount is less than amount"),
        ({"coupon_amount": "138.00"}, {"coupon_amount": "138.01"}, "coupon_amount is more than list_amount"),
    ],
    "order_status": [
        ({"status": "closed", "amount": None}, {"amount": None}, "states no amount paid or refunded"),
    ],
    "customers": [
        ({"birth_date": "1931-05-01"}, {"birth_date": "2025-03-03"}, "born after it was known"),
        ({"birth_date": "1900-01-01"}, {"birth_date": "1899-12-31"}, "birth_date is before 1900"),
    ],
    "products": [({"launched_on": "1985-01-01"}, {"launched_on": "1899-12-31"}, "launched_on is before 1900")],
    "browsing": [
        ({"dwell_seconds": 86_400}, {"dwell_seconds": 86_401}, "dwell_seconds above a day"),
        ({"dwell_seconds": 0}, {"dwell_seconds": -1}, "dwell_seconds below 0"),
        ({"product_id": None, "category": "shirts"}, {"product_id": None}, "viewed nothing"),
        ({"event_kind": "search", "query": "shirt"}, {"event_kind": "search"}, "searched for nothing"),
    ],
    "cart_events": [({"event_kind": "remove", "quantity": 0}, {"quantity": 0}, "adds 0 units")],
    "store_visits": [({"minutes": 1440}, {"minutes": 1441}, "stayed for more than a day")],
    "coupons_issued": [
        ({"expires_ts": "2026-01-02T02:00Z"}, {"expires_ts": "2026-01-01T00:00:00Z"}, "expires before it was issued"),
        ({"value": "100.00"}, {"value": "100.01"}, "takes off more than the basket"),
    ],
    "points_ledger": [
        ({"points": 0}, {"points": -1}, "earns less than 0 points"),
        ({"entry_kind": "burn", "points": -5}, {"entry_kind": "burn", "points": 5}, "burns more than 0 points"),
        ({"entry_kind": "expire", "points": -5}, {"entry_kind": "expire", "points": 5}, "expires more than 0 points"),
        ({"entry_kind": "adjust", "points": -5}, {"expires_ts": DAYS_EARLIER}, "expire before they were earned"),
    ],
    "tier_history": [({"expires_on": "2025-09-01"}, {"expires_on": "2025-08-30"}, "expires before it begins")],
    "referrals": [({}, {"referred_account_id": "m-100017"}, "refers itself")],
    "service_cases": [
        ({"closed_ts": "2026-01-10T06:20:00Z"}, {"closed_ts": "2026-01-10T06:19:00Z"}, "closed before it was opened"),
    ],
    "channels": [
        ({"hour_from": 9, "hour_to": 10}, {"hour_from": 9, "hour_to": 9}, "stops sending before it starts"),
        ({"contact_cost": "0"}, {"contact_cost": "-0.01"}, "contact_cost below 0"),
    ],
    "offers": [({"ends_on": "2026-01-02"}, {"ends_on": "2026-01-01"}, "ends before it starts")],
    "product_eligibility": [
        ({}, {"category": None}, "names no product and no category"),
        ({"category": None, "product_id": "p-1"}, {"product_id": "p-1"}, "names a product and a category"),
        ({"attribute": "store"}, {"value": " "}, "says of no customers"),
        ({"attribute": "all", "value": None}, {"attribute": "all"}, "says of all customers and of some"),
        ({"valid_from": AT}, {"valid_from": AT, "valid_to": AT}, "ends before it begins"),
        ({"action": "allow"}, {"action": "hide"}, "action is not allowed"),
        ({"attribute": "tier"}, {"attribute": "city"}, "attribute is not allowed"),
    ],
    "contacts": [({"logging_propensity": 0.01}, {"logging_propensity": 0}, "logging_propensity is 0")],
    "holdouts": [({"logging_propensity": None}, {"logging_propensity": 0}, "logging_propensity is 0")],
    "reviews": [({"rating": 1}, {"rating": 6}, "rating above 5")],
    "social_tags": [({"score": 1}, {"score": 1.01}, "score above 1")],
    "social_stats": [({"followers": 0}, {"followers": -1}, "followers below 0")],
    "consents": [({"action": "withdrawn"}, {"action": "asked"}, "action is not allowed")],
    "calendar": [({"event_kind": "payday"}, {"event_kind": "rain"}, "event_kind is not allowed")],
    "social_interactions": [({}, {"interaction_kind": "x"}, "interaction_kind is not allowed")],
    "coupons_redeemed": [({"amount": "0"}, {"amount": "-0.01"}, "amount below 0")],
    "responses": [({"response_kind": "open"}, {"response_kind": "read"}, "response_kind is not allowed")],
    "offer_products": [({}, {"product_id": ""}, "product_id is empty")],
    "accounts": [({"acquisition_cost": None}, {"acquisition_cost": "-1"}, "acquisition_cost below 0")],
    "social_posts": [({"is_repost": True}, {"text": " "}, "text is empty")],
}  # fmt: skip


def test_every_table_has_a_case() -> None:
    """No source table is left out."""
    assert set(CASES) == set(BY_NAME)


def test_every_rule_is_tried(spark: SparkSession) -> None:
    """Every rule that stands in domain_rules.py is named by a case."""
    for table in OWN:
        named = {rule for _, _, rule in CASES[table]}
        times = {r.name for r in domain_rules(BY_NAME[table])[: 2 if table in LOGS else 0]}
        assert {r.name for r in domain_rules(BY_NAME[table])} - times <= named, table


@pytest.mark.parametrize("table", CASES)
def test_rows_good_and_bad(spark: SparkSession, table: str) -> None:
    """A bad row breaks exactly its rule; the good row next to it none."""
    rows = [good_row(table, **changes) for good, bad, _ in CASES[table] for changes in (good, bad)]
    expected = [rules for _, _, rule in CASES[table] for rules in ([], [rule])]
    if table in LOGS:  # what happened is known at once, later, a moment too early, days too early
        first, second = (r.name for r in domain_rules(BY_NAME[table])[:2])
        other = {"expires_ts": None} if table == "coupons_issued" else {}
        for known, rules in ((AT, []), (EARLIER, [first]), (DAYS_EARLIER, [first, second])):
            rows.append(good_row(table, event_ts=AT, available_ts=known, **other))
            expected.append(rules)
    marked = with_broken_rules(arriving(spark, table, rows), row_rules(BY_NAME[table]))
    found = marked.selectExpr("source_row", "concat(broken, warned) as rules").orderBy("source_row").collect()
    assert [sorted(r["rules"]) for r in found] == [sorted(e) for e in expected]


def test_identities_are_held_to_more(spark: SparkSession) -> None:
    """A sighting known days before it happened is refused; elsewhere it earns a warning."""
    for table, severity in (("accounts", "quarantine"), ("browsing", "warn")):
        rules = {r.name: r.severity for r in domain_rules(BY_NAME[table])}
        assert rules["known a day before it happened"] == severity
