"""Who is a customer at a cut, and since when."""

from __future__ import annotations

from datetime import date, timedelta

from pyspark.sql import SparkSession

from features.as_of import AsOf
from features.facts import Facts
from features.output_tables import CUSTOMER_MAP
from features.population import population, population_days
from features.source_tables import CART_EVENTS, CUSTOMERS, PRODUCTS, TRANSACTIONS
from tests.features.purchase_world import ALWAYS, AS_OF, ZONE, Row, frame, line, local, product

DAY = date(2017, 11, 1)


def test_everybody_has_a_first_day(spark: SparkSession) -> None:
    """Orders, records and carts make a customer, from the day on which the first was known; two accounts are one; what
    comes at or after the cut, or states no moment, makes nobody one."""
    mapped: list[Row] = [
        {"account_id": a, "customer_id": c, "valid_from": ALWAYS}
        for a, c in (("a1", "A"), ("a2", "A"), ("b", "B"), ("c", "C"), ("d", "D"), ("e", "E"))
    ]
    records: list[Row] = [
        {"account_id": "a2", "available_ts": local(DAY - timedelta(days=9))},
        {"account_id": "b", "available_ts": local(DAY, 1)},
        {"account_id": "d", "available_ts": local(AS_OF.day)},
        {"account_id": "e", "available_ts": None},
    ]
    late = local(DAY, 23) + timedelta(days=2)
    cart: Row = {
        "account_id": "c",
        "event_kind": "add",
        "product_id": "p0",
        "event_ts": local(DAY),
        "available_ts": late,
    }
    tables = {
        "customer_map": frame(spark, CUSTOMER_MAP, mapped),
        "transactions": frame(spark, TRANSACTIONS, [line("a1", "o1", local(DAY))]),
        "products": frame(spark, PRODUCTS, [product("p0")]),
        "customers": frame(spark, CUSTOMERS, records),
        "cart_events": frame(spark, CART_EVENTS, [{"event_id": "1"} | cart]),
    }
    facts = Facts(tables, AS_OF)
    found = {row["customer_id"]: row["day"] for row in population_days(facts).collect()}
    assert found == {"A": DAY - timedelta(days=9), "B": DAY, "C": DAY + timedelta(days=2)}
    assert {row["customer_id"] for row in population(facts).collect()} == set(found)
    # the day before a cut, and no other, says who was there
    then = population(Facts(tables, AsOf(DAY, ZONE))).collect()
    assert {row["customer_id"] for row in then} == {"A"}
