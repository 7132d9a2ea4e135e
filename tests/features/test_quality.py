"""Rules find what they say, and no row is lost on the way."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from features.as_of import OPEN_START
from features.contract import Contract
from features.errors import SettingsError
from features.quality import (
    arriving_contract,
    as_contract,
    good_rows,
    later_copies,
    outcome_counts,
    repeated_keys,
    rule_counts,
    with_broken_rules,
    with_duplicates,
    with_violations,
)
from features.quality_rules import check_severities, row_rules
from features.set_rules import orphans
from features.source_tables import OFFERS, PRODUCTS, SOURCES, TRANSACTIONS

NOON = datetime(2017, 5, 1, 12, tzinfo=UTC)
LINE: dict[str, Any] = {
    "order_id": "o1",
    "line_no": 1,
    "account_id": "a",
    "product_id": "p",
    "event_ts": NOON,
    "quantity": 1,
    "amount": 2.5,
}
OFFER: dict[str, Any] = {"offer_id": "o", "offer_kind": "A", "starts_on": date(2017, 1, 2), "ends_on": date(2017, 1, 9)}


def frame(spark: SparkSession, contract: Contract, rows: list[dict[str, Any]]) -> DataFrame:
    """Rows in arriving form, each with its place."""
    arriving = arriving_contract(contract)
    placed = [row | {"source_file": "f.csv", "source_row": i} for i, row in enumerate(rows, start=1)]
    return spark.createDataFrame([tuple(r.get(n) for n in arriving.names) for r in placed], arriving.ddl())


def judged(spark: SparkSession, contract: Contract, rows: list[dict[str, Any]]) -> DataFrame:
    """Rows with `broken` and `warned` after the row rules and the key rule."""
    marked = with_broken_rules(frame(spark, contract, rows), row_rules(contract))
    return with_duplicates(marked, later_copies(marked, contract, repeated_keys(marked, contract)))


def broken(df: DataFrame) -> list[list[str]]:
    """The reasons per row, in order of arrival."""
    return [row["broken"] for row in df.orderBy("source_row").select("broken").collect()]


def test_each_bad_value_is_named(spark: SparkSession) -> None:
    """A row breaks exactly the rules that its bad value is about, and a good row none."""
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({}, []),
        ({"account_id": None}, ["account_id is null"]),
        ({"product_id": None}, ["product_id is null"]),
        ({"account_id": "  "}, ["account_id is empty"]),
        ({"amount": -0.01}, ["amount below 0"]),
        ({"amount": float("nan")}, ["amount is not finite"]),
        ({"amount": float("inf")}, ["amount is not finite", "amount above 1e+09"]),
        ({"amount": 2e9}, ["amount above 1e+09"]),
        ({"quantity": -1}, ["quantity below 0"]),
        ({"line_no": 2**31}, ["line_no does not fit"]),
        ({"event_ts": datetime(1970, 1, 1, tzinfo=UTC)}, ["event_ts is before 1990"]),
        ({"event_ts": datetime(2262, 4, 11, tzinfo=UTC)}, ["event_ts is after 2100"]),
        ({"event_ts": OPEN_START}, ["event_ts is before 1990"]),  # an event is never "from always"
        ({"store_id": "s\0"}, ["store_id holds a NUL character"]),
        ({"store_id": "é" * 40_000}, ["store_id is longer than 64 KiB"]),  # 80,000 bytes
        ({"store_id": "买🍎"}, []),
        ({"amount": None, "quantity": None}, ["quantity is null", "amount is null"]),
    ]
    rows = [LINE | {"order_id": f"o{i}"} | change for i, (change, _) in enumerate(cases)]
    found = broken(judged(spark, TRANSACTIONS, rows))
    assert [sorted(f) for f in found] == [sorted(expected) for _, expected in cases]


def test_warnings_leave_the_row(spark: SparkSession) -> None:
    """Quantity 0 and blanks around an id are told, and the rows stay."""
    df = judged(spark, TRANSACTIONS, [LINE | {"quantity": 0}, LINE | {"order_id": "o2 "}])
    assert broken(df) == [[], []]
    counts = {r["rule"]: r["rows"] for r in rule_counts(df).collect()}
    assert counts == {"quantity is 0": 1, "order_id has blanks around it": 1}
    counted = outcome_counts(df).collect()[0].asDict()
    assert {k: counted[k] for k in ("rows", "good", "quarantined", "warned")} == {
        "rows": 2,
        "good": 2,
        "quarantined": 0,
        "warned": 2,
    }


def test_domain_rule_of_offers(spark: SparkSession) -> None:
    """An offer that ends before it starts is refused."""
    df = judged(spark, OFFERS, [OFFER, OFFER | {"offer_id": "o2", "ends_on": date(2017, 1, 1)}])
    assert broken(df) == [[], ["ends before it starts"]]


def test_first_of_a_repeated_key_stays(spark: SparkSession) -> None:
    """Later rows with the same key are refused and name the first; a row that is bad anyway is no first."""
    rows = [LINE | {"amount": -1.0}, LINE, LINE | {"amount": 9.0}, LINE, LINE | {"line_no": 2}]
    df = judged(spark, TRANSACTIONS, rows)
    copy = ["duplicate of f.csv row 2"]
    assert broken(df) == [["amount below 0"], [], copy, copy, []]
    assert {r["rule"]: r["rows"] for r in rule_counts(df).collect()} == {"amount below 0": 1, "duplicate key": 2}


def test_key_with_an_unknown_part(spark: SparkSession) -> None:
    """Two rows of a product without valid_from are the same row; one with a date is another."""
    rows = [{"product_id": "p"}, {"product_id": "p", "name": "x"}, {"product_id": "p", "valid_from": NOON}]
    assert broken(judged(spark, PRODUCTS, rows)) == [[], ["duplicate of f.csv row 1"], []]


def test_orphans_are_marked(spark: SparkSession) -> None:
    """A line of an unknown product gets the rule in the list of its severity; a null is another rule's business."""
    lines = frame(spark, TRANSACTIONS, [LINE, LINE | {"product_id": "q"}, LINE | {"product_id": None}])
    known = spark.createDataFrame([("p",)], "product_id string")
    unknown = orphans(lines, "product_id", known, "product_id")
    assert [r[0] for r in unknown.collect()] == ["q"]
    found = unknown.selectExpr("product_id", "'unknown product' as rule")
    marked = with_broken_rules(lines, row_rules(TRANSACTIONS))
    warned = with_violations(marked, found, ["product_id"], {"unknown product": "warn"}).orderBy("source_row")
    assert [r["warned"] for r in warned.collect()] == [[], ["unknown product"], []]
    refused = with_violations(marked, found, ["product_id"], {"unknown product": "quarantine"})
    assert broken(refused) == [[], ["unknown product"], ["product_id is null"]]


