"""Orders less refunds."""

from decimal import Decimal

from pyspark.sql import SparkSession

from features.net_orders import net_orders
from tests.features.families.people_world import Draws, facts_of, net_orders_of, order, refund


def test_equals_a_plain_loop(spark: SparkSession) -> None:
    """Refunds known before the cut are taken off, never more than the order; without that log nothing is."""
    draws = Draws(3)
    orders = [order(draws, i) for i in range(40)]
    tables = {
        "transactions": orders,
        "order_status": [refund(draws, i, o) for i, o in enumerate(orders + orders[:9])]
        + [refund(draws, 99, o) | {"status": "shipped"} for o in orders[:5]],
    }
    found = {r["order_id"]: r["net_amount"] for r in net_orders(facts_of(spark, tables)).collect()}
    expected = {o["order_id"]: o["net"] for o in net_orders_of(tables)}
    assert found == expected
    assert Decimal(0) in expected.values()
    gross = net_orders(facts_of(spark, {"transactions": orders})).collect()
    assert {r["order_id"]: r["net_amount"] for r in gross} == {
        o["order_id"]: o["amount"] for o in net_orders_of({"transactions": orders})
    }
