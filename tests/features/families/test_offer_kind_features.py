"""What customers make of kinds of offers, against a plain loop."""

import pytest
from pyspark.sql import SparkSession

from features.families import offer_kind_features
from tests.features.families.people_world import Row, Tables, assert_equals_oracle, facts_of, with_future
from tests.features.families.send_world import OFFERS, rate_of, send_tables, sends_of, smoothed


def built(spark: SparkSession, tables: Tables) -> dict[tuple[str, str], Row]:
    """(customer, offer_kind) -> row; one row each."""
    rows = [r.asDict() for r in offer_kind_features.rows(facts_of(spark, tables)).collect()]
    found = {(r.pop("customer_id"), r.pop("offer_kind")): r for r in rows}
    assert len(found) == len(rows)
    return found


def test_equals_a_plain_loop_and_ignores_the_future(spark: SparkSession) -> None:
    """Sends, responses and smoothed rates per kind; an offer that was not described before the cut has no kind."""
    tables = send_tables(3)
    good = [
        s | {"kind": OFFERS[s["offer_id"]]}
        for s in sends_of(tables)
        if s["convert_closed"] and s["arrived"] and s["days_ago"] <= 365 and s["offer_id"] in ("o1", "o2")
    ]

    def count(kind: str, customer: str | None = None) -> tuple[int, int]:
        mine = [s for s in good if s["kind"] == kind and customer in (None, s["customer_id"])]
        return len(mine), sum(s["clicked"] or s["converted"] for s in mine)

    def oracle(key: tuple[str, str]) -> Row:
        (n, x), (all_n, all_x) = count(key[1], key[0]), count(key[1])
        rate = rate_of(all_x, all_n, 0.02)
        return {"n_sends_365": n, "n_responses_365": x, "offer_type_resp": smoothed(x, n, rate)}

    found = built(spark, tables)
    expected = {(s["customer_id"], s["kind"]) for s in good}
    assert set(found) == expected
    assert_equals_oracle(found, oracle, expected, offer_kind_features.DEFINITIONS)
    more = with_future({n: tables[n] for n in ("contacts", "responses")})
    assert built(spark, more | {"offers": tables["offers"]}) == found
    (fitted,) = offer_kind_features.fitted(facts_of(spark, tables))
    saved = {(r["subject"], r["position"]): r["value"] for r in fitted.collect()}
    for kind in ("coupon", "content"):
        n, x = count(kind)
        assert saved[kind, 0] == pytest.approx(rate_of(x, n, 0.02), abs=1e-8)
        assert saved[kind, 1] == n
