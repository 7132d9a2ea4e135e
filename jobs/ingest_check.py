"""`nextbest ingest --check`: reads and judges a delivery as ingest does, reports, and leaves no trace in the lake."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

from features.errors import DataError
from features.quality_rules import check_severities
from features.source_needs import WHAT_NEEDS
from features.source_tables import SOURCES
from jobs.console import progress, say, show_table
from jobs.identifier_key import check_key
from jobs.ingest import about_hashes, hashes_for, show_broken, sources_folder, verdict
from jobs.ingest_verdict import Outcome
from jobs.runs import write_read
from jobs.session import Engine
from jobs.settings import Settings
from jobs.source_files import find_sources
from jobs.source_judging import Judged, judge, judging_order
from jobs.source_staging import stage_source
from jobs.tables import Lake
from jobs.workspace import open_lake


@dataclass
class CheckBench:
    """Judges in a temporary folder; the lake is read for its history only, and need not be there."""

    spark: SparkSession
    settings: Settings
    lake: Lake
    scratch: Path

    def write_read(self, name: str, df: DataFrame) -> DataFrame:
        """Keeps an intermediate frame in the temporary folder and reads it back."""
        return write_read(self.spark, self.scratch / name, df)


def check(settings: Settings) -> None:
    """Reports what ingest would do; `DataError` with all reasons when it would stop.

    The temporary folder is in the system's (TMPDIR says where) and is removed at the end.
    """
    with tempfile.TemporaryDirectory(prefix="nextbest-check-") as folder:
        scratch = Path(folder)
        with Engine(settings.engine, settings.session, scratch / "engine") as engine:
            report(CheckBench(engine.spark, settings, open_lake(settings), scratch))


def report(bench: CheckBench) -> None:
    """Judges the delivery on `bench` and prints counts, rules broken, what is missing, and the verdict."""
    settings = bench.settings
    check_severities(list(SOURCES), settings.quality.severity)
    folder = sources_folder(settings)
    say(f"checking {folder}; nothing is written")
    sources, notes = find_sources(folder, SOURCES)
    hashes = hashes_for(sources, settings)
    if hashes is not None:
        check_key(bench.lake, hashes)
        say(f"  {about_hashes(hashes)}")
    judged: dict[str, Judged] = {}
    for name in progress(judging_order(sources), "reading"):
        judged[name] = judge(bench, stage_source(sources[name], bench.scratch / "sources" / name, hashes), judged)
    outcomes = {name: judged[name].outcome for name in sources}
    show_table(
        "rows",
        ["table", "in", "good", "quarantined", "warned"],
        [(name, o.rows_in, o.good, o.quarantined, o.warned) for name, o in outcomes.items()],
    )
    show_broken(outcomes)
    _show_examples(outcomes)
    missing = [(c.name, WHAT_NEEDS[c.name]) for c in SOURCES if c.name not in sources]
    if missing:
        show_table("optional sources that are not there", ["table", "switched off"], missing)
    for note in notes:
        if "switched off" not in note:  # those stand in the table above
            say(f"  {note}")
    wrong = verdict(outcomes, settings)
    if wrong:
        raise DataError("verdict: these sources would not be taken:\n" + "\n".join(f"  - {w}" for w in wrong))
    say(f"verdict: these sources would be taken; next: nextbest ingest --sources {folder}")


def _show_examples(outcomes: dict[str, Outcome]) -> None:
    for name, outcome in outcomes.items():
        for example in outcome.examples[:3]:
            say(f"  {name}: for example {example}")
