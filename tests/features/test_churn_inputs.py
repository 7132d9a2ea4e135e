"""What the churn hazard learns from: the features of the wide row, at an earlier cut, with labels of 90 days."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from pyspark.sql import SparkSession

from features.churn_inputs import BUCKETS, churn_rows, input_columns, input_names
from features.definitions import FeatureParams
from features.facts import Facts
from features.families import recency, rhythm
from features.output_tables import CUSTOMER_MAP
from features.source_tables import PRODUCTS, TRANSACTIONS
from tests.features.purchase_world import AS_OF, Row, as_self, frame, line, local, product


def orders() -> list[Row]:
    """Random orders of 40 customers around both cuts, and the moments at their edges."""
    rng = random.Random(2)
    rows = [
        line(
            f"a{c}",
            f"o{c}-{n}",
            local(AS_OF.day - timedelta(days=rng.randint(-10, 400)), rng.uniform(0, 23)),
            amount="3",
        )
        for c in range(40)
        for n in range(rng.randint(1, 9))
    ]
    earlier = AS_OF.plus(-90)
    for name, moment in {
        "at_cut": earlier.ts,
        "at_end": AS_OF.ts,
        "before_end": AS_OF.ts - timedelta(seconds=1),
    }.items():
        rows += [line(name, f"{name}-0", local(earlier.day - timedelta(days=9))), line(name, f"{name}-1", moment)]
    late = line("late", "late-0", earlier.ts - timedelta(days=3))
    return [*rows, {**late, "available_ts": earlier.ts}]


def test_rows_are_the_wide_row_of_an_earlier_cut(spark: SparkSession) -> None:
    """At a cut, the families' own numbers on facts known before it; the label is the next order day within 90."""
    rows = orders()
    tables = {
        "transactions": frame(spark, TRANSACTIONS, rows),
        "products": frame(spark, PRODUCTS, [product("p0")]),
        "customer_map": frame(spark, CUSTOMER_MAP, as_self(r["account_id"] for r in rows)),
    }
    facts, earlier = Facts(tables, AS_OF), Facts(tables, AS_OF.plus(-90))
    found = {r["customer_id"]: r.asDict() for r in churn_rows(facts, 1, BUCKETS).collect()}
    wide = recency.recency_features(earlier.orders).join(earlier.customers, "customer_no", how="inner")
    wide = rhythm.rhythm_features(earlier.orders, earlier.as_of, FeatureParams()).join(wide, "customer_no", how="inner")
    expected = {r["customer_id"]: r.asDict() for r in wide.select("customer_id", *input_columns(facts)).collect()}
    assert {c: {n: r[n] for n in input_names(facts)} for c, r in found.items()} == {
        c: {n: r[n] for n in input_names(facts)} for c, r in expected.items()
    }
    labels = {c: r["next_order"] for c, r in found.items()}
    for customer in found:
        days = [
            (r["event_ts"] - timedelta(hours=5 if r["event_ts"].month in (11, 12) else 4)).date()
            for r in rows
            if r["account_id"] == customer and earlier.as_of.ts <= r["event_ts"] < AS_OF.ts
        ]
        ahead = [(d - earlier.as_of.day).days for d in days]
        assert labels[customer] == (min(ahead) if ahead else None), customer
    assert (labels["at_cut"], labels["at_end"], labels["before_end"]) == (0, None, 89)
    assert "late" not in found


def test_a_sample_is_of_customers(spark: SparkSession) -> None:
    """A smaller sample holds some of the same customers, and each with the same row."""
    rows = orders()
    tables = {
        "transactions": frame(spark, TRANSACTIONS, rows),
        "products": frame(spark, PRODUCTS, [product("p0")]),
        "customer_map": frame(spark, CUSTOMER_MAP, as_self(r["account_id"] for r in rows)),
    }
    facts = Facts(tables, AS_OF)
    everybody = {r["customer_id"]: r for r in churn_rows(facts, 1, BUCKETS).collect()}
    some = churn_rows(facts, 1, BUCKETS // 2).collect()
    assert 0 < len(some) < len(everybody)
    assert all(everybody[r["customer_id"]] == r for r in some)
    assert len(some) == pytest.approx(len(everybody) / 2, abs=12)
