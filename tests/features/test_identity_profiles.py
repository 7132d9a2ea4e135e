"""Profiles of account holders for fuzzy matching."""

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from features.as_of import AsOf
from features.identity_profiles import as_profiles, split_name, with_name_parts

EARLY, LATE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("王小明", ("王", "小明")),
        ("欧阳娜娜", ("欧阳", "娜娜")),
        ("欧阳", ("欧", "阳")),  # two characters: the common case is one of each
        ("Ann Lee Smith", ("Smith", "Ann Lee")),
        ("Madonna", ("Madonna", None)),
        (" ", (None, None)),
        (None, (None, None)),
    ],
)
def test_names_are_split(name: str | None, parts: tuple[str | None, str | None]) -> None:
    """Chinese names start with the surname, others end with it."""
    assert split_name(name) == parts
    assert with_name_parts(pa.table({"full_name": pa.array([name], pa.string())})).to_pylist() == [
        {"surname": parts[0], "given_name": parts[1]}
    ]


def test_only_what_was_known_before_the_cut(spark: SparkSession) -> None:
    """Statements and identifiers known later, and blocked values, are left out."""
    customers = spark.createDataFrame(
        [("a", EARLY, "王小明", date(1990, 1, 2), "310000", "Hangzhou"), ("b", LATE, "李雷", None, None, None)],
        "account_id string, available_ts timestamp, full_name string, birth_date date, postcode string, city string",
    )
    accounts = spark.createDataFrame(
        [
            ("a", "phone", "h2", "ok", EARLY, EARLY),
            ("a", "phone", "h1", "blocked", EARLY, EARLY),
            ("a", "email", "e1", "ok", EARLY, LATE),
        ],
        "account_id string, identifier_kind string, identifier string, identifier_state string, "
        "event_ts timestamp, available_ts timestamp",
    )
    rows = as_profiles(customers, accounts, AsOf(date(2026, 2, 1))).toArrow().to_pylist()
    assert rows == [
        {
            "account_id": "a",
            "full_name": "王小明",
            "birth_date": "1990-01-02",
            "postcode": "310000",
            "city": "Hangzhou",
            "phone_hash": "h2",
            "email_hash": None,
        }
    ]
