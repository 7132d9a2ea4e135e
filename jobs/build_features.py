"""`nextbest build-features`: the snapshot of customer features at a cut."""

from __future__ import annotations

from pyspark.sql import functions as F

from features.catalogue import FEATURE_TABLES, source_columns, spec_hash, switched_off
from features.customer_features import FeatureSources, build_customer_features
from features.errors import DataError
from jobs.runs import Job, Step

STEP = Step(
    "build-features",
    reads=("transactions", "products", "customer_map"),
    optional=("customers",),
    writes=tuple(c.name for c in FEATURE_TABLES),
    settings=("features", "time_zone"),
    next="nextbest train-recommender",
)


def run(job: Job) -> None:
    """Reads purchases, writes the wide row, its companion per category and the parameters fitted for them."""
    sources = FeatureSources(
        job.read("transactions"),
        job.read("products"),
        job.read("customer_map"),
        job.read("customers") if job.has("customers") else None,
    )
    for off in switched_off(_filled_columns(job)):
        job.say(f"switched off {', '.join(off.features)} ({off.family}): {off.reason}")
    snapshot = build_customer_features(sources, job.as_of, job.settings.features, job.write_read)
    customers = job.write("customer_features", snapshot.customer_features)
    if customers == 0:
        raise DataError(
            f"no customer has an order known before {job.as_of.day}; choose a later --as-of, "
            "or check event_ts, available_ts and customer_map"
        )
    job.write("customer_category_features", snapshot.customer_category_features)
    job.write("feature_parameters", snapshot.feature_parameters)
    job.say(f"{len(snapshot.customer_features.columns) - 2} features, spec {spec_hash(job.settings.features)}")
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
