"""Each rule across rows finds the rows that break it, names no other, and marks them by its severity."""

from typing import Any

import pytest
from pyspark.sql import SparkSession

from features.quality import with_broken_rules, with_violations
from features.quality_params import QualityParams
from features.quality_rules import row_rules
from features.set_rules import OWN, REFERENCES, set_queries, tables_needed
from tests.features.source_rows import BY_NAME, arriving, good_row

Rows = list[dict[str, Any]]


def log(order: str, status: str, day: int, amount: str | None = None) -> dict[str, Any]:
    """One row of an order's log."""
    at = f"2026-01-{day:02d}T00:00:00Z"
    return good_row("order_status", order_id=order, status=status, event_ts=at, amount=amount, product_id=None)


def points(entry: str, account: str, day: int, n: int) -> dict[str, Any]:
    """One entry of a points ledger."""
    at = f"2026-01-{day:02d}T00:00:00Z"
    return good_row("points_ledger", entry_id=entry, account_id=account, event_ts=at, points=n)


# table, rows, other tables, and per row the rules it breaks
CASES: list[tuple[str, Rows, dict[str, Rows], list[list[str]]]] = [
    (
        "order_status",
        [
            log("a", "placed", 1), log("a", "paid", 1, "10"), log("a", "refunded", 2, "10"),
            log("b", "placed", 2), log("b", "paid", 1, "10"),
            log("c", "paid", 3, "10"), log("c", "refunded", 2, "5"), log("c", "refunded", 4, "5"),
            log("d", "paid", 1, "10"), log("d", "refunded", 2, "6"), log("d", "refunded", 3, "6"),
            log("e", "refunded", 2, "6"),
        ],
        {},
        [
            [], [], [],
            [], ["paid before it was placed"],
            [], ["refunded before it was paid"], ["refunded before it was paid"],
            [], ["refunded more than was paid"], ["refunded more than was paid"],
            [],  # nothing known of its payment
        ],
    ),
    (
        "order_status",
        [log("a", "paid", 1, "100.9"), log("b", "paid", 1, "80"), log("c", "paid", 1, "102"),
         log("d", "paid", 1, "78"), log("e", "paid", 1, "7")],
        {"transactions": [
            good_row("transactions", order_id=o, line_no=n, amount="50.00", coupon_amount=c)
            for o in "abcd" for n, c in ((1, "20.00"), (2, None))
        ]},
        [[], [], ["paid differs from its lines"], ["paid differs from its lines"], []],
    ),
    (
        "responses",
        [good_row("responses", response_id=str(i), event_ts=f"2026-01-02T0{i}:00:00Z") for i in (1, 2, 3)]
        + [good_row("responses", response_id="4", contact_id=None, event_ts="2026-01-01T00:00:00Z")],
        {"contacts": [good_row("contacts")]},
        [["answered before it was sent"], [], [], []],
    ),
    (
        "coupons_redeemed",
        [good_row("coupons_redeemed", coupon_id=c, event_ts=at) for c, at in (
            ("c1", "2026-01-02T02:00:00Z"), ("c2", "2026-01-02T01:59:00Z"), ("c3", "2026-01-16T16:00:01Z"),
            ("c4", "2026-03-01T00:00:00Z"))],
        {"coupons_issued": [good_row("coupons_issued", coupon_id=c) for c in ("c1", "c2", "c3")]
         + [good_row("coupons_issued", coupon_id="c4", expires_ts=None)]},
        [[], ["redeemed before it was issued"], ["redeemed after it expired"], []],
    ),
    (
        "points_ledger",
        # of one moment only the sum counts; a balance that recovers breaks the rule where it was spent
        [points("1", "a", 1, 10), points("2", "a", 2, -12), points("3", "a", 2, 5), points("4", "a", 3, -4),
         points("5", "a", 4, 9), points("6", "b", 1, 1)],
        {},
        [[], [], [], ["balance of points below 0"], [], []],
    ),
    (
        "accounts",
        [good_row("accounts", account_id=a, identifier=i, identifier_state=s)
         for a, i, s in (("a", "x", "ok"), ("b", "x", "ok"), ("c", "x", "ok"), ("c", "x", "ok"),
                         ("a", "y", "ok"), ("b", "y", "ok"), ("a", "z", "blocked"), ("b", "z", "blocked"),
                         ("c", "z", "blocked"))],
        {},
        [["one identifier on too many accounts"]] * 4 + [[]] * 5,
    ),
    (
        "holdouts",
        [good_row("holdouts"), good_row("holdouts", holdout_id="h2", account_id="m-100017")],
        {"contacts": [good_row("contacts")]},
        [[], ["held out and contacted all the same"]],
    ),
    (
        "consents",
        [good_row("consents", channel=c) for c in ("sms", "any", "pigeon")],
        {"channels": [good_row("channels")]},
        [[], [], ["channel not in channels"]],
    ),
]  # fmt: skip


