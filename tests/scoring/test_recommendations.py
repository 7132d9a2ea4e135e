"""The scoring pass: contracts, and equal rows for any partitions and order."""

from datetime import timedelta
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from features.as_of import EPOCH, AsOf
from features.batches import map_batches
from features.output_tables import NEXT_BEST_CATEGORIES, NEXT_BEST_PRODUCTS
from jobs.reason_words import read_words
from scoring.eligible_items import save_lines
from scoring.history_rows import as_histories
from scoring.product_eligibility import BLOCKED_PAIRS
from scoring.recommendations import blocked_rows, category_rows, open_recommender, product_rows
from tests.recommend.shop import CUT, HORIZON, shop
from tests.scoring.recommender_files import save_recommender

WORDS = read_words("en")
TAG_COLUMNS = "customer_id string, product_id string, day date"
AS_OF = AsOf(EPOCH + timedelta(days=CUT))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recommender of the test shop, as files."""
    return save_recommender(tmp_path_factory.mktemp("model") / "recommender")


def purchase_days(spark: SparkSession) -> DataFrame:
    """Rows of `as_purchase_days` for the test shop, days after the cut included."""
    data = shop()
    table = pa.table(
        {
            "customer_id": pa.array(data.customers[data.customer].tolist()),
            "product_id": pa.array(data.products[data.product].tolist()),
            "day": pa.array([EPOCH + timedelta(days=int(d)) for d in data.day], pa.date32()),
            "orders": pa.array(data.orders, pa.int32()),
            "quantity": pa.array(data.quantity.astype("int64"), pa.int64()),
            "amount": pa.array(data.amount.astype("float64"), pa.float64()),
        }
    )
    return spark.createDataFrame(table.to_pandas()).withColumn("day", F.to_date("day"))


def rows_of(df: DataFrame) -> list[dict[str, object]]:
    """Rows as dicts, by customer and rank."""
    return sorted((r.asDict() for r in df.collect()), key=lambda r: (r["customer_id"], r["rank"]))


def test_partitions_and_order_change_nothing(spark: SparkSession, folder: Path) -> None:
    """One partition, and three of shuffled rows, give equal products and categories; contracts hold."""
    days = purchase_days(spark)
    path = partial(str, folder)
    for contract, rows in ((NEXT_BEST_PRODUCTS, product_rows), (NEXT_BEST_CATEGORIES, category_rows)):
        one = rows_of(map_batches(as_histories(days.repartition(1)), rows(path, AS_OF, WORDS), contract))
        shuffled = days.repartition(3, F.xxhash64("product_id", "day"))
        three = map_batches(as_histories(shuffled).repartition(3, "customer_id"), rows(path, AS_OF, WORDS), contract)
        assert one == rows_of(three)
        assert list(one[0]) == contract.names
        per_customer = {r["customer_id"] for r in one}
        assert len(per_customer) == 40
        assert all(r["reasons"] and 0 <= r["p_buy"] <= 1 and r["horizon_days"] == HORIZON for r in one)
        if contract is NEXT_BEST_PRODUCTS:
            assert len(one) == 40 * 6
            assert {r["kind"] for r in one} <= set(contract.column("kind").values)
        else:
            assert {r["state"] for r in one} <= {"never", "lapsed", "active"}


def test_days_at_or_after_the_cut_are_not_scored(spark: SparkSession, folder: Path) -> None:
    """Histories that reach beyond the cut give the same rows as histories that end there."""
    days = purchase_days(spark)
    path = partial(str, folder)
    cut = F.lit(AS_OF.day)
    all_days = rows_of(map_batches(as_histories(days), product_rows(path, AS_OF, WORDS), NEXT_BEST_PRODUCTS))
    before = as_histories(days.where(F.col("day") < cut))
    assert all_days == rows_of(map_batches(before, product_rows(path, AS_OF, WORDS), NEXT_BEST_PRODUCTS))


def test_excluded_products_do_not_appear(spark: SparkSession, folder: Path) -> None:
    """What is excluded for one customer leaves her list full, and the lists of others as they were."""
    days = purchase_days(spark).where(F.col("customer_id").isin("c00", "c01"))
    path = partial(str, folder)
    plain = rows_of(map_batches(as_histories(days), product_rows(path, AS_OF, WORDS), NEXT_BEST_PRODUCTS))
    first = [r["product_id"] for r in plain if r["customer_id"] == "c00"][:3]
    banned = spark.createDataFrame([("c00", p) for p in first], "customer_id string, product_id string")
    got = rows_of(map_batches(as_histories(days, banned), product_rows(path, AS_OF, WORDS), NEXT_BEST_PRODUCTS))
    mine = [r["product_id"] for r in got if r["customer_id"] == "c00"]
    assert not set(mine) & set(first)
    assert len(mine) == 6
    others = [[r for r in rows if r["customer_id"] == "c01"] for rows in (plain, got)]
    assert others[0] == others[1]


def test_rules_on_products_hold_for_whom_they_are_about(spark: SparkSession, folder: Path, tmp_path: Path) -> None:
    """What is closed to all is in nobody's list; what is for a kind of customers only in the lists of those. Lists stay
    full, and the pairs kept out are counted."""
    days = purchase_days(spark).where(F.col("customer_id").isin("c00", "c01"))
    tags = spark.createDataFrame([("c01", "tier:gold", AS_OF.day - timedelta(days=9))], TAG_COLUMNS)
    path = partial(str, folder)
    plain = rows_of(map_batches(as_histories(days, tags=tags), product_rows(path, AS_OF, WORDS), NEXT_BEST_PRODUCTS))
    mine, hers = ([r["product_id"] for r in plain if r["customer_id"] == c] for c in ("c00", "c01"))
    gone, some = mine[0], next(p for p in mine if p in hers and p != mine[0])
    lines = [("deny", "all", None, gone, "recalled"), ("allow", "tier", "gold", some, "members")]
    names = ("action", "attribute", "value", "product_id", "reason")
    save_lines(pa.Table.from_pylist([dict(zip(names, line, strict=True)) for line in lines]), str(tmp_path / "rules"))
    rules = partial(str, tmp_path / "rules")
    histories = as_histories(days, tags=tags)
    got = rows_of(map_batches(histories, product_rows(path, AS_OF, WORDS, rules), NEXT_BEST_PRODUCTS))
    listed = {c: [r["product_id"] for r in got if r["customer_id"] == c] for c in ("c00", "c01")}
    assert gone not in listed["c00"] + listed["c01"]
    assert some not in listed["c00"]
    assert some in listed["c01"]
    assert {len(products) for products in listed.values()} == {6}
    counted = map_batches(histories, blocked_rows(path, AS_OF, rules), BLOCKED_PAIRS)
    by_reason = counted.groupBy("reason").agg(F.sum("pairs").alias("pairs")).collect()
    assert {r["reason"]: r["pairs"] for r in by_reason} == {"recalled": 2, "members": 1}


def test_categories_without_a_product_for_her_are_left_out(spark: SparkSession, folder: Path, tmp_path: Path) -> None:
    """Four products are a category: closed to a kind of customers, it is in the lists of the others only."""
    days = purchase_days(spark).where(F.col("customer_id").isin("c00", "c01"))
    tags = spark.createDataFrame([("c01", "tier:gold", AS_OF.day - timedelta(days=9))], TAG_COLUMNS)
    path, histories = partial(str, folder), as_histories(days, tags=tags)
    plain = rows_of(map_batches(histories, category_rows(path, AS_OF, WORDS), NEXT_BEST_CATEGORIES))
    first = next(str(r["category"]) for r in plain if r["customer_id"] == "c01")
    members = [f"p{int(first[3:]) * 4 + i:02d}" for i in range(4)]
    names = ("action", "attribute", "value", "product_id", "reason")
    lines = [dict(zip(names, ("deny", "tier", "gold", p, "closed"), strict=True)) for p in members]
    save_lines(pa.Table.from_pylist(lines), str(tmp_path / "rules"))
    rules = category_rows(path, AS_OF, WORDS, partial(str, tmp_path / "rules"))
    got = rows_of(map_batches(histories, rules, NEXT_BEST_CATEGORIES))
    assert first not in [r["category"] for r in got if r["customer_id"] == "c01"]
    others = [[r for r in rows if r["customer_id"] == "c00"] for rows in (plain, got)]
    assert others[0] == others[1]


def test_opening_something_else_says_what_to_do(tmp_path: Path) -> None:
    """An empty folder is no recommender."""
    from features.errors import ModelError

    with pytest.raises(ModelError, match="train the recommender again"):
        open_recommender(str(tmp_path))
