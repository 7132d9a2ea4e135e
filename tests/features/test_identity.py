"""The pass-through map from accounts to customers."""

from pyspark.sql import SparkSession

from features.as_of import OPEN_START
from features.identity import as_own_customers
from features.output_tables import CUSTOMER_MAP


def test_every_account_once(spark: SparkSession) -> None:
    """An account seen in several tables is one customer, from always and with no end."""
    lines = spark.createDataFrame([("a", 1), ("b", 2), ("a", 3)], "account_id string, quantity int")
    contacts = spark.createDataFrame([("c",), ("a",)], "account_id string")
    df = CUSTOMER_MAP.conform(as_own_customers([lines, contacts]))
    rows = df.selectExpr("account_id", "customer_id", "unix_timestamp(valid_from)", "valid_to").collect()
    start = int(OPEN_START.timestamp())
    assert sorted(tuple(r) for r in rows) == [(a, a, start, None) for a in "abc"]
