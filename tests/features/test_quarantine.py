"""Quarantine keeps what was delivered, but for what nobody else may read."""

import json
from datetime import date
from typing import Any

from pyspark.sql import SparkSession

from features.quality import with_broken_rules
from features.quality_rules import row_rules
from features.quarantine import as_quarantine, left_out, quarantine_contract, row_as_json, without_values
from features.source_tables import CUSTOMERS, SOCIAL_POSTS, SOURCES, TRANSACTIONS
from tests.features.source_rows import arriving, good_row


def kept(spark: SparkSession, table: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of a table that end up in quarantine."""
    contract = next(c for c in SOURCES if c.name == table)
    marked = with_broken_rules(arriving(spark, table, rows), row_rules(contract))
    return [r.asDict() for r in as_quarantine(marked, contract, "batch").orderBy("source_row").collect()]


def test_the_row_is_kept_as_text(spark: SparkSession) -> None:
    """What was delivered can be read back from JSON, also what no typed column could hold."""
    odd = good_row("transactions", order_id="x\0", amount="-inf", event_ts="2262-01-01T00:00:00Z")
    (found,) = kept(spark, "transactions", [good_row("transactions"), odd])
    assert (found["source_file"], found["source_row"], found["batch_id"]) == ("f.csv", 2, "batch")
    row = json.loads(found["row"])
    assert (row["order_id"], row["amount"], row["event_ts"][:4]) == ("x\0", "-inf", "2262")
    assert set(found["reasons"]) >= {"order_id holds a NUL character", "amount is not finite"}


def test_private_values_are_cut_out(spark: SparkSession) -> None:
    """Texts of posts, and what identifies an account holder, leave their length only."""
    (post,) = kept(spark, "social_posts", [good_row("social_posts", account_id=None)])
    assert json.loads(post["row"])["text"] == "(10 characters left out)"
    holder = good_row("customers", account_id=None, full_name="Wang Min", birth_date="1971-04-05", postcode=None)
    row = json.loads(kept(spark, "customers", [holder])[0]["row"])
    assert (row["full_name"], row["birth_date"], row["postcode"]) == ("(8 characters left out)", "(left out)", None)
    assert row["city"] == "Hangzhou"


def test_what_is_private() -> None:
    """The columns that stay in their clean table; quarantine has them under no name of its own."""
    private = {c.name: c.private_names for c in SOURCES if c.private_names}
    assert private == {
        "customers": ["full_name", "birth_date", "postcode"],
        "social_posts": ["text"],
        "reviews": ["text"],
    }
    assert TRANSACTIONS.private_names == []
    for contract in (CUSTOMERS, SOCIAL_POSTS):
        assert set(quarantine_contract(contract).names) == {"source_file", "source_row", "reasons", "row", "batch_id"}


def test_values_without_an_engine() -> None:
    """Text that is not UTF-8 keeps its bytes, escaped; a value cut out shows its kind and length at most."""
    assert json.loads(row_as_json({"a": b"x\xff", "b": None})) == {"a": "x\\xff", "b": None}
    assert without_values({"a": "xyz", "b": 1}, ["a"]) == {"a": "(3 characters left out)", "b": 1}
    assert [left_out(v) for v in (b"ab", None, 7, date(1971, 4, 5))] == [
        "(2 bytes left out)",
        None,
        "(left out)",
        "(left out)",
    ]