def test_good_rows_take_the_contract_types(spark: SparkSession) -> None:
    """Money is rounded half up to cents, and unknown times become event_ts plus the lag."""
    amounts = [1.005, 2.675, 0.0, 0.1 + 0.2, 1.0049, 999_999_999.99]
    rows = [LINE | {"order_id": f"o{i}", "amount": a} for i, a in enumerate(amounts)]
    df = as_contract(good_rows(judged(spark, TRANSACTIONS, rows)), TRANSACTIONS, timedelta(hours=2))
    found = sorted(df.select("order_id", "amount", "available_ts", "event_ts").collect())
    expected = [Decimal(a) for a in ("1.01", "2.68", "0.00", "0.30", "1.00", "999999999.99")]
    assert [r["amount"] for r in found] == expected
    assert all(r["available_ts"] - r["event_ts"] == timedelta(hours=2) for r in found)
    assert df.columns == TRANSACTIONS.names


def test_money_at_its_bound_is_within(spark: SparkSession) -> None:
    """The audit of a clean table agrees with the rules about a value that equals the bound, also as a decimal."""
    rows = [LINE | {"order_id": f"o{i}", "amount": a} for i, a in enumerate([0.0, 1e9])]
    df = judged(spark, TRANSACTIONS, rows)
    assert broken(df) == [[], []]
    counts = TRANSACTIONS.audit_counts(as_contract(df, TRANSACTIONS)).collect()[0].asDict()
    assert TRANSACTIONS.faults(counts) == []


def test_unknown_times_of_tables_without_events(spark: SparkSession) -> None:
    """An offer is known a lag from its first day; a product holds from always."""
    offer = as_contract(good_rows(judged(spark, OFFERS, [OFFER])), OFFERS, timedelta(days=-7))
    assert offer.selectExpr("cast(available_ts as date)").collect()[0][0] == date(2016, 12, 26)
    product = as_contract(good_rows(judged(spark, PRODUCTS, [{"product_id": "p"}])), PRODUCTS)
    assert product.selectExpr("cast(valid_from as date)").collect()[0][0] == date(1900, 1, 1)


def test_severities_can_be_overridden(spark: SparkSession) -> None:
    """A setting turns a warning into a refusal, and the other way round."""
    chosen = {"transactions.quantity is 0": "quarantine", "transactions.event_ts is before 1990": "warn"}
    check_severities(list(SOURCES), chosen)
    old = datetime(1985, 1, 1, tzinfo=UTC)
    lines = frame(spark, TRANSACTIONS, [LINE | {"quantity": 0}, LINE | {"event_ts": old}])
    assert broken(with_broken_rules(lines, row_rules(TRANSACTIONS, chosen))) == [["quantity is 0"], []]


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({"transactions.quantity is zero": "warn"}, "did you mean 'transactions.quantity is 0'"),
        ({"transactions.amount below 0": "warn"}, "cannot be warn"),
        ({"products.duplicate key": "warn"}, "cannot be warn"),
        ({"transactions.quantity is 0": "ignore"}, "not one of"),
    ],
)
def test_bad_severities_are_refused(spark: SparkSession, chosen: dict[str, str], told: str) -> None:
    """An override that names no rule, no severity, or would break the clean table is a settings error."""
    with pytest.raises(SettingsError, match=r"quality\.severity") as e:
        check_severities(list(SOURCES), chosen)
    assert told in str(e.value)
