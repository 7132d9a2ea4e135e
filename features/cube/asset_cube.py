"""The asset cube: width, length and height of the customer base by source, stage, tier and region."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.as_of import AsOf
from features.cube.cube_tables import CELL, UNKNOWN
from features.rounding import rounded
from features.windows import MONEY

NO_TIER = "none"
MEASURES = (
    "net_amt_365",
    "n_cats_365",
    "days_since_first_order",
    "p_alive",
    "exp_orders_365",
    "clv_365",
)


def as_cells(features: DataFrame, regions: DataFrame | None) -> DataFrame:
    """Customers with their cell and measures: customer_id, source, stage, tier, region and `MEASURES`.

    `features` is a snapshot of `customer_features`; `regions` has customer_id and region, one row per customer.
    """
    placed = features if regions is None else features.join(regions, "customer_id", how="left")
    region = F.lit(None).cast("string") if regions is None else F.col("region")
    return placed.select(
        "customer_id",
        _or_else(F.col("acq_source"), UNKNOWN).alias("source"),
        _or_else(F.col("lifecycle_stage"), UNKNOWN).alias("stage"),
        _or_else(F.col("tier"), NO_TIER).alias("tier"),
        _or_else(region, UNKNOWN).alias("region"),
        *MEASURES,
    )


def as_regions(customers: DataFrame, accounts: DataFrame, as_of: AsOf) -> DataFrame:
    """customer_id, region: that of the customer's first account on record, known before the cut, that states one."""
    known = customers.where(F.col("region").isNotNull() & (F.col("available_ts") < F.lit(as_of.ts)))
    stated = known.select("account_id", "region")
    owned = stated.join(accounts, "account_id", how="inner")
    first = owned.groupBy("customer_id").agg(F.min("account_id").alias("account_id"))
    return first.join(stated, "account_id", how="inner").select("customer_id", "region")


def as_asset_cube(cells: DataFrame) -> DataFrame:
    """The rows of `ASSET_CUBE` without as_of, from `as_cells`.

    Sums of fitted numbers are rounded per customer before, so that the order of summing does not show.
    """
    return cells.groupBy(*CELL).agg(
        F.count(F.lit(1)).alias("customers"),
        _sum_of_scores("p_alive").alias("active_customers"),
        rounded(F.sum("days_since_first_order") / F.count("days_since_first_order")).alias("tenure_days"),
        _sum_of_scores("exp_orders_365").alias("exp_orders_365"),
        F.sum("net_amt_365").cast(MONEY).alias("net_amt_365"),
        rounded(F.sum("n_cats_365") / F.count(F.lit(1))).alias("n_cats_365"),
        _sum_of_scores("clv_365").alias("clv_365"),
    )


def _sum_of_scores(name: str) -> Column:
    """A sum of doubles of six decimals that is the same in any order; null when all are null."""
    return F.sum(F.col(name).cast("decimal(28,6)")).cast("double")


def _or_else(column: Column, name: str) -> Column:
    return F.coalesce(F.when(column != "", column), F.lit(name))
