"""Which customer of an earlier snapshot each customer of a later one is, when accounts moved in between."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

CONTINUES, MERGED, SPLIT = "continues", "merged", "split"


def as_lineage(before: DataFrame, after: DataFrame, accounts_before: DataFrame, accounts_after: DataFrame) -> DataFrame:
    """old_id, new_id, link: how the customers `before` live on in the customers `after` (both: customer_id).

    The accounts (account_id, customer_id) at both cuts tell. An old customer lives on in the one new customer with
    most of its accounts, one that kept its id first. Of the old ones that live on in one new customer, the one with
    its id, else with most accounts, `continues`; the others have `merged` into it. A new customer in whom none lives
    on, though it has accounts of an old one, has `split` from it. Who is in no row is new, or gone.
    """
    pairs = (
        _owners(accounts_before, "old_id")
        .join(_owners(accounts_after, "new_id"), "account_id", how="inner")
        .groupBy("old_id", "new_id")
        .agg(F.count(F.lit(1)).alias("n"))
    )
    same = before.select(F.col("customer_id").alias("old_id"), F.col("customer_id").alias("new_id"))
    known = (
        pairs.unionByName(same.withColumn("n", F.lit(0).cast("bigint")))
        .groupBy("old_id", "new_id")
        .agg(F.max("n").alias("n"))
        .join(before.select(F.col("customer_id").alias("old_id")), "old_id", how="left_semi")
        .join(after.select(F.col("customer_id").alias("new_id")), "new_id", how="left_semi")
    )
    ranked = known.select("*", _rank("old_id", "new_id").alias("_of_old")).withColumn(
        "_lives_on", F.col("_of_old") == 1
    )
    by_new = Window.partitionBy("new_id")
    placed = ranked.select(
        "*",
        F.row_number().over(by_new.orderBy(F.col("_lives_on").desc(), *_order("old_id"))).alias("_of_new"),
        F.max(F.col("_lives_on").cast("int")).over(by_new).alias("_any"),
    )
    link = (
        F.when(F.col("_lives_on") & (F.col("_of_new") == 1), F.lit(CONTINUES))
        .when(F.col("_lives_on"), F.lit(MERGED))
        .when((F.col("_any") == 0) & (F.col("_of_new") == 1), F.lit(SPLIT))
    )
    return placed.select("old_id", "new_id", link.alias("link")).where(F.col("link").isNotNull())


def _owners(accounts: DataFrame, name: str) -> DataFrame:
    return accounts.select("account_id", F.col("customer_id").alias(name))


def _order(tie: str) -> list[Column]:
    """The same id first, then most accounts, then the smaller id."""
    return [(F.col("old_id") == F.col("new_id")).desc(), F.col("n").desc(), F.col(tie).asc()]


def _rank(key: str, tie: str) -> Column:
    return F.row_number().over(Window.partitionBy(key).orderBy(*_order(tie)))
