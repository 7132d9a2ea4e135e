"""What a response was worth, from past redemptions of the lake: for decisions, and for what experiments are held to."""

from __future__ import annotations

from pyspark.sql import DataFrame

from features.contract import contract_index
from features.source_tables import SOURCES
from jobs.runs import Job
from scoring.redemptions import redeemed_lines, response_values


def customer_log(job: Job, name: str, accounts: DataFrame) -> DataFrame:
    """A log by customer instead of account, or no rows of it."""
    return optional(job, name).join(accounts, on=["account_id"], how="inner").drop("account_id")


def optional(job: Job, name: str) -> DataFrame:
    """A source table, or no rows of it."""
    if job.has(name):
        return job.read(name)
    return job.spark.createDataFrame([], contract_index([SOURCES])[name].ddl())


def worth_of_responses(job: Job, responses: DataFrame, accounts: DataFrame) -> DataFrame:
    """`offer_kind, responders, response_margin, response_incentive` (see `scoring/redemptions.py`), written down.

    responses: the log by customer. accounts: account_id, customer_id at the cut.
    """
    transactions = job.read("transactions").join(accounts, on=["account_id"], how="inner").drop("account_id")
    lines = redeemed_lines(responses, transactions, optional(job, "offer_products"), job.as_of)
    lines = job.write_read("redeemed_lines", lines)
    products, offers = job.read("products"), optional(job, "offers")
    params = job.settings.decisions
    return job.write_read("values", response_values(lines, transactions, products, offers, job.as_of, params))
