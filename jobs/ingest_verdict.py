"""The counts of one source table, and whether they let a run go on. No engine, no files written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from features.contract import Contract
from features.quality_params import QualityParams

UNREADABLE = "cannot be read"  # severity word for rows that never reached a rule


@dataclass
class Outcome:
    """How many rows came in, stayed, were warned about and were quarantined, and by which rules."""

    rows_in: int = 0
    good: int = 0
    quarantined: int = 0
    warned: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    severity: dict[str, str] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)
    first: dict[str, str] = field(default_factory=dict)  # rule -> place of the first row that breaks it
    notes: dict[str, str] = field(default_factory=dict)  # rule about the whole table -> the numbers

    def add_rejects(self, file: Path) -> None:
        """Counts rows that could not be read."""
        for batch in pq.ParquetFile(file).iter_batches(columns=["source_file", "source_row", "reasons"]):
            for row in batch.to_pylist():
                self.quarantined += 1
                self.rules.update(row["reasons"])
                for reason in row["reasons"]:
                    self.first.setdefault(reason, f"{row['source_file']} row {row['source_row']}")
                if len(self.examples) < 3:
                    self._example(row["source_file"], row["source_row"], row["reasons"])

    def add_judged(self, counts: Mapping[str, int] | Any, rules: Sequence[Any]) -> None:
        """Counts rows as the rules judged them."""
        self.good += counts["good"]
        self.quarantined += counts["quarantined"]
        self.warned += counts["warned"]
        for row in rules:
            self.rules[row["rule"]] += row["rows"]
            place = row["first"]
            self.first.setdefault(row["rule"], f"{place['source_file']} row {place['source_row']}")

    def add_examples(self, rows: Sequence[Any]) -> None:
        """Keeps where to look first."""
        for row in rows:
            self._example(row["source_file"], row["source_row"], row["broken"])

    def add_table_fault(self, rule: str, told: str) -> None:
        """Counts every row of a table whose size or age is odd, and keeps the numbers."""
        self.rules[rule] += self.good
        self.notes[rule] = told

    def where(self, rule: str) -> str:
        """Where to look for what breaks `rule`: the first row, or the numbers of the whole table."""
        return self.notes.get(rule) or self.first.get(rule, "")

    def _example(self, file: str, row: int, reasons: Sequence[str]) -> None:
        self.examples.append(f"{file} row {row}: {', '.join(reasons)}")

    def severity_of(self, rule: str) -> str:
        """What happens to a row that breaks `rule`."""
        return self.severity.get(rule, UNREADABLE)

    def counts(self) -> dict[str, int]:
        """The numbers that the runs table keeps."""
        return {"in": self.rows_in, "good": self.good, "quarantined": self.quarantined, "warned": self.warned}


def faults(contract: Contract, outcome: Outcome, params: QualityParams) -> list[str]:
    """Why the run must stop for this table, one sentence each; empty when it may go on."""
    found = []
    if outcome.rows_in != outcome.good + outcome.quarantined:
        found.append(
            f"{contract.name}: {outcome.rows_in:,} rows came in, {outcome.good:,} good and {outcome.quarantined:,} "
            "quarantined were counted; rows were lost, which is a fault of ours"
        )
    if contract.required and outcome.rows_in == 0:
        found.append(f"{contract.name}: has no rows, and it is required; deliver the table with its content")
    elif contract.required and outcome.good == 0:
        found.append(f"{contract.name}: all {outcome.rows_in:,} rows broke a rule; {_look(outcome)}")
    for rule, rows in sorted(outcome.rules.items()):
        if outcome.severity_of(rule) == "stop":
            look = outcome.notes.get(rule) or _look(outcome)
            found.append(f"{contract.name}: {rows:,} rows: {rule}, which is set to stop the run; {look}")
    share = outcome.quarantined / outcome.rows_in if outcome.rows_in else 0.0
    if share > params.max_quarantined_share and outcome.quarantined > params.tolerated_rows and outcome.good:
        often_first = sorted(outcome.rules.items(), key=lambda item: (-item[1], item[0]))
        broken = ", ".join(f"{rule} ({rows:,})" for rule, rows in often_first if outcome.severity_of(rule) != "warn")
        found.append(
            f"{contract.name}: {outcome.quarantined:,} of {outcome.rows_in:,} rows ({share:.1%}) are bad, more than "
            f"quality.max_quarantined_share allows ({params.max_quarantined_share:.1%}): {broken}; "
            f"raise the setting or {_look(outcome)}"
        )
    return found


def _look(outcome: Outcome) -> str:
    return "repair the source; look first at " + "; ".join(outcome.examples[:3])
