"""Judges one staged source: row rules, repeated keys, rules across tables, and the counts of what was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from pyspark.sql import DataFrame, SparkSession

from features.contract import Contract
from features.quality import (
    arriving_contract,
    good_rows,
    later_copies,
    outcome_counts,
    repeated_keys,
    rule_counts,
    with_broken_rules,
    with_duplicates,
    with_violations,
)
from features.quality_rules import row_rules, set_rules
from features.set_rules import set_queries, tables_needed
from features.table_rules import freshness_fault, volume_fault
from jobs.ingest_verdict import Outcome
from jobs.settings import Settings
from jobs.source_staging import StagedSource
from jobs.tables import Lake


class Bench(Protocol):
    """Where sources are judged: a step's job, or a place that leaves no trace."""

    @property
    def spark(self) -> SparkSession:
        """The engine's session."""

    @property
    def settings(self) -> Settings:
        """The settings."""

    @property
    def lake(self) -> Lake:
        """The lake whose history tells what is usual; only read."""

    def write_read(self, name: str, df: DataFrame) -> DataFrame:
        """Keeps an intermediate frame and reads it back."""


@dataclass
class Judged:
    """A source after its rules: the frame with `broken` and `warned` (None without a readable row), and counts."""

    staged: StagedSource
    frame: DataFrame | None
    outcome: Outcome = field(default_factory=Outcome)
    newest: datetime | None = None


def judging_order(names: Mapping[str, object]) -> list[str]:
    """The tables with those that others refer to first."""
    ordered: list[str] = []

    def add(name: str) -> None:
        if name in names and name not in ordered:
            for needed in sorted(tables_needed(name)):
                add(needed)
            ordered.append(name)

    for name in names:
        add(name)
    return ordered


def judge(bench: Bench, staged: StagedSource, others: Mapping[str, Judged]) -> Judged:
    """Applies the row rules, then the rules across rows and tables, and counts."""
    result = Judged(staged, None, Outcome(rows_in=staged.rows_in))
    outcome = result.outcome
    if staged.rejects_file is not None:
        outcome.add_rejects(staged.rejects_file)
    contract, severity = staged.source.contract, bench.settings.quality.severity
    rules = row_rules(contract, severity)
    outcome.severity |= {r.name: r.severity for r in rules} | set_rules(contract, severity)
    if staged.rows_file is not None:
        df = bench.spark.read.schema(arriving_contract(contract).ddl()).parquet(str(staged.rows_file))
        # what is wrong across rows is found first and is mostly nothing, so the rows are rarely joined
        repeated = bench.write_read(f"repeated_{contract.name}", repeated_keys(df, contract))
        marked = with_broken_rules(df, rules)
        if not repeated.isEmpty():
            copies = bench.write_read(f"copies_{contract.name}", later_copies(marked, contract, repeated))
            marked = with_duplicates(marked, copies)
        frame = _across(bench, contract, bench.write_read(f"judged_{contract.name}", marked), others, outcome)
        result.frame = frame
        counts = outcome_counts(frame).collect()[0]
        result.newest = counts["newest"]
        clean = not counts["quarantined"] and not counts["warned"]
        outcome.add_judged(counts, [] if clean else rule_counts(frame).collect())
        if counts["quarantined"]:
            bad = frame.where("size(broken) > 0").orderBy("source_file", "source_row").limit(3)
            outcome.add_examples(bad.select("source_file", "source_row", "broken").collect())
    _whole_table(bench, result, others)
    return result


def _across(
    bench: Bench, contract: Contract, frame: DataFrame, others: Mapping[str, Judged], outcome: Outcome
) -> DataFrame:
    """Marks what the set rules find; rules that need a table that is not there are left out."""
    known = {name: good_rows(j.frame) for name, j in others.items() if j.frame is not None}
    marked, hit = frame, False
    for number, rule in enumerate(set_queries(contract.name)):
        if not set(rule.needs) <= known.keys():
            continue
        found = rule.query(good_rows(frame), known, bench.settings.quality)
        found = bench.write_read(f"across_{contract.name}_{number}", found)
        if not found.isEmpty():
            marked = with_violations(marked, found, rule.on, {name: outcome.severity[name] for name in rule.rules})
            hit = True
    return bench.write_read(f"marked_{contract.name}", marked) if hit else frame


def _whole_table(bench: Bench, result: Judged, others: Mapping[str, Judged]) -> None:
    """Compares volume with earlier versions, and the newest row with the newest transaction."""
    name, params = result.staged.source.contract.name, bench.settings.quality
    earlier = [c.rows for c in bench.lake.history(name) if c.step == "ingest"]
    faults = [volume_fault(result.outcome.good, earlier, params)]
    if "transactions" in others:
        faults.append(freshness_fault(result.newest, others["transactions"].newest, params))
    for fault in faults:
        if fault is not None:
            result.outcome.add_table_fault(*fault)
