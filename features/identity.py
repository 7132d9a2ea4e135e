"""Who an account belongs to. Until identities are stitched, every account is a customer of its own."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.as_of import OPEN_START


def as_own_customers(account_tables: list[DataFrame]) -> DataFrame:
    """One `customer_map` row per account seen in any of the tables: customer_id = account_id, from always, still so.

    `valid_from` is the fixed open start, not the first purchase, so that a late fact never falls before it.
    """
    accounts = reduce(DataFrame.unionByName, [df.select("account_id") for df in account_tables]).distinct()
    return accounts.select(
        F.col("account_id"),
        F.col("account_id").alias("customer_id"),
        F.lit(OPEN_START).alias("valid_from"),
        F.lit(None).cast("timestamp").alias("valid_to"),
    )
