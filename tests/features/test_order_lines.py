"""Order lines with the attributes that their products had when they were bought."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import pytest
from pyspark.sql import SparkSession

from features.as_of import OPEN_START
from features.facts import Facts
from features.order_lines import product_versions
from features.output_tables import CUSTOMER_MAP
from features.source_tables import PRODUCTS, TRANSACTIONS
from tests.features.families.people_world import Draws, facts_of, net_orders_of, order, refund
from tests.features.purchase_world import AS_OF, Row, as_self, frame, line, product

MAY, JUNE = AS_OF.plus(-200).ts, AS_OF.plus(-170).ts
VERSIONS = [
    product("once", "MILK", "b1"),
    product("late", "TEA", "b1", valid_from=MAY),  # described after some of it was sold
    product("moved", "MILK", "b1"),
    product("moved", "TEA", "b1", valid_from=MAY),
    product("moved", None, "b1", valid_from=JUNE),
    product("priced", "MILK", None, valid_from=MAY),
    product("priced", "MILK", None, valid_from=JUNE),  # another price
    product("twice", "TEA", "b1"),
    product("twice", "MILK", "b2"),
    product("future", "MILK", "b1"),
    product("future", "TEA", "b1", valid_from=AS_OF.ts),
    product("unborn", "TEA", "b1", valid_from=AS_OF.ts + timedelta(days=1)),
]


def test_versions_follow_one_another(spark: SparkSession) -> None:
    """Spans meet, reach back for ever and up to the cut; equal neighbours are one and repeated keys do not overlap."""
    found = product_versions(frame(spark, PRODUCTS, VERSIONS, 3), AS_OF).collect()
    spans: dict[str, list[Row]] = {}
    for r in sorted((r.asDict() for r in found), key=lambda r: (r["product_id"], r["since"])):
        spans.setdefault(r["product_id"], []).append(r)
    shown = {p: [(r["category"], r["brand"]) for r in rows] for p, rows in spans.items()}
    assert shown == {
        "once": [("MILK", "b1")],
        "late": [("TEA", "b1")],
        "moved": [("MILK", "b1"), ("TEA", "b1"), (None, "b1")],
        "priced": [("MILK", None)],
        "twice": [("MILK", "b2")],
        "future": [("MILK", "b1")],
    }
    for rows in spans.values():
        edges = [rows[0]["since"], *[r["until"] for r in rows]]
        assert [r["since"] for r in rows] == edges[:-1]
        assert (edges[0].replace(tzinfo=OPEN_START.tzinfo), edges[-1].timestamp()) == (OPEN_START, AS_OF.ts.timestamp())
    numbers = {(r["category"], r["category_no"]) for r in found} | {(r["brand"], r["brand_no"]) for r in found}
    assert numbers == {("MILK", 1), ("TEA", 2), (None, None), ("b1", 1), ("b2", 2)}


@pytest.fixture(scope="module")
def bought(spark: SparkSession) -> Sequence[Row]:
    """Lines of each product on the days around its changes."""
    moments = {
        f"{name}{step}": at + timedelta(microseconds=step)
        for name, at in (("may", MAY), ("june", JUNE))
        for step in (-1, 0)
    }
    lines = [line("c", f"{p}-{name}", ts, p) for name, ts in moments.items() for p in ("late", "moved", "unborn")]
    tables = {
        "transactions": frame(spark, TRANSACTIONS, lines),
        "products": frame(spark, PRODUCTS, VERSIONS),
        "customer_map": frame(spark, CUSTOMER_MAP, as_self(["c"])),
    }
    return [r.asDict() for r in Facts(tables, AS_OF).lines.collect()]


def test_attributes_are_those_of_the_event(bought: Sequence[Row]) -> None:
    """A version holds from its first instant; before the first known one, that one; a product unknown then has none."""
    found = {r["order_id"]: r["category"] for r in bought}
    assert [found[f"moved-{m}"] for m in ("may-1", "may0", "june-1", "june0")] == ["MILK", "TEA", "TEA", None]
    assert {found[f"late-{m}"] for m in ("may-1", "may0")} == {"TEA"}
    assert {found[f"unborn-{m}"] for m in ("may-1", "june0")} == {None}
    assert len(bought) == len(found) == 12
    assert {(r["customer_id"], r["brand"]) for r in bought} == {("c", "b1"), ("c", None)}


def test_net_amounts_equal_a_plain_loop(spark: SparkSession) -> None:
    """Refunds known by the cut are taken off, of any account, never more than the order; without the log, none."""
    draws = Draws(3)
    orders = [order(draws, i) for i in range(40)]
    tables = {
        "transactions": orders,
        "order_status": [refund(draws, i, o) for i, o in enumerate(orders + orders[:9])]
        + [refund(draws, 99, o) | {"status": "shipped"} for o in orders[:5]],
    }
    found = {r["order_id"]: r["net_amount"] for r in facts_of(spark, tables).orders.collect()}
    expected = {o["order_id"]: o["net"] for o in net_orders_of(tables)}
    assert found == expected
    assert Decimal(0) in expected.values()
    gross = facts_of(spark, {"transactions": orders}).orders.collect()
    assert {r["order_id"]: r["net_amount"] for r in gross} == {
        o["order_id"]: o["amount"] for o in net_orders_of({"transactions": orders})
    }