def rules_broken(
    spark: SparkSession, table: str, rows: Rows, others: dict[str, Rows], params: QualityParams
) -> list[list[str]]:
    """Per row, the rules across rows that it breaks, of those whose tables are there."""
    df = arriving(spark, table, rows)
    marked = with_broken_rules(df, [])
    frames = {name: arriving(spark, name, there) for name, there in others.items()}
    for rule in set_queries(table):
        if set(rule.needs) <= frames.keys() and bool(rule.needs) == bool(frames):
            marked = with_violations(marked, rule.query(df, frames, params), rule.on, rule.rules)
    found = marked.selectExpr("source_row", "concat(broken, warned) as rules").orderBy("source_row").collect()
    return [r["rules"] for r in found]


@pytest.mark.parametrize(
    ("table", "rows", "others", "expected"), CASES, ids=[f"{c[0]}-{i}" for i, c in enumerate(CASES)]
)
def test_rows_good_and_bad(
    spark: SparkSession, table: str, rows: Rows, others: dict[str, Rows], expected: list[list[str]]
) -> None:
    """Only the rows that break a rule are named."""
    assert rules_broken(spark, table, rows, others, QualityParams(accounts_per_identifier=2)) == expected


def test_every_rule_is_tried() -> None:
    """Each query of a table's own has a case."""
    tried = {(table, rule) for table, _, _, expected in CASES for rules in expected for rule in rules}
    assert {(table, name) for table, rules in OWN.items() for rule in rules for name in rule.rules} <= tried


def test_references(spark: SparkSession) -> None:
    """A value that the other table does not hold is named; null is nothing."""
    rows = [good_row("browsing"), good_row("browsing", product_id="p-x"), good_row("browsing", product_id=None)]
    (rule,) = set_queries("browsing")
    frames = {"products": arriving(spark, "products", [good_row("products")])}
    found = rule.query(arriving(spark, "browsing", rows), frames, QualityParams()).collect()
    assert [tuple(r) for r in found] == [("p-x", "product_id not in products")]


def test_names_are_of_the_contracts() -> None:
    """Tables and columns of every rule exist, no table needs itself in a circle, and no two rules share a name."""
    for table, references in REFERENCES.items():
        for column, other, key in references:
            assert BY_NAME[table].column(column).kind == BY_NAME[other].column(key).kind
    for table in BY_NAME:
        seen, waiting = set(), [table]
        while waiting:
            needed = tables_needed(waiting.pop()) - seen
            seen |= needed
            waiting += sorted(needed)
        assert table not in seen
        names = [name for rule in set_queries(table) for name in rule.rules]
        assert len(names) == len(set(names))
        assert all(BY_NAME[table].column(c) for rule in set_queries(table) for c in rule.on)


def test_a_severity_of_its_own(spark: SparkSession) -> None:
    """Two rules of one query go where their severities say."""
    df = arriving(spark, "coupons_redeemed", [good_row("coupons_redeemed", coupon_id=c) for c in ("c1", "c2", "c3")])
    found = spark.createDataFrame([("c1", "early"), ("c2", "late"), ("c2", "early")], "coupon_id string, rule string")
    marked = with_broken_rules(df, row_rules(BY_NAME["coupons_redeemed"]))
    marked = with_violations(marked, found, ["coupon_id"], {"early": "quarantine", "late": "warn"})
    rows = marked.orderBy("source_row").select("broken", "warned").collect()
    assert [tuple(r) for r in rows] == [(["early"], []), (["early"], ["late"]), ([], [])]
