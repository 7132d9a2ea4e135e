"""Rules on products from the source table to a batch of the scoring pass."""

from datetime import date, timedelta

import pyarrow as pa
from pyspark.sql import SparkSession

from features.source_tables import PRODUCT_ELIGIBILITY, PRODUCTS
from recommend.tag_rules import KNOWN
from scoring.eligible_items import blocked_pairs, build_item_rules, open_lines, save_lines
from scoring.history_rows import Axes, as_histories, batch_histories, batch_knowledge
from scoring.product_eligibility import as_rule_lines, collect_segment_lines, customer_lines
from tests.features.purchase_world import AS_OF, frame, product

LATER = AS_OF.ts + timedelta(seconds=1)


def rule(name: str, action: str, attribute: str, value: str | None = None, **about):
    """One line of the source table."""
    row = {"rule_id": name, "line_no": 1, "action": action, "attribute": attribute, "value": value}
    empty = {"product_id": None, "category": None, "valid_from": None, "valid_to": None, "reason": None}
    return empty | row | about


def test_rules_reach_the_pairs_they_are_about(spark: SparkSession, tmp_path):
    """Validity, categories, stock, attributes known now, the store she shops in, and rules on customers; a rule makes
    nobody a customer."""
    goods = [
        product("ham", category="meat"),
        product("steak", category="meat"),
        product("milk", category="dairy"),
        product("old", category="dairy", in_stock=False),
        product("gift", category="gifts"),
    ]
    rules = [
        rule("vegan", "deny", "customer_id", "ann", category="meat", reason="asked for it"),
        rule("ghost", "deny", "customer_id", "ghost", product_id="milk"),
        rule("region", "deny", "region", " North ", product_id="milk"),
        rule("store", "deny", "store", "s1", product_id="steak", reason="not sold there"),
        rule("gift", "allow", "customer_id", "bob", product_id="gift"),
        rule("over", "deny", "all", product_id="ham", valid_to=AS_OF.ts),
        rule("not yet", "deny", "all", product_id="ham", valid_from=LATER),
        rule("now", "deny", "tier", "gold", product_id="ham", valid_from=AS_OF.ts, valid_to=LATER),
    ]
    lines = as_rule_lines(frame(spark, PRODUCT_ELIGIBILITY, rules), frame(spark, PRODUCTS, goods), AS_OF)
    bought = [("ann", "ham", 3, "s1"), ("bob", "milk", 3, "s2"), ("bob", "milk", 9, "s2"), ("bob", "ham", 4, "s1")]
    days = spark.createDataFrame(
        [(c, p, AS_OF.day - timedelta(days=ago), store, 1.0, 1.0, 1.0, 1.0) for c, p, ago, store in bought],
        "customer_id string, product_id string, day date, store_id string, "
        "orders double, quantity double, amount double, list_amount double",
    )
    tags = spark.createDataFrame(
        [
            ("ann", "region:north", date(2017, 1, 1)),
            ("ann", "region:south", date(2017, 6, 1)),
            ("bob", "tier:gold", date(2017, 1, 1)),
            ("cat", "region:north", date(2017, 1, 1)),
            ("cat", KNOWN, date(2017, 1, 1)),
        ],
        "customer_id string, product_id string, day date",
    )
    rows = as_histories(
        days, customer_lines(lines, "deny"), tags=tags, admitted=customer_lines(lines, "allow")
    ).orderBy("customer_id")
    batch = rows.toArrow().combine_chunks().to_batches()[0]
    assert batch["customer_id"].to_pylist() == ["ann", "bob", "cat"]
    save_lines(collect_segment_lines(lines), str(tmp_path / "rules.parquet"))
    items = ["gift", "ham", "milk", "old", "steak"]
    axes = Axes({p: i for i, p in enumerate(items)}, {"s1": 0, "s2": 1}, {})
    rules_of = build_item_rules(open_lines(str(tmp_path / "rules.parquet")), axes.products)
    h, _ = batch_histories(axes, batch, AS_OF.epoch_day)
    known = batch_knowledge(axes, batch, h, rules_of.attributes)
    keys, counts = blocked_pairs(rules_of, h.n, known)
    blocked = {(str(h.customers[k // 5]), items[k % 5]) for k in keys.tolist()}
    assert blocked == {
        ("ann", "ham"),
        ("ann", "steak"),
        ("ann", "gift"),
        ("bob", "ham"),
        ("cat", "milk"),
        ("cat", "gift"),
    }
    assert rules_of.closed_to_all().tolist() == [False, False, False, True, False]
    assert counts == {
        "out of stock": 3,
        "asked for it": 1,  # the steak is not sold there, which comes first
        "not sold there": 1,
        "denied": 2,
        "for others only": 2,
    }


def test_without_rules_only_stock_counts(spark: SparkSession):
    """No such source: what is out of stock is closed, nothing else."""
    goods = [product("a", category="x", in_stock=True), product("b", category="x", in_stock=False)]
    table = collect_segment_lines(as_rule_lines(None, frame(spark, PRODUCTS, goods), AS_OF))
    assert isinstance(table, pa.Table)
    assert build_item_rules(table, {"a": 0, "b": 1}).closed_to_all().tolist() == [False, True]
