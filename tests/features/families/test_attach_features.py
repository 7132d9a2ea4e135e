"""What is in the basket with a customer's main category."""

from datetime import timedelta

from pyspark.sql import SparkSession

from features.families import attach_features
from tests.features.families.family_facts import bucketed, facts_of
from tests.features.purchase_world import AS_OF, line, local, product

PRODUCTS = [product(c.lower(), c) for c in ("MILK", "BREAD", "TEA", "SOAP")] + [product("none", None)]
# order -> days before the cut, customer, products, amount of each line
ORDERS = {
    "o1": (1, "a", ["milk", "bread", "bread"], "5.00"),
    "o2": (9, "a", ["milk", "tea", "none"], "9.00"),
    "o3": (365, "a", ["milk", "bread"], "5.00"),
    "o4": (366, "a", ["milk", "soap", "tea"], "99.00"),  # a day too old, for the anchor as well
    "o5": (3, "a", ["tea", "bread"], "0.50"),  # without the anchor
    "o6": (3, "b", ["tea"], "5.00"),  # an anchor, and nothing with it
    "o7": (3, "c", ["tea", "milk"], "5.00"),  # of equals the first is the anchor
    "o8": (3, "d", ["tea", "milk"], "0.00"),  # no amount, no anchor
    "o9": (0, "b", ["tea", "milk"], "5.00"),  # on the day of the cut
}


def test_attach_rates_of_a_few_baskets(spark: SparkSession) -> None:
    """Milk is her anchor; bread is in two of its three baskets of the year and tea in one."""
    lines = [
        line(who, order, local(AS_OF.day - timedelta(days=age)), p, amount, n)
        for order, (age, who, products, amount) in ORDERS.items()
        for n, p in enumerate(products)
    ]
    facts = facts_of(spark, {"transactions": lines, "products": PRODUCTS})
    found = bucketed(attach_features.rows(facts), "category")
    row = {"anchor_category": "MILK", "n_anchor_orders": 3}
    assert found == {
        ("a", "BREAD"): row | {"n_orders_with_both": 2, "attach_rate": 0.666667},
        ("a", "TEA"): row | {"n_orders_with_both": 1, "attach_rate": 0.333333},
        ("c", "TEA"): row | {"n_anchor_orders": 1, "n_orders_with_both": 1, "attach_rate": 1.0},
    }
