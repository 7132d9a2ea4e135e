"""Contracts: every difference is named at once, and an audit counts what a row breaks."""

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from features.contract import Column, Contract, contract_index
from features.errors import ContractError

ORDERS = Contract(
    "orders",
    "test",
    ("order_id",),
    (
        Column("order_id", "string", "order"),
        Column("amount", "money", "value", low=0),
        Column("score", "double", "score", nullable=True, low=0, high=1),
        Column("kind", "string", "kind", nullable=True, values=("a", "b")),
    ),
)


def test_all_differences_at_once() -> None:
    """A missing, a renamed, a retyped and an extra column are reported in one error."""
    schema = pa.schema(
        [("orderid", pa.string()), ("amount", pa.string()), ("score", pa.float64()), ("kind", pa.string())]
    )
    with pytest.raises(ContractError) as e:
        ORDERS.check_schema(schema, "x.parquet")
    text = str(e.value)
    assert "'order_id' (string) is missing (is it now called 'orderid'?)" in text
    assert "'amount': expected money (decimal128(18, 2)), found string" in text
    assert "'orderid' is not in the contract" in text


def test_partial_schema_may_lack_nullable_and_have_extra() -> None:
    """A source may leave a nullable column out, bring another, and give amounts as floats."""
    schema = pa.schema([("order_id", pa.large_string()), ("amount", pa.float64()), ("colour", pa.string())])
    assert ORDERS.differences(schema, partial=True) == []
    assert len(ORDERS.differences(schema)) == 4


@pytest.mark.parametrize(
    ("kind", "found", "fits"),
    [
        ("long", pa.int32(), True),  # widening
        ("long", pa.float64(), False),  # would cut decimals
        ("double", pa.int64(), True),
        ("timestamp", pa.timestamp("ns"), True),  # no zone: read as UTC
        ("timestamp", pa.string(), False),
        ("date", pa.timestamp("us"), False),
        ("strings", pa.list_(pa.string()), True),
        ("strings", pa.list_(pa.int64()), False),
    ],
)
def test_widening_of_sources(kind: str, found: pa.DataType, fits: bool) -> None:
    """A source's type fits when nothing is lost."""
    contract = Contract("t", "t", ("c",), (Column("c", kind, "c"),))
    assert (contract.differences(pa.schema([("c", found)]), partial=True) == []) is fits


def test_audit_counts_each_rule(spark: SparkSession) -> None:
    """Nulls, bounds, closed values, NaN and infinity are counted per rule, duplicates found by key."""
    rows = [
        ("1", 1.0, 0.5, "a"),
        ("1", -1.0, 2.0, "c"),  # duplicate key, negative, above 1, unknown kind
        (None, 1.0, float("nan"), None),  # null key, NaN
        ("3", 1.0, float("inf"), "b"),  # infinite, which is also above 1
        ("4", None, None, "b"),  # null amount
    ]
    df = ORDERS.conform(spark.createDataFrame(rows, "order_id string, amount double, score double, kind string"))
    counts = ORDERS.audit_counts(df).collect()[0].asDict()
    assert counts["rows"] == 5
    assert ORDERS.faults(counts) == [
        "1 rows: order_id is null",
        "1 rows: amount is null",
        "1 rows: amount below 0",
        "2 rows: score is not finite",
        "3 rows: score above 1",
        "1 rows: kind not in a, b",
    ]
    assert [(r["order_id"], r["n"]) for r in ORDERS.duplicate_keys(df).collect()] == [("1", 2)]


def test_two_contracts_may_not_share_a_name() -> None:
    """One name, one table."""
    with pytest.raises(ContractError, match="two contracts"):
        contract_index([[ORDERS], [ORDERS]])
