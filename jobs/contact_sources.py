"""The tables that contact features read, from a job's pinned inputs; an optional one that is missing is empty."""

from __future__ import annotations

from pyspark.sql import DataFrame

from features.contact_features import ContactSources
from features.contract import contract_index
from features.order_lines import product_attributes
from features.source_tables import SOURCES
from jobs.runs import Job

READS = ("transactions", "products", "customer_map")
OPTIONAL = ("contacts", "responses", "offers", "offer_products")
SETTINGS = ("contact_features", "response", "time_zone")


def contact_sources(job: Job) -> ContactSources:
    """The sources at the job's cut; says which optional ones are not there."""
    missing = [name for name in OPTIONAL if not job.has(name)]
    if missing:
        job.say(f"no {', '.join(missing)} in the lake: what rests on them is empty")
    return ContactSources(
        transactions=job.read("transactions"),
        contacts=read_or_empty(job, "contacts"),
        responses=read_or_empty(job, "responses"),
        offers=read_or_empty(job, "offers"),
        offer_products=read_or_empty(job, "offer_products"),
        products=product_attributes(job.read("products"), job.as_of),
        customer_map=job.read("customer_map"),
    )


def read_or_empty(job: Job, name: str) -> DataFrame:
    """An optional source, or an empty frame of its columns."""
    if job.has(name):
        return job.read(name)
    return job.spark.createDataFrame([], contract_index([SOURCES])[name].ddl())
