"""Read source files, check every row, keep the bad ones in quarantine.

Each source table is read from `<table>.parquet`, `<table>.csv` or a folder `<table>/` in the sources folder. Good
rows go to the table of the same name, refused ones to `quarantine_<table>` with their reasons: in = good +
quarantined. Too many refused rows stop the run before anything is published.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame

from features.contract import Contract
from features.errors import DataError, SettingsError
from features.quality import (
    arriving_contract,
    as_contract,
    as_quarantine,
    good_rows,
    later_copies,
    orphans,
    outcome_counts,
    quarantine_contract,
    repeated_keys,
    rule_counts,
    with_broken_rules,
    with_duplicates,
    with_orphans,
)
from features.quality_rules import REFERENCES, check_severities, orphan_rule, row_rules, set_rules
from features.source_tables import SOURCES
from jobs.console import show_table
from jobs.ingest_verdict import Outcome, faults
from jobs.runs import Job, Step
from jobs.settings import Settings
from jobs.source_files import find_sources
from jobs.source_staging import StagedSource, stage_source

TAKES_SOURCES = True
STEP = Step(
    "ingest",
    writes=tuple(name for c in SOURCES for name in (c.name, quarantine_contract(c).name)),
    settings=("quality", "availability_lag_hours"),
    dated=False,
    next="nextbest resolve-identities",
)


@dataclass
class Judged:
    """A source after its rules: the frame with `broken` and `warned` (None without a readable row), and counts."""

    staged: StagedSource
    frame: DataFrame | None
    outcome: Outcome = field(default_factory=Outcome)


def fingerprint(settings: Settings) -> str:
    """What the sources folder holds, so that the same delivery is not read twice."""
    sources, _ = find_sources(_folder(settings), SOURCES)
    return " ".join(f"{name}={source.batch_id}" for name, source in sorted(sources.items()))


def run(job: Job) -> None:
    """Reads, judges and writes every source table, or stops with all reasons and writes none."""
    check_severities(list(SOURCES), job.settings.quality.severity)
    sources, notes = find_sources(_folder(job.settings), SOURCES)
    for note in notes:
        job.say(note)
    judged: dict[str, Judged] = {}
    # tables that others refer to come first
    order = sorted(sources, key=lambda name: name in REFERENCES)
    for name in job.progress(order, "reading"):
        staged = stage_source(sources[name], job.scratch / "sources" / name)
        judged[name] = judge(job, staged, judged)
    _report(job, judged)
    wrong = [f for j in judged.values() for f in faults(j.staged.source.contract, j.outcome, job.settings.quality)]
    if wrong:
        raise DataError("the sources were not taken, nothing was written:\n" + "\n".join(f"  - {w}" for w in wrong))
    for contract in SOURCES:
        _write(job, contract, judged.get(contract.name))


def _folder(settings: Settings) -> Path:
    if settings.sources is None:
        raise SettingsError("ingest needs a folder of source files: give --sources DIR or the key sources")
    return settings.sources


def judge(job: Job, staged: StagedSource, others: dict[str, Judged]) -> Judged:
    """Applies the row rules, then the rules across rows, and counts."""
    result = Judged(staged, None, Outcome(rows_in=staged.rows_in))
    if staged.rejects_file is not None:
        result.outcome.add_rejects(staged.rejects_file)
    if staged.rows_file is None:
        return result
    contract, severity = staged.source.contract, job.settings.quality.severity
    across = set_rules(contract, severity)
    rules = row_rules(contract, severity)
    result.outcome.severity |= {r.name: r.severity for r in rules} | across
    df = job.spark.read.schema(arriving_contract(contract).ddl()).parquet(str(staged.rows_file))
    # what is wrong across rows is found first and is mostly nothing, so the rows are rarely joined
    repeated = job.write_read(f"repeated_{contract.name}", repeated_keys(df, contract))
    marked = with_broken_rules(df, rules)
    for column, table, key in REFERENCES.get(contract.name, ()):
        if table in others and (known := others[table].frame) is not None:
            unknown = job.write_read(f"{contract.name}_no_{table}", orphans(df, column, good_rows(known), key))
            rule = orphan_rule(column, table)
            marked = marked if unknown.isEmpty() else with_orphans(marked, unknown, column, rule, across[rule])
    if not repeated.isEmpty():
        copies = job.write_read(f"copies_{contract.name}", later_copies(marked, contract, repeated))
        marked = with_duplicates(marked, copies)
    result.frame = job.write_read(f"judged_{contract.name}", marked)
    result.outcome.add_judged(outcome_counts(result.frame).collect()[0], rule_counts(result.frame).collect())
    if result.outcome.quarantined > staged.rejected:
        bad = result.frame.where("size(broken) > 0").orderBy("source_file", "source_row").limit(3)
        result.outcome.add_examples(bad.select("source_file", "source_row", "broken").collect())
    return result


def _report(job: Job, judged: dict[str, Judged]) -> None:
    """Counts for the runs table, and a table of what was broken where."""
    rows = []
    for name, j in judged.items():
        for key, value in j.outcome.counts().items():
            job.count(f"{name}.{key}", value)
        rows += [(name, rule, j.outcome.severity_of(rule), n) for rule, n in sorted(j.outcome.rules.items())]
    if rows:
        show_table("rules broken", ["table", "rule", "what happens", "rows"], rows)
    else:
        job.say("no rule was broken")


def _write(job: Job, contract: Contract, judged: Judged | None) -> None:
    """Writes the clean table and its quarantine; empty ones for a source that was not delivered."""
    refused = quarantine_contract(contract)
    if judged is None:
        job.write(contract.name, contract.arrow_schema().empty_table())
        job.write(refused.name, refused.arrow_schema().empty_table())
        return
    lag = timedelta(hours=job.settings.availability_lag_hours.get(contract.name, 0.0))
    rejects = judged.staged.rejects_file
    parts = [] if rejects is None else [job.spark.read.schema(refused.ddl()).parquet(str(rejects))]
    good: DataFrame | pa.Table = contract.arrow_schema().empty_table()
    if judged.frame is not None:
        good = as_contract(good_rows(judged.frame), contract, lag)
        if judged.outcome.quarantined > judged.staged.rejected:
            parts.append(as_quarantine(judged.frame, contract, judged.staged.source.batch_id))
    written = job.write(contract.name, good)
    bad: DataFrame | pa.Table = refused.arrow_schema().empty_table()
    if parts:
        bad = parts[0] if len(parts) == 1 else parts[0].unionByName(parts[1])
    kept = job.write(refused.name, bad)
    if (written, kept) != (judged.outcome.good, judged.outcome.quarantined):
        raise DataError(
            f"{contract.name}: {judged.outcome.rows_in:,} rows came in, but {written:,} good and {kept:,} quarantined "
            f"rows were written where {judged.outcome.good:,} and {judged.outcome.quarantined:,} were counted"
        )
