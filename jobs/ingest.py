"""Read source files, check every row, keep the bad ones in quarantine.

Each source table is read from `<table>.parquet`, `<table>.csv` or a folder `<table>/` in the sources folder. Good
rows go to the table of the same name, refused ones to `quarantine_<table>` with their reasons: in = good +
quarantined. Too many refused rows stop the run before anything is published. Identifiers in accounts are replaced
by keyed hashes while they are read (variable NEXTBEST_ID_KEY). A table that is not delivered is not made; one
that was delivered before becomes empty. With --check everything is read and judged, and nothing is written.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame

from features.contract import Contract
from features.errors import DataError, SettingsError
from features.identifiers import Pseudonymiser, check_value
from features.quality import as_contract, good_rows
from features.quality_rules import check_severities
from features.quarantine import as_quarantine, quarantine_contract
from features.source_tables import ACCOUNTS, SOURCES
from jobs.console import say, show_table
from jobs.identifier_key import check_key, key_note, pseudonymiser
from jobs.ingest_verdict import Outcome, faults
from jobs.runs import Job, Step
from jobs.settings import Settings
from jobs.source_files import Source, find_sources
from jobs.source_judging import Judged, judge, judging_order
from jobs.source_staging import stage_source

TAKES_SOURCES = True
STEP = Step(
    "ingest",
    writes=tuple(name for c in SOURCES if c.required for name in (c.name, quarantine_contract(c).name)),
    may_write=tuple(name for c in SOURCES if not c.required for name in (c.name, quarantine_contract(c).name)),
    settings=("quality", "availability_lag_hours", "identifiers"),
    dated=False,
    next="nextbest resolve-identities",
)


def fingerprint(settings: Settings) -> str:
    """What the sources folder holds and which key is set, so that the same delivery is not read twice."""
    sources, _ = find_sources(sources_folder(settings), SOURCES)
    parts = [f"{name}={source.batch_id}" for name, source in sorted(sources.items())]
    hashes = hashes_for(sources, settings)
    if hashes is not None:
        parts.append(f"identifiers={hashes.key_version}:{check_value(hashes.key)}")
    return " ".join(parts)


def run(job: Job) -> None:
    """Reads, judges and writes every source table, or stops with all reasons and writes none."""
    check_severities(list(SOURCES), job.settings.quality.severity)
    sources, notes = find_sources(sources_folder(job.settings), SOURCES)
    for note in notes:
        job.say(note)
    hashes = hashes_for(sources, job.settings)
    if hashes is not None:
        check_key(job.lake, hashes)
        job.say(about_hashes(hashes))
    judged: dict[str, Judged] = {}
    for name in job.progress(judging_order(sources), "reading"):
        staged = stage_source(sources[name], job.scratch / "sources" / name, hashes)
        judged[name] = judge(job, staged, judged)
    _count(job, judged)
    show_broken({name: j.outcome for name, j in judged.items()})
    wrong = verdict({name: j.outcome for name, j in judged.items()}, job.settings)
    if wrong:
        raise DataError("the sources were not taken, nothing was written:\n" + "\n".join(f"  - {w}" for w in wrong))
    for contract in SOURCES:
        if contract.name in judged:
            _write(job, contract, judged[contract.name], hashes)
        else:
            _empty(job, contract)


def sources_folder(settings: Settings) -> Path:
    """The folder of the delivery; `SettingsError` when none is given."""
    if settings.sources is None:
        raise SettingsError("ingest needs a folder of source files: give --sources DIR or the key sources")
    return settings.sources


def hashes_for(sources: dict[str, Source], settings: Settings) -> Pseudonymiser | None:
    """The pseudonymiser where accounts are delivered, and None where nothing needs one."""
    return pseudonymiser(settings.identifiers) if ACCOUNTS.name in sources else None


def about_hashes(hashes: Pseudonymiser) -> str:
    """One line on how identifiers are protected."""
    if hashes.has_secret:
        return f"accounts: identifiers are hashed with key version {hashes.key_version}"
    return "accounts: identifiers are hashed WITHOUT a secret and can be guessed; only for made-up data"


def verdict(outcomes: dict[str, Outcome], settings: Settings) -> list[str]:
    """Why the run must stop; empty when it may go on."""
    contracts = {c.name: c for c in SOURCES}
    return [f for name, outcome in outcomes.items() for f in faults(contracts[name], outcome, settings.quality)]


def show_broken(outcomes: dict[str, Outcome]) -> None:
    """A table of what was broken, how often and where first."""
    rows = [
        (name, rule, outcome.severity_of(rule), n, outcome.where(rule))
        for name, outcome in outcomes.items()
        for rule, n in sorted(outcome.rules.items())
    ]
    if rows:
        show_table("rules broken", ["table", "rule", "what happens", "rows", "look at"], rows)
    else:
        say("  no rule was broken")


def _count(job: Job, judged: dict[str, Judged]) -> None:
    for name, j in judged.items():
        for key, value in j.outcome.counts().items():
            job.count(f"{name}.{key}", value)


def _empty(job: Job, contract: Contract) -> None:
    """A source that is not delivered: a table it left earlier becomes empty, and none is made."""
    for table in (contract, quarantine_contract(contract)):
        if job.lake.table(table.name) is not None:
            job.write(table.name, table.arrow_schema().empty_table())
            if table is contract:
                job.say(f"{table.name}: was delivered before and is not there now; its table becomes empty")


def _write(job: Job, contract: Contract, judged: Judged, hashes: Pseudonymiser | None) -> None:
    """Writes the clean table and its quarantine, and checks that together they hold every row."""
    refused = quarantine_contract(contract)
    lag = timedelta(hours=job.settings.availability_lag_hours.get(contract.name, 0.0))
    rejects = judged.staged.rejects_file
    parts = [] if rejects is None else [job.spark.read.schema(refused.ddl()).parquet(str(rejects))]
    good: DataFrame | pa.Table = contract.arrow_schema().empty_table()
    if judged.frame is not None:
        good = as_contract(good_rows(judged.frame), contract, lag)
        if judged.outcome.quarantined > judged.staged.rejected:
            parts.append(as_quarantine(judged.frame, contract, judged.staged.source.batch_id))
    note = key_note(hashes) if hashes is not None and contract.name == ACCOUNTS.name else ""
    written = job.write(contract.name, good, note)
    bad: DataFrame | pa.Table = refused.arrow_schema().empty_table()
    if parts:
        bad = parts[0] if len(parts) == 1 else parts[0].unionByName(parts[1])
    kept = job.write(refused.name, bad)
    if (written, kept) != (judged.outcome.good, judged.outcome.quarantined):
        raise DataError(
            f"{contract.name}: {judged.outcome.rows_in:,} rows came in, but {written:,} good and {kept:,} quarantined "
            f"rows were written where {judged.outcome.good:,} and {judged.outcome.quarantined:,} were counted"
        )
