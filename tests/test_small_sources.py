"""The small shop keeps the promises its readers build on."""

from pathlib import Path

import pyarrow.parquet as pq

from features.source_tables import SOURCES
from tests.small_sources import small_sources, write_small_sources


def test_files_match_the_contracts_and_repeat(tmp_path: Path) -> None:
    """Every source table is written exactly as its contract states, and the same arguments give the same rows."""
    write_small_sources(tmp_path)
    again = small_sources()
    for contract in SOURCES:
        if contract.name not in again:
            continue
        written = pq.read_table(tmp_path / f"{contract.name}.parquet")
        contract.check_schema(written.schema, "written")
        assert written.equals(again[contract.name])


def test_special_customers() -> None:
    """c000 has one order, c001 stops in summer, c999 is contacted and never buys."""
    tables = small_sources()
    lines = tables["transactions"].to_pandas()
    orders = lines.groupby("account_id").order_id.nunique()
    assert orders["c000"] == 1
    assert f"{lines[lines.account_id == 'c001'].event_ts.max():%Y-%m}" < "2017-08"
    assert "c999" not in orders.index
    assert "c999" in set(tables["contacts"].to_pandas().account_id)
    assert not lines.duplicated(["order_id", "product_id", "line_no"]).any()
