"""`nextbest build-features`: the snapshot of customer features at a cut."""

from __future__ import annotations

from collections import Counter

from features.catalogue import FEATURE_TABLES, all_definitions, every_definition, source_names, spec_hash, switched_off
from features.customer_features import build_customer_features
from features.errors import DataError
from features.facts import Facts
from features.spec_version import SPEC_VERSION, conflict, spec_note
from jobs.lifetime_scores import lifetime_scores
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
    _check_definitions(job)
    # an empty table of consents is no missing one: nobody has consented
    names = [n for n in STEP.reads + STEP.optional if n in STEP.reads or n == "consents" or job.has(n)]
    tables = {name: job.read(name) for name in names if name in job.pinned}
    filled = _filled_columns(job)
    by_table = Counter(t for d in every_definition() for t in {s.partition(".")[0] for s in d.sources} - filled.keys())
    if by_table:
        told = ", ".join(f"{table} ({n} features)" for table, n in sorted(by_table.items()))
        job.say(f"not there, and what rests on it is null or 0: {told}")
    for off in (o for o in switched_off(filled) if not o.reason.endswith("not there")):
        what = ", ".join(off.features) if len(off.features) <= 3 else f"{len(off.features)} features"
        job.say(f"switched off {what} ({off.family}): {off.reason}")
    facts = Facts(tables, job.as_of, job.settings.features, job.write_read)
    snapshot = build_customer_features(facts, [lifetime_scores(job)])
    customers = job.write("customer_features", snapshot.pop("customer_features"), note=spec_note())
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
    job.say(f"{len(all_definitions())} features, definitions {SPEC_VERSION}, spec {spec_hash(job.settings.features)}")
    job.count("customers", customers)


def _check_definitions(job: Job) -> None:
    """Refuses definitions that changed while their version did not: two meanings would share a name."""
    known = conflict([c.note for c in job.lake.history("customer_features")])
    if known is not None:
        raise DataError(
            f"feature definitions have changed, but their version is still {SPEC_VERSION}: the lake holds snapshots of "
            f"{known!r}, the code has {spec_note()!r}. Add a version with what changed to features/spec_version.py"
        )


def _filled_columns(job: Job) -> dict[str, set[str]]:
    """The columns that hold any value, by source table delivered."""
    return {
        name: job.lake.filled_columns(name, job.pinned[name])
        for name in source_names()
        if name in job.pinned and (name in STEP.reads or job.has(name))
    }
