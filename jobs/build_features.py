"""`nextbest build-features`: the snapshot of customer features at a cut."""

from __future__ import annotations

from pyspark.sql import functions as F

from features.catalogue import FEATURE_TABLES, all_definitions, source_columns, spec_hash, switched_off
from features.customer_features import build_customer_features
from features.errors import DataError
from features.facts import Facts
from jobs.runs import Job, Step

TAKES_SPAN = True  # --from and --to, see jobs/backfill.py
# sources that families read where they are delivered
OPTIONAL = (
    "customers",
    "accounts",
    "order_status",
    "browsing",
    "cart_events",
    "store_visits",
    "post_tags",
    "social_tags",
    "social_stats",
    "social_interactions",
    "reviews",
    "referrals",
    "coupons_issued",
    "coupons_redeemed",
    "points_ledger",
    "tier_history",
    "consents",
    "service_cases",
    "calendar",
    "channels",
    "offers",
    "offer_products",
    "contacts",
    "responses",
)

ALWAYS = ("customer_features", "customer_category_features", "feature_parameters")

STEP = Step(
    "build-features",
    reads=("transactions", "products", "customer_map"),
    optional=OPTIONAL,
    writes=ALWAYS,
    may_write=tuple(c.name for c in FEATURE_TABLES if c.name not in ALWAYS),  # not without their sources
    settings=("features", "time_zone"),
    next="nextbest train-recommender",
)


def run(job: Job) -> None:
    """Reads purchases, writes the wide row, its companion per category and the parameters fitted for them."""
    tables = {name: job.read(name) for name in STEP.reads + STEP.optional if name in STEP.reads or job.has(name)}
    for off in switched_off(_filled_columns(job)):
        job.say(f"switched off {', '.join(off.features)} ({off.family}): {off.reason}")
    snapshot = build_customer_features(Facts(tables, job.as_of, job.settings.features, job.write_read))
    customers = job.write("customer_features", snapshot.pop("customer_features"))
    if customers == 0:
        raise DataError(
            f"no customer has an order known before {job.as_of.day}; choose a later --as-of, "
            "or check event_ts, available_ts and customer_map"
        )
    for name, table in snapshot.items():
        job.write(name, table)
    for name in STEP.may_write:
        if name not in snapshot and job.lake.table(name) is not None:  # its source is gone: say so by an empty snapshot
            job.write(name, job.lake.contract(name).arrow_schema().empty_table())
    job.say(f"{len(all_definitions())} features, spec {spec_hash(job.settings.features)}")
    job.count("customers", customers)


def _filled_columns(job: Job) -> dict[str, set[str]]:
    """The optional source columns that hold any value, by table."""
    tables = {table for table, _ in source_columns()} | {"transactions"}
    filled: dict[str, set[str]] = {}
    for table in sorted(tables):
        names = [column for t, column in source_columns() if t == table]
        counts = job.read(table).agg(*[F.count(n).alias(n) for n in names]).collect()[0].asDict()
        filled[table] = {n for n in names if counts[n]}
    return filled
