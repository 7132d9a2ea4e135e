"""One row per customer and brand."""

import random
from datetime import timedelta
from decimal import Decimal

import pytest
from pyspark.sql import SparkSession

from features.families import brand_features
from tests.features.families.family_facts import bucketed, days_ago, facts_of, known
from tests.features.purchase_world import AS_OF, Row, line, local, product


def oracle(lines: list[Row], brands: dict[str, str | None]) -> dict[tuple[str, ...], Row]:
    """The table again, order by order."""
    orders: dict[tuple[str, str], dict[str, list[Row]]] = {}
    for x in known(lines, days=365):
        brand = brands.get(x["product_id"])
        if brand is not None:
            orders.setdefault((x["account_id"], brand), {}).setdefault(x["order_id"], []).append(x)
    spent = {k: sum(x["amount"] for rows in mine.values() for x in rows) for k, mine in orders.items()}
    found: dict[tuple[str, ...], Row] = {}
    for (who, brand), mine in orders.items():
        ages = {o: max(days_ago(x) for x in rows) for o, rows in mine.items()}
        late = [x["amount"] for o, rows in mine.items() if ages[o] <= 90 for x in rows]
        whole = sum(v for (w, _), v in spent.items() if w == who)
        share = float(spent[who, brand] / whole) if whole else None
        found[who, brand] = {
            "n_orders_90": sum(a <= 90 for a in ages.values()),
            "n_orders_365": len(ages),
            "amt_90": sum(late, Decimal("0.00")),
            "amt_365": spent[who, brand],
            "share_365": pytest.approx(share, abs=1e-6) if share is not None else None,
            "recency_days": min(ages.values()),
            "days_since_first": max(ages.values()),
            "affinity_short": pytest.approx(sum(10 * 2 ** (-a / 14) for a in ages.values()), abs=2e-6),
            "affinity_long": pytest.approx(sum(10 * 2 ** (-a / 60) for a in ages.values()), abs=2e-6),
        }
    return found


def test_brands_equal_a_plain_loop(spark: SparkSession) -> None:
    """Random orders of branded and other products, around the limits of the windows, come out as a loop says."""
    rng = random.Random(2)
    brands = {f"p{i}": rng.choice(["b0", "b1", "b2", None]) for i in range(9)}
    lines = []
    for o in range(90):
        age = rng.choice([rng.randint(-2, 400), 90, 91, 365, 366])
        ts = local(AS_OF.day - timedelta(days=age), rng.uniform(0, 23.5))
        for n in range(rng.randint(1, 5)):
            amount = f"{rng.choice([0, rng.randint(1, 900)]) / 100:.2f}"
            lines.append(line(f"a{o % 5}", f"o{o}", ts, f"p{rng.randint(0, 9)}", amount, n))  # p9 is in no table
    lines.append(line("zero", "z", AS_OF.ts - timedelta(days=1), "q", "0.00"))
    products = [product(p, brand=b) for p, b in brands.items()] + [product("q", brand="b0")]
    facts = facts_of(spark, {"transactions": lines, "products": products})
    found = bucketed(brand_features.rows(facts), "brand")
    assert found == oracle(lines, brands | {"q": "b0"})
    assert found["zero", "b0"]["share_365"] is None
