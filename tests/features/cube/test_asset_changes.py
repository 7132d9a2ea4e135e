"""The change of the cube adds up, and an identity change is none."""

from decimal import Decimal
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from features.cube.asset_changes import as_asset_changes
from features.cube.cube_tables import CELL

CELLS = "customer_id string, source string, stage string, tier string, region string, net_amt_365 decimal(18,2)"


def cells(spark: SparkSession, *rows: tuple[str, str, int]) -> DataFrame:
    """Customers with stage and amount; the rest of the cell is the same for all."""
    return spark.createDataFrame([(c, "web", stage, "none", "north", Decimal(a)) for c, stage, a in rows], CELLS)


def changes(spark: SparkSession, before: DataFrame, after: DataFrame, *links: tuple[str, str, str]) -> list[Any]:
    """The rows of asset_changes."""
    lineage = spark.createDataFrame(list(links), "old_id string, new_id string, link string")
    return [r.asDict() for r in as_asset_changes(before, after, lineage).collect()]


def totals(rows: list[Any]) -> dict[str, tuple[int, int, int]]:
    """change -> (customers in, customers out, change of the amount)."""
    found: dict[str, tuple[int, int, int]] = {}
    for r in rows:
        i, o, a = found.get(r["change"], (0, 0, 0))
        found[r["change"]] = (
            i + r["customers_in"],
            o + r["customers_out"],
            a + int(r["amount_in"]) - int(r["amount_out"]),
        )
    return found


def test_each_change_has_its_reason_and_all_add_up(spark: SparkSession) -> None:
    """New, gone, lapsed, won back, moved, merged and split; their sums are the two snapshots."""
    before = cells(
        spark, ("A", "loyal", 100), ("B", "new", 40), ("C", "loyal", 90), ("D", "at_risk", 30), ("E", "lapsed", 0),
        ("F", "new", 10), ("G", "new", 7), ("H", "loyal", 5),
    )  # fmt: skip
    after = cells(
        spark, ("A", "loyal", 150), ("C", "loyal", 60), ("C2", "new", 35), ("D", "lapsed", 20), ("E", "won_back", 12),
        ("F", "repeat", 25), ("N", "new", 8), ("H", "loyal", 5),
    )  # fmt: skip
    links = [(c, c, "continues") for c in "ACDEFH"] + [("B", "A", "merged"), ("C", "C2", "split")]
    rows = changes(spark, before, after, *links)
    found = totals(rows)
    assert found == {
        "kept": (3, 3, (150 - 40 - 100) + (60 - (90 - 35)) + 0),  # A beside what B brought, C beside what C2 took, H
        "merged": (0, 1, 0),
        "split": (1, 0, 0),
        "lapsed": (1, 1, -10),
        "won_back": (1, 1, 12),
        "moved": (1, 1, 15),
        "new": (1, 0, 8),
        "gone": (0, 1, -7),
    }
    assert sum(r["customers_in"] for r in rows) == after.count()
    assert sum(r["customers_out"] for r in rows) == before.count()
    for side, frame in (("in", after), ("out", before)):
        total = sum(r["net_amt_365"] for r in frame.collect())
        assert sum(r[f"amount_{side}"] for r in rows) == total
        by_cell: dict[tuple[str, ...], int] = {}
        for r in rows:
            cell = tuple(r[c] for c in CELL)
            by_cell[cell] = by_cell.get(cell, 0) + r[f"customers_{side}"]
        found_cells = [tuple(r[c] for c in CELL) for r in frame.collect()]
        assert {c: n for c, n in by_cell.items() if n} == {c: found_cells.count(c) for c in set(found_cells)}


def test_a_merge_and_a_split_at_once_are_no_growth(spark: SparkSession) -> None:
    """B's accounts go to A but for one, which is a customer of its own: nothing but identities has changed."""
    before = cells(spark, ("A", "new", 100), ("B", "new", 50))
    after = cells(spark, ("A", "new", 130), ("S", "new", 20))
    rows = changes(spark, before, after, ("A", "A", "continues"), ("B", "A", "merged"), ("B", "S", "split"))
    assert totals(rows) == {"kept": (1, 1, 0), "merged": (0, 1, 0), "split": (1, 0, 0)}
    assert sum(r["amount_out"] for r in rows) == sum(r["amount_in"] for r in rows) == 150


def test_a_merge_alone_is_no_growth(spark: SparkSession) -> None:
    """Two customers that turn out to be one: one customer less, nothing more or less in amount."""
    before = cells(spark, ("A", "new", 10), ("B", "new", 20))
    rows = changes(spark, before, cells(spark, ("A", "new", 30)), ("A", "A", "continues"), ("B", "A", "merged"))
    assert totals(rows) == {"kept": (1, 1, 0), "merged": (0, 1, 0)}
