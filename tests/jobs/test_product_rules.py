"""Rules on products as the scoring step reads them from the lake."""

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from features.source_tables import PRODUCT_ELIGIBILITY, PRODUCTS
from jobs.audience_barred import known_shelves
from jobs.product_rules import RULES, read_rules
from jobs.runs import Job
from scoring.product_eligibility import as_rule_lines
from tests.features.purchase_world import AS_OF, frame, product


def test_what_is_sold_from_tomorrow_has_rules_of_its_category_today(spark: SparkSession) -> None:
    """The category at the cut, and where there is none yet the first to come."""
    day = timedelta(days=1)
    rows = [product("a", category="OLD", valid_from=AS_OF.ts - 9 * day),
            product("a", category="NEW", valid_from=AS_OF.ts),
            product("b", category="SOON", valid_from=AS_OF.ts + day),
            product("b", category="LATER", valid_from=AS_OF.ts + 2 * day)]  # fmt: skip
    shelves = known_shelves(frame(spark, PRODUCTS, rows), AS_OF)
    assert {tuple(r) for r in shelves.collect()} == {("a", "OLD"), ("b", "SOON")}
    rule = {"rule_id": "r", "line_no": 1, "action": "deny", "attribute": "all", "category": "SOON"}
    rules = frame(spark, PRODUCT_ELIGIBILITY, [rule])
    held = as_rule_lines(rules, frame(spark, PRODUCTS, rows), AS_OF, shelves).collect()
    assert [r["product_id"] for r in held] == ["b"]


def job(spark: SparkSession, folder: Path, counts: dict[str, float], **tables: DataFrame) -> Job:
    """As much of a job as the rules need."""
    found = SimpleNamespace(
        as_of=AS_OF,
        scratch=folder,
        engine=SimpleNamespace(ship=lambda path: lambda: str(path)),
        read=tables.__getitem__,
        has=lambda name: name in tables,
        write_read=lambda _, df: df,
        count=counts.__setitem__,
    )
    return cast(Job, found)


def test_rules_are_a_file_for_workers_and_lines_for_single_customers(spark: SparkSession, tmp_path: Path) -> None:
    """Without the source and with everything in stock there is nothing to do; stock alone makes a file; rules on single
    customers stay with the engine."""
    counts: dict[str, float] = {}
    stocked = frame(spark, PRODUCTS, [product("a"), product("b")])
    assert read_rules(job(spark, tmp_path, counts, products=stocked)).open is None
    sold_out = frame(spark, PRODUCTS, [product("a"), product("b", in_stock=False)])
    by_stock = read_rules(job(spark, tmp_path, counts, products=sold_out))
    assert by_stock.open is not None
    assert by_stock.denied is None
    assert pq.read_table(by_stock.open())["product_id"].to_pylist() == ["b"]
    assert counts == {"product_rule_lines": 1}
    row = {
        "rule_id": "r",
        "line_no": 1,
        "action": "deny",
        "attribute": "customer_id",
        "value": "ann",
        "product_id": "a",
    }
    given = {RULES: frame(spark, PRODUCT_ELIGIBILITY, [row])}
    both = read_rules(job(spark, tmp_path, counts, products=sold_out, **given))
    assert both.denied is not None
    assert [(r.customer_id, r.product_id) for r in both.denied.collect()] == [("ann", "a")]
    assert both.admitted is not None
    assert not both.admitted.collect()
