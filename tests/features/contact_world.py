"""A world of five customers and three offers for contact feature tests, written in place."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from features.contact_features import ContactSources
from features.output_tables import CUSTOMER_MAP
from features.source_tables import CONTACTS, OFFER_PRODUCTS, OFFERS, PRODUCTS, RESPONSES, TRANSACTIONS

ZONE = "America/New_York"  # UTC-5 in winter: a local midnight is 05:00 UTC
CONTRACTS = {c.name: c for c in (TRANSACTIONS, CONTACTS, RESPONSES, OFFERS, OFFER_PRODUCTS, PRODUCTS, CUSTOMER_MAP)}


def ts(text: str) -> datetime:
    """`2017-02-01 05:00` in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def line(account: str, order: str, product: str, when: str, amount: str, **more: Any) -> dict[str, Any]:
    """One order line, known at once unless told otherwise."""
    return {
        "order_id": order,
        "line_no": 1,
        "account_id": account,
        "product_id": product,
        "event_ts": ts(when),
        "available_ts": ts(when),
        "quantity": 1,
        "amount": Decimal(amount),
        "list_amount": Decimal(amount),
        "coupon_amount": Decimal(0),
    } | more


def send(account: str, offer: str, when: str, channel: str = "mail", **more: Any) -> dict[str, Any]:
    """One contact."""
    return {
        "contact_id": f"{offer}-{account}-{when}",
        "account_id": account,
        "offer_id": offer,
        "channel": channel,
        "event_ts": ts(when),
        "available_ts": ts(when),
    } | more


def answer(account: str, offer: str, when: str, kind: str = "redeem", **more: Any) -> dict[str, Any]:
    """One response."""
    return {
        "response_id": f"{offer}-{account}-{when}",
        "account_id": account,
        "offer_id": offer,
        "response_kind": kind,
        "event_ts": ts(when),
        "available_ts": ts(when),
    } | more


def offer(offer_id: str, kind: str, first: str, last: str, channel: str | None = "mail") -> dict[str, Any]:
    """One offer, known from long ago."""
    return {
        "offer_id": offer_id,
        "offer_kind": kind,
        "channel": channel,
        "starts_on": datetime.fromisoformat(first).date(),
        "ends_on": datetime.fromisoformat(last).date(),
        "available_ts": ts("2016-01-01 00:00"),
    }


def frame(spark: SparkSession, name: str, rows: list[dict[str, Any]]) -> DataFrame:
    """Rows of a contract's table; columns not given are null."""
    contract = CONTRACTS[name]
    return spark.createDataFrame([tuple(row.get(n) for n in contract.names) for row in rows], contract.ddl())


# products a, b are coffee and in the offers o1 and o2; c is coffee but in none; d is soap
PRODUCT_ROWS = [
    {"product_id": p, "category": c} for p, c in (("a", "coffee"), ("b", "coffee"), ("c", "coffee"), ("d", "soap"))
]
OFFER_ROWS = [
    offer("o1", "A", "2017-03-01", "2017-03-31"),
    offer("o2", "A", "2017-05-01", "2017-05-31"),
    offer("o3", "B", "2017-05-01", "2017-05-20", channel=None),
]
OFFER_PRODUCT_ROWS = [
    {"offer_id": o, "coupon_id": k, "product_id": p}
    for o, k, p in (("o1", "k1", "a"), ("o1", "k2", "b"), ("o2", "k3", "a"), ("o2", "k3", "b"), ("o3", "k4", "d"))
]
MAP_ROWS = [
    {"account_id": a, "customer_id": c, "valid_from": ts(since), "valid_to": ts(until) if until else None}
    for a, c, since, until in (
        ("x", "x", "1900-01-01 00:00", None),
        ("y", "y", "1900-01-01 00:00", None),
        # z was found to be another account of y on 2017-04-20
        ("z", "z", "1900-01-01 00:00", "2017-04-20 00:00"),
        ("z", "y", "2017-04-20 00:00", None),
    )
]
LINE_ROWS = [
    line("x", "1", "a", "2017-04-30 12:00", "4.00", coupon_amount=Decimal("1.00")),
    line("x", "1", "d", "2017-04-30 12:00", "6.00", list_amount=Decimal("10.00")),
    line("x", "2", "c", "2017-03-15 12:00", "5.00"),  # 46 days and 17 hours before the cut
    line("x", "3", "b", "2016-12-01 12:00", "5.00"),  # older than a quarter
    line("x", "4", "a", "2016-04-01 12:00", "99.00"),  # older than a year
    line("z", "5", "d", "2017-04-01 12:00", "2.00"),  # counts for y, who is z
]
CONTACT_ROWS = [
    send("x", "o1", "2017-03-01 05:00"),
    send("x", "o2", "2017-05-01 04:00"),
    send("y", "o2", "2017-05-01 04:00"),
]
RESPONSE_ROWS = [answer("x", "o1", "2017-03-31 16:00"), answer("x", "o1", "2017-03-31 16:30")]


def sources(spark: SparkSession, **changed: list[dict[str, Any]]) -> ContactSources:
    """The world's tables, some replaced."""
    rows = {
        "transactions": LINE_ROWS,
        "contacts": CONTACT_ROWS,
        "responses": RESPONSE_ROWS,
        "offers": OFFER_ROWS,
        "offer_products": OFFER_PRODUCT_ROWS,
        "products": PRODUCT_ROWS,
        "customer_map": MAP_ROWS,
    } | changed
    return ContactSources(**{name: frame(spark, name, table) for name, table in rows.items()})
