"""Who has a row in the wide table."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.as_of import known_before
from features.facts import Facts

# logs in which an account shows itself as more than a passing visitor
DEALINGS = ("cart_events", "order_status", "social_interactions")


def population(facts: Facts) -> DataFrame:
    """customer_id of everyone with an order, a dated record, a cart, a placed order or a follow before the cut.

    Once each. A record of `customers` without `available_ts` adds nobody: it cannot be shown to have been there. Who
    only viewed pages, and is on no record, has no row.
    """
    return population_numbers(facts).join(facts.customers, "customer_no", how="inner").select("customer_id")


def population_numbers(facts: Facts) -> DataFrame:
    """customer_no of the same, kept."""
    return facts.kept("population", lambda: _population(facts))


def _population(facts: Facts) -> DataFrame:
    accounts = []
    if facts.has("customers"):
        known = facts.tables["customers"].where(F.col("available_ts") < F.lit(facts.as_of.ts))
        accounts.append(known.select("account_id"))
    for name in DEALINGS:
        if facts.has(name):
            accounts.append(known_before(facts.tables[name], facts.as_of).select("account_id"))
    ids = facts.orders.select("customer_no")
    if accounts:
        seen = reduce(DataFrame.unionByName, accounts)
        ids = ids.unionByName(seen.join(facts.accounts, "account_id", how="inner").select("customer_no"))
    return ids.groupBy("customer_no").agg(F.lit(1).alias("_one")).select("customer_no")
