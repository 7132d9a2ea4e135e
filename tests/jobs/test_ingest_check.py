"""`ingest --check` tells what ingest would do and leaves no trace; every contract's example is a good row."""

import csv
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from features.errors import ContractError, DataError, SettingsError
from features.source_needs import WHAT_NEEDS
from features.source_tables import SOURCES
from features.table_rules import FEWER
from jobs import ingest, ingest_check
from jobs.cli import group
from jobs.contracts import all_contracts
from jobs.identifier_key import VARIABLE
from jobs.ingest_check import CheckBench, report
from jobs.runs import execute
from jobs.session import Engine
from jobs.settings import Settings, load_settings
from jobs.show_tables import dictionary_markdown
from jobs.source_judging import judging_order
from jobs.tables import Lake
from jobs.tracking import Tracking
from jobs.workspace import undated
from tests.small_sources import small_sources, write_small_sources

KEY = "0123456789abcdef-key-of-the-tests"


class Place:
    """Sources, a lake that is not there yet, and a temporary folder."""

    def __init__(self, root: Path, engine: Engine) -> None:
        self.sources = root / "sources"
        self.root = root / "lake"
        self.scratch = root / "scratch"
        self.engine = engine

    def settings(self, **options: Any) -> Settings:
        """Settings for this place."""
        return load_settings(None, {"lake": str(self.root), "sources": str(self.sources)} | options)

    def check(self, **options: Any) -> None:
        """Checks the sources."""
        self.scratch.mkdir(exist_ok=True)
        settings = self.settings(**options)
        report(CheckBench(self.engine.spark, settings, Lake(self.root, all_contracts()), self.scratch))

    def ingest(self, **options: Any) -> Any:
        """Ingests the sources."""
        chosen = self.settings(**options)
        lake = Lake(self.root, all_contracts())
        lake.check_writable()
        return execute(ingest, chosen, undated(chosen), self.engine, lake, Tracking(None, self.root))

    def trace(self) -> dict[str, tuple[int, int]]:
        """Every file of the lake with size and time."""
        return {str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in self.root.rglob("*") if p.is_file()}


@pytest.fixture
def place(tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A place with a key for identifiers."""
    monkeypatch.setenv(VARIABLE, KEY)
    return Place(tmp_path, engine)


def write_examples(folder: Path) -> None:
    """Every contract's example as a CSV file of one row."""
    folder.mkdir()
    for contract in SOURCES:
        with (folder / f"{contract.name}.csv").open("w", newline="", encoding="utf-8") as f:
            writer = csv.DictWriter(f, list(contract.example))
            writer.writeheader()
            writer.writerow(contract.example)


def test_examples_are_good_rows(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """The examples of all tables fit together: checked and ingested, none breaks a rule."""
    write_examples(place.sources)
    place.check()
    said = capsys.readouterr().out
    assert "no rule was broken" in said
    assert "verdict: these sources would be taken" in said
    assert "optional sources that are not there" not in said
    assert not place.root.exists()
    counts = place.ingest().counts
    lake = Lake(place.root, all_contracts())
    for contract in SOURCES:
        assert counts[f"{contract.name}.good"] == 1, contract.name
        (row,) = lake.arrow(contract.name).to_pylist()
        for name in contract.example:
            assert row[name] is not None, (contract.name, name)


def test_examples_are_shown() -> None:
    """The data dictionary holds the example of every source table."""
    text = dictionary_markdown()
    for contract in SOURCES:
        assert contract.example, contract.name
    assert text.count("Example: `{") >= len(SOURCES)
    assert "(private: in no other table)" in text


def test_what_is_missing_is_told(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """Every optional table has a word on what it feeds, and a missing one is told with it."""
    assert set(WHAT_NEEDS) == {c.name for c in SOURCES if not c.required}
    write_small_sources(place.sources, customers=4, poison=True)
    place.check()
    said = capsys.readouterr().out
    assert "browsing" in said
    assert WHAT_NEEDS["browsing"] in said
    assert "amount below 0" in said
    assert "transactions: for example transactions.parquet row" in said
    assert not place.root.exists()


def test_a_check_of_a_lake_leaves_it_alone(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """The history of a lake is looked at, and not a byte of it changes; table rules use it."""
    write_small_sources(place.sources, customers=4)
    for path in place.sources.iterdir():
        if path.stem not in ("transactions", "products", "contacts"):
            path.unlink()
    for left_out in range(3):
        write_contacts(place, left_out)
        place.ingest()
    before = place.trace()
    assert before
    capsys.readouterr()
    (place.sources / "contacts.parquet").write_bytes(b"")
    with pytest.raises(DataError, match="contacts"):
        place.check()
    write_contacts(place, -1)
    place.check()
    assert FEWER in capsys.readouterr().out
    quality = {"severity": {f"contacts.{FEWER}": "stop"}}
    with pytest.raises(
        DataError, match=r"would not be taken:\n.*which is set to stop the run; 1 rows, where \d+ were usual"
    ):
        place.check(quality=quality)
    with pytest.raises(SettingsError, match="is about the whole table: warn or stop"):
        place.check(quality={"severity": {f"contacts.{FEWER}": "quarantine"}})
    assert place.trace() == before


def write_contacts(place: Place, left_out: int) -> None:
    """The contacts without the first few; -1 for the last one alone."""
    contacts = small_sources(customers=4)["contacts"]
    start = contacts.num_rows - 1 if left_out < 0 else left_out
    pq.write_table(contacts.slice(start), place.sources / "contacts.parquet")


def test_a_run_that_would_stop_fails_the_check(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many bad rows, wrong columns, a missing table or a missing key: errors, whose exit codes are not 0."""
    write_small_sources(place.sources, customers=4, poison=True)
    strict = {"max_quarantined_share": 0.0, "tolerated_rows": 0}
    with pytest.raises(DataError, match=r"would not be taken:\n  - transactions: 8 of") as stop:
        place.check(quality=strict)
    (place.sources / "offers.parquet").unlink()
    (place.sources / "offers.csv").write_text("offer_id\no1\n")
    with pytest.raises(ContractError) as columns:
        place.check()
    (place.sources / "offers.csv").unlink()
    (place.sources / "accounts.csv").write_text("account_id,identifier_kind,identifier,event_ts\n")
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(SettingsError, match=VARIABLE) as key:
        place.check()
    (place.sources / "products.parquet").unlink()
    with pytest.raises(DataError, match="products: required and missing") as missing:
        place.check()
    assert all(e.value.exit_code for e in (stop, columns, key, missing))
    assert not place.root.exists()


def test_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The option calls the check with the folder, and nothing else."""
    seen: list[Settings] = []
    monkeypatch.setattr(ingest_check, "check", seen.append)
    result = CliRunner().invoke(group, ["ingest", "--sources", str(tmp_path), "--lake", str(tmp_path / "l"), "--check"])
    assert result.exit_code == 0, result.output
    assert [s.sources for s in seen] == [tmp_path]
    assert not (tmp_path / "l").exists()


def test_judging_order() -> None:
    """A table comes after those it refers to, whatever the order of delivery."""
    order = judging_order(dict.fromkeys(["responses", "coupons_redeemed", "coupons_issued", "contacts", "offers"]))
    assert order.index("offers") < order.index("contacts") < order.index("responses")
    assert order.index("offers") < order.index("coupons_issued") < order.index("coupons_redeemed")
    assert judging_order({"responses": None}) == ["responses"]
