"""`nextbest evaluate identity`: public records, and the map of a lake against a world's truth."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.as_of import AsOf
from features.errors import DataError
from features.identity_params import IdentityParams
from jobs.evaluate_world_identity import customers_at, read_truth
from jobs.public_identity import read_public, stitch_records

START, MID = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)


def test_records_are_stitched_by_every_exact_key(tmp_path: Path) -> None:
    """Equal mailbox, or equal name and date of birth; what is unknown never links."""
    rows = [
        ("0", "Ann", "Lee", "1990-01-01", "x@y.z", "p"),
        ("1", "ann ", "lee", "1990-01-01", None, "p"),  # blanks and case do not count
        ("2", "Anne", "Leigh", None, "x@y.z", "p"),
        ("3", "Ann", "Lee", None, None, "q"),  # no date of birth: no key
        ("4", "Bo", "Ek", None, None, "r"),
    ]
    names = ["unique_id", "first_name", "surname", "dob", "email", "cluster"]
    columns = dict(zip(names, (pa.array(c, pa.large_string()) for c in zip(*rows, strict=True)), strict=True))
    columns["city"] = pa.nulls(5, pa.large_string())
    pq.write_table(pa.table(columns), tmp_path / "f.parquet")
    records = read_public(tmp_path / "f.parquet")
    assert records.name == "fake_1000"
    assert records.person.tolist() == [0, 0, 0, 1, 2]
    assert stitch_records(records, IdentityParams(), None).tolist() == [0, 0, 0, 3, 4]


def test_febrl_persons_are_told_by_their_record_ids(tmp_path: Path) -> None:
    """rec-7-org and rec-7-dup-0 are one person."""
    names = ["given_name", "surname", "street_number", "address_1", "suburb", "postcode", "date_of_birth", "soc_sec_id"]
    table = pa.table({"rec_id": ["rec-7-org", "rec-7-dup-0", "rec-70-org"], **{n: ["1", "2", None] for n in names}})
    pq.write_table(table, tmp_path / "f.parquet")
    records = read_public(tmp_path / "f.parquet")
    assert (records.name, records.person.tolist()) == ("febrl", [0, 0, 1])


def test_other_files_are_refused_by_what_they_lack(tmp_path: Path) -> None:
    """The error lists the columns that were expected."""
    pq.write_table(pa.table({"a": [1]}), tmp_path / "f.parquet")
    with pytest.raises(DataError, match="holds a; expected"):
        read_public(tmp_path / "f.parquet")
    (tmp_path / "g.parquet").write_text("no")
    with pytest.raises(DataError, match="cannot be read"):
        read_public(tmp_path / "g.parquet")
    with pytest.raises(DataError, match="no simulated world"):
        read_truth(tmp_path)


def test_truth_is_read_with_the_day_it_ends_on(tmp_path: Path) -> None:
    """Accounts come as plain strings."""
    (tmp_path / "truth" / "accounts").mkdir(parents=True)
    (tmp_path / "truth" / "world.json").write_text(json.dumps({"end": "2026-07-01"}))
    pq.write_table(pa.table({"account_id": ["a"], "person": [1]}), tmp_path / "truth" / "accounts" / "p.parquet")
    table, end = read_truth(tmp_path)
    assert (table["account_id"].to_pylist(), end) == (["a"], "2026-07-01")


class _Lake:
    """A lake that holds one map."""

    root = "here"

    def __init__(self, table: pa.Table | None) -> None:
        self._table = table

    def table(self, name: str) -> pa.Table | None:
        return self._table

    def arrow(self, name: str) -> pa.Table:
        assert self._table is not None
        return self._table


def test_the_map_is_read_as_of_the_cut() -> None:
    """A stitch counts from the instant after valid_from until valid_to; one row per account, the newest."""
    stamp = pa.timestamp("us", tz="UTC")
    rows = pa.table(
        {
            "account_id": ["ck", "ck", "wb"],
            "customer_id": ["ck", "wb", "wb"],
            "valid_from": pa.array([datetime(1900, 1, 1, tzinfo=UTC), MID, START], stamp),
            "valid_to": pa.array([MID, None, None], stamp),
        }
    )
    lake = _Lake(rows)
    at = {day: customers_at(lake, AsOf(day))["customer_id"].to_pylist() for day in (date(2026, 2, 1), date(2026, 2, 2))}  # type: ignore[arg-type]
    assert at == {date(2026, 2, 1): ["ck", "wb"], date(2026, 2, 2): ["wb", "wb"]}
    with pytest.raises(DataError, match="resolve-identities"):
        customers_at(_Lake(None), AsOf(date(2026, 2, 1)))  # type: ignore[arg-type]
