"""Files are found and checked before an engine opens them, and all faults are told at once."""

from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from features.errors import ContractError, DataError
from features.source_tables import SOURCES
from jobs.source_files import find_sources
from tests.small_sources import small_sources, write_small_sources


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A complete sources folder."""
    return write_small_sources(tmp_path / "sources", customers=3)


def fault(folder: Path) -> str:
    """The message with which the folder is refused for its files."""
    with pytest.raises(DataError) as e:
        find_sources(folder, SOURCES)
    return str(e.value)


def test_a_good_folder(folder: Path) -> None:
    """Every table is found, with the rows of its footer; the same files give the same batch id."""
    sources, notes = find_sources(folder, SOURCES)
    there = {p.stem for p in folder.iterdir()}
    assert set(sources) == there
    assert [n.split(":")[0] for n in notes] == [c.name for c in SOURCES if c.name not in there]
    assert sources["offers"].files[0].rows == 8
    assert sources["offers"].batch_id == find_sources(folder, SOURCES)[0]["offers"].batch_id
    assert sources["offers"].batch_id != sources["products"].batch_id


def test_missing_folder(tmp_path: Path) -> None:
    """A sources folder that is not there is named."""
    assert "nowhere does not exist" in fault(tmp_path / "nowhere")


def test_missing_required_and_optional(folder: Path) -> None:
    """A missing required table says where it was looked for, with a near name; a missing optional one is a note."""
    (folder / "transactions.parquet").rename(folder / "transaction.parquet")
    (folder / "offers.parquet").unlink()
    message = fault(folder)
    assert "transactions: required and missing; looked for transactions.parquet, transactions.csv" in message
    assert str(folder) in message
    assert "transaction.parquet is ignored: no table is called transaction (did you mean 'transactions'?)" in message
    (folder / "transaction.parquet").rename(folder / "transactions.parquet")
    assert "offers: not there; switched off: offers, so nothing can be decided" in find_sources(folder, SOURCES)[1]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty (0 bytes)"),
        (b"hello, this is no table", "is not Parquet or CSV"),
        (b"PK\x03\x04 a workbook", "is not Parquet or CSV but a zip or Excel file"),
        (b"PAR1", "truncated"),
        (b"PAR1" + b"x" * 100 + b"PAR1", "damaged Parquet footer"),
    ],
)
def test_not_a_parquet_file(folder: Path, content: bytes, told: str) -> None:
    """What is named .parquet and is not is named, with what it seems to be."""
    (folder / "products.parquet").write_bytes(content)
    message = fault(folder)
    assert "products.parquet: " in message
    assert told in message


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_truncated_parquet(folder: Path, share: float) -> None:
    """A file that was cut anywhere is refused, whatever an engine would make of it."""
    path = folder / "transactions.parquet"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert "transactions.parquet: is a truncated Parquet file" in fault(folder)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty (0 bytes)"),
        (b"PAR1xxxxxxxxxPAR1", "is Parquet, named .csv"),
        (b"product_id;name\n1;x\n", "separated by semicolons"),
        ("product_id,name\n".encode("utf-16"), "not a CSV header in UTF-8"),
        (b"product_id,name,name\n", "columns 2, 3 have equal names"),
        (b"\x00\x01\x02,\x00\n", "is not Parquet or CSV"),
    ],
)
def test_not_a_csv_file(folder: Path, content: bytes, told: str) -> None:
    """What is named .csv and cannot be read as such is named, with what to do."""
    (folder / "products.parquet").unlink()
    (folder / "products.csv").write_bytes(content)
    assert told in fault(folder)


def test_all_differences_of_all_tables_at_once(folder: Path) -> None:
    """Missing, renamed and retyped columns of several tables stand in one message; an extra column is a note."""
    tables = small_sources(customers=3)
    lines = tables["transactions"].drop_columns(["quantity"])
    lines = lines.rename_columns(["total_amount" if n == "amount" else n for n in lines.column_names])
    lines = lines.set_column(0, "order_id", pa.array(range(lines.num_rows), pa.int64()))
    pq.write_table(lines, folder / "transactions.parquet")
    pq.write_table(tables["offers"].drop_columns(["starts_on"]), folder / "offers.parquet")
    with pytest.raises(ContractError) as e:
        find_sources(folder, SOURCES)
    message = str(e.value)
    assert "transactions.parquet: column 'order_id': expected string (string), found int64" in message
    assert "transactions.parquet: column 'quantity' (long) is missing" in message
    assert "column 'amount' (money) is missing (is it now called 'total_amount'?)" in message
    assert "offers.parquet: column 'starts_on' (date) is missing" in message


def test_extra_columns_are_noted(folder: Path) -> None:
    """A column that is in no contract is dropped, and said."""
    table = small_sources(customers=3)["products"]
    pq.write_table(table.append_column("glitter", pa.array(["red"] * table.num_rows)), folder / "products.parquet")
    assert "products: ignored columns not in the contract: glitter" in find_sources(folder, SOURCES)[1]


def test_files_of_one_table_that_disagree(folder: Path) -> None:
    """Of several files the one that differs is named, with the column."""
    table = small_sources(customers=3)["products"]
    (folder / "products.parquet").unlink()
    (folder / "products").mkdir()
    pq.write_table(table, folder / "products" / "a.parquet")
    other = table.set_column(5, "product_type", pa.array(range(table.num_rows), pa.int64())).drop_columns(["name"])
    pq.write_table(other, folder / "products" / "b.parquet")
    with pytest.raises(ContractError) as e:
        find_sources(folder, SOURCES)
    assert "products/b.parquet and products/a.parquet disagree" in str(e.value)
    assert "column 'name' is missing in the former" in str(e.value)
    assert "column 'product_type' is int64 in the former and string in the latter" in str(e.value)


def test_one_table_twice(folder: Path) -> None:
    """The same table as Parquet and as CSV is refused, since its rows would count twice."""
    pacsv.write_csv(small_sources(customers=3)["products"], folder / "products.csv")
    assert "found products.parquet and products.csv" in fault(folder)


def test_stray_files_in_a_table_folder(folder: Path) -> None:
    """A file of another format inside a table's folder is named; hidden files and markers are no files."""
    (folder / "offers.parquet").rename(folder / "kept.tmp")
    (folder / "offers").mkdir()
    (folder / "kept.tmp").rename(folder / "offers" / "part-0.parquet")
    (folder / "offers" / "_SUCCESS").write_bytes(b"")
    assert find_sources(folder, SOURCES)[0]["offers"].files[0].name == "offers/part-0.parquet"
    (folder / "offers" / "notes.txt").write_text("hello")
    assert "offers/notes.txt is not Parquet or CSV" in fault(folder)


def test_category_and_null_columns_are_accepted(folder: Path) -> None:
    """Dictionary columns, as pandas writes categories, are their values; a column of nulls is as good as none."""
    table = small_sources(customers=3)["products"]
    i = table.column_names.index("category")
    table = table.set_column(i, "category", table["category"].dictionary_encode())
    i = table.column_names.index("margin_rate")
    pq.write_table(table.set_column(i, "margin_rate", pa.nulls(table.num_rows)), folder / "products.parquet")
    assert "products" in find_sources(folder, SOURCES)[0]
