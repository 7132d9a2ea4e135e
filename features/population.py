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


def population_days(facts: Facts) -> DataFrame:
    """customer_id and `day` (local), once per customer of the above: the first day on which something of her was known.

    A day before a cut means that she was among the customers at that cut; by accounts as they are stitched now.
    """
    known = [F.greatest("event_ts", "available_ts").alias("_ts")]
    logs = [name for name in ("transactions", *DEALINGS) if facts.has(name)]
    parts = [known_before(facts.tables[name], facts.as_of).select("account_id", *known) for name in logs]
    if facts.has("customers"):
        stated = facts.tables["customers"].where(F.col("available_ts") < F.lit(facts.as_of.ts))
        parts.append(stated.select("account_id", F.col("available_ts").alias("_ts")))
    first = reduce(DataFrame.unionByName, parts).groupBy("account_id").agg(F.min("_ts").alias("_ts"))
    owned = first.join(facts.accounts, "account_id", how="inner").groupBy("customer_id").agg(F.min("_ts").alias("_ts"))
    return owned.select("customer_id", F.to_date(F.from_utc_timestamp("_ts", facts.as_of.time_zone)).alias("day"))
