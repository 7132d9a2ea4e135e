"""Map accounts to customers.

Writes customer_map: one row per account seen in transactions, customers, contacts or responses. For now every
account is its own customer; every later join goes through this table.
"""

from __future__ import annotations

from features.identity import as_own_customers
from jobs.runs import Job, Step

STEP = Step(
    "resolve-identities",
    reads=("transactions",),
    optional=("customers", "contacts", "responses"),
    writes=("customer_map",),
    dated=False,
    next="nextbest build-features",
)


def run(job: Job) -> None:
    """Writes `customer_map`."""
    tables = [*STEP.reads, *(name for name in STEP.optional if job.has(name))]
    accounts = job.write("customer_map", as_own_customers([job.read(name) for name in tables]))
    job.count("accounts", accounts)
    job.count("customers", accounts)
