"""`nextbest build-cube`: the asset cube, how it changed since the snapshot before, and the sales tables of a report."""

from __future__ import annotations

from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.as_of import AsOf
from features.contract import Contract
from features.cube.acquisition_value import as_acquisition_value, as_first_touches
from features.cube.asset_changes import as_asset_changes
from features.cube.asset_cube import as_asset_cube, as_cells, as_regions
from features.cube.cube_tables import (
    ACQUISITION_VALUE,
    ASSET_CHANGES,
    ASSET_CUBE,
    BASKET_PAIRS,
    COHORT_RETENTION,
    CUBE_TABLES,
    PRODUCT_RANKING,
    SALES_BY_MONTH,
)
from features.cube.lineage import as_lineage
from features.cube.sales_tables import (
    as_basket_pairs,
    as_cohort_retention,
    as_product_ranking,
    as_sales_by_month,
)
from features.facts import Facts
from features.order_lines import account_customers
from jobs.runs import Job, Step

TAKES_SPAN = True  # --from and --to, see jobs/backfill.py
STEP = Step(
    "build-cube",
    reads=("customer_features", "customer_map", "transactions", "products"),
    optional=("customers", "accounts", "order_status"),
    previous=("customer_features",),
    writes=tuple(c.name for c in CUBE_TABLES if c is not ASSET_CHANGES),
    may_write=(ASSET_CHANGES.name,),  # not without a snapshot before
    settings=("cube", "features", "time_zone"),
    next="nextbest tables describe asset_cube",
)


def run(job: Job) -> None:
    """Writes the cube, its changes, and the tables of customers, products and sales."""
    tables = {name: job.read(name) for name in STEP.reads + STEP.optional if name in STEP.reads or job.has(name)}
    features, params = tables.pop("customer_features"), job.settings.cube
    facts = Facts(tables, job.as_of, job.settings.features, job.write_read)
    cells = job.write_read("cells", as_cells(features, _regions(tables, facts.accounts, job.as_of)))
    _write(job, ASSET_CUBE, as_asset_cube(cells))
    _changes(job, cells, tables, facts.accounts)
    touches = as_first_touches(facts, features)
    _write(job, ACQUISITION_VALUE, as_acquisition_value(touches, facts.orders, params))
    _write(job, SALES_BY_MONTH, as_sales_by_month(facts.lines, job.as_of))
    _write(job, PRODUCT_RANKING, as_product_ranking(facts, params))
    _write(job, BASKET_PAIRS, as_basket_pairs(facts.category_orders, params))
    _write(job, COHORT_RETENTION, as_cohort_retention(facts.orders, job.as_of, params))


def _changes(job: Job, cells: DataFrame, tables: dict[str, DataFrame], accounts: DataFrame) -> None:
    """Compares with the snapshot before, where there is one."""
    previous = job.read_previous("customer_features")
    if previous is None:
        job.say("no earlier snapshot of customer_features, so there are no changes to split")
        if job.lake.table(ASSET_CHANGES.name) is not None:
            job.write(ASSET_CHANGES.name, ASSET_CHANGES.arrow_schema().empty_table())
        return
    day: date = job.previous_dates["customer_features"]
    then = AsOf(day, job.as_of.time_zone)
    before_accounts = job.write_read("accounts_before", account_customers(tables["customer_map"], then))
    before = job.write_read("cells_before", as_cells(previous, _regions(tables, before_accounts, then)))
    lineage = job.write_read("lineage", as_lineage(before, cells, before_accounts, accounts))
    changes = job.write_read("changes", as_asset_changes(before, cells, lineage))
    _write(job, ASSET_CHANGES, changes.withColumn("previous_as_of", F.lit(day.isoformat()).cast("date")))
    totals = changes.groupBy("change").agg(
        *[F.sum(c).alias(c) for c in ("customers_in", "customers_out", "amount_in", "amount_out")]
    )
    job.say(f"since {day}:")
    for row in sorted(totals.collect(), key=lambda r: r["change"]):
        people = row["customers_in"] - row["customers_out"]
        amount = row["amount_in"] - row["amount_out"]
        count = max(row["customers_in"], row["customers_out"])
        job.say(f"  {row['change']}: {count:,} customers, {people:+,} in number, {amount:+,} in amount of 365 days")


def _regions(tables: dict[str, DataFrame], accounts: DataFrame, as_of: AsOf) -> DataFrame | None:
    return as_regions(tables["customers"], accounts, as_of) if "customers" in tables else None


def _write(job: Job, contract: Contract, rows: DataFrame) -> None:
    job.write(contract.name, rows.withColumn("as_of", F.lit(job.as_of.day.isoformat()).cast("date")))
