"""Map accounts to customers.

Writes customer_map: which customer each account seen in any source belonged to, and since when; with identity_events
(merges and splits), identity_audit (what was left out) and households. A first run goes through the history cut by
cut, a later one goes on from the last cut; what earlier cuts resolved is never changed. Without the source `accounts`
every account is a customer of its own.
"""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from features.as_of import EPOCH
from features.identity import (
    Earlier,
    Identities,
    as_own_customers,
    cuts_of_run,
    keep_identities,
    resolve_identities,
)
from features.identity_edges import as_accounts, as_edges, as_sighting_counts, as_sightings, collect_edges
from features.identity_overrides import as_overrides
from features.identity_params import HOUSEHOLD_KINDS, LINKING_KINDS
from features.identity_profiles import as_profiles, with_name_parts
from features.source_tables import SOURCES
from jobs.fuzzy_links import FuzzyParams, fuzzy_links
from jobs.runs import Job, Step
from jobs.tables import Lake

WITH_ACCOUNTS = tuple(c.name for c in SOURCES if "account_id" in c.names and not c.required)
NOTE = "resolved until "  # and the day, in the commit of customer_map
STITCHED = ("identity_events", "identity_audit", "households")

STEP = Step(
    "resolve-identities",
    reads=("transactions",),
    optional=(*WITH_ACCOUNTS, "identity_overrides"),
    writes=("customer_map",),
    may_write=STITCHED,  # not without identifier sightings
    settings=("identity", "time_zone"),
    next="nextbest identities list; nextbest build-features",
)


def run(job: Job) -> None:
    """Writes `customer_map`, and with identifier sightings its events, audit and households."""
    tables = [job.read(name) for name in ("transactions", *WITH_ACCOUNTS) if name == "transactions" or job.has(name)]
    last = last_resolved(job.lake)
    if last is None and not job.has("accounts") and not job.has("identity_overrides"):
        accounts = job.write("customer_map", as_own_customers(tables))
        job.say("no accounts: nothing is stitched, each account is a customer of its own")
        _count(job, accounts, accounts)
        return
    seen = as_accounts(tables).toArrow()["account_id"].combine_chunks()
    earlier = _earlier(job, last)
    if last is not None and (last > job.as_of.day or not job.has("accounts")):
        _keep(job, seen, earlier, last)
        return
    found = _resolve(job, seen, earlier)
    job.write("identity_events", found.events)
    job.write("identity_audit", found.audit)
    job.write("households", found.households)
    job.write("customer_map", found.customer_map, note=f"{NOTE}{job.as_of.day}")
    _report(job, found)


def last_resolved(lake: Lake) -> date | None:
    """The last cut that the lake's map has resolved; None while it was never stitched.

    It stands in the note of the map's commit, so it cannot differ from the map; a rollback's note names the version.
    """
    commits = {c.version: c.note for c in lake.history("customer_map")}
    note = commits[max(commits)] if commits else ""
    while note.startswith("files of version "):
        note = commits.get(int(note.rpartition(" ")[2]), "")
    return date.fromisoformat(note.removeprefix(NOTE)) if note.startswith(NOTE) else None


def _earlier(job: Job, last: date | None) -> Earlier:
    """What runs before left, with the decisions pinned for this run."""
    overrides = job.read("identity_overrides").toArrow() if job.has("identity_overrides") else None
    return Earlier(
        job.lake.arrow("customer_map") if job.lake.table("customer_map") is not None else None,
        job.lake.arrow("identity_events") if last is not None else None,
        as_overrides(overrides),
        None if last is None else (last - EPOCH).days,
    )


def _resolve(job: Job, seen: pa.Array, earlier: Earlier) -> Identities:
    params, as_of = job.settings.identity, job.as_of
    accounts = job.read("accounts") if job.has("accounts") else job.spark.createDataFrame([], _accounts_ddl(job))
    sightings = job.write_read("sightings", as_sightings(accounts, as_of))
    counts = as_sighting_counts(sightings).toArrow()
    usable = counts.filter((pc.field("state") == "ok") & pc.field("identifier_kind").isin(LINKING_KINDS))
    cuts = cuts_of_run(earlier, pc.min(usable["first_day"]).as_py(), as_of, params)
    kinds = (*LINKING_KINDS, *HOUSEHOLD_KINDS)
    edges = collect_edges(job.write_read("edges", as_edges(sightings, cuts, kinds)), params.max_edges)
    job.say(f"{edges.num_rows:,} edges of account and identifier, {len(cuts.days):,} cuts")
    return resolve_identities(edges, counts, seen, earlier, cuts, as_of, params, _fuzzy(job))


def _fuzzy(job: Job) -> list[tuple[str, str, float]]:
    """Pairs of account holders that are likely one person; none unless the settings ask for them."""
    params = job.settings.identity
    if not params.fuzzy:
        return []
    if not job.has("customers"):
        job.say("identity.fuzzy: there is no source customers, so no names to match")
        return []
    accounts = job.read("accounts") if job.has("accounts") else None
    profiles = with_name_parts(as_profiles(job.read("customers"), accounts, job.as_of).toArrow())
    found = fuzzy_links(profiles, FuzzyParams(params.fuzzy_threshold, job.settings.seed))
    job.say(f"{profiles.num_rows:,} account holders, {found.num_rows:,} fuzzy links")
    return list(zip(*(found[name].to_pylist() for name in found.column_names), strict=True))


def _keep(job: Job, seen: pa.Array, earlier: Earlier, last: date) -> None:
    """Writes everything as it is: history is not resolved again."""
    if last > job.as_of.day:
        job.say(f"identities are resolved until {last} already: as of {job.as_of.day} the map stands as it was then")
    else:
        job.say("accounts is empty now though it was not before: the map stands as it was")
    table = keep_identities(earlier, seen)
    for name in STITCHED:
        job.write(name, job.lake.arrow(name, as_of=job.as_of.day))
    job.write("customer_map", table, note=f"{NOTE}{last}")
    open_rows = table.filter(pc.field("valid_to").is_null())
    _count(job, open_rows.num_rows, pc.count_distinct(open_rows["customer_id"]).as_py())


def _report(job: Job, found: Identities) -> None:
    rows = found.audit.to_pylist()
    totals = {r["check"]: r for r in rows if r["subject"] == "" and r["identifier_kind"] == ""}
    _count(job, totals["accounts"]["n"], totals["customers"]["n"])
    for check in dict.fromkeys(r["check"] for r in rows):
        if check not in ("accounts", "customers", "edges", "sightings"):
            largest = next(r for r in rows if r["check"] == check)
            places = sum(r["check"] == check for r in rows)
            limit = "" if largest["limit_value"] is None else f", limit {largest['limit_value']:,}"
            job.say(f"{check}: {places:,} in identity_audit, largest {largest['n']:,}{limit}; {largest['what']}")
    job.count("events", found.events.num_rows)


def _count(job: Job, accounts: int, customers: int) -> None:
    job.count("accounts", accounts)
    job.count("customers", customers)


def _accounts_ddl(job: Job) -> str:
    return job.lake.contract("accounts").ddl()
