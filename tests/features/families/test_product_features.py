"""What customers did with products, and how these suit them."""

import math
import random
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import SparkSession

from features.families import product_features
from tests.features.families.family_facts import bucketed, days_ago, facts_of, known
from tests.features.purchase_world import AS_OF, Row, line, local, product

DAY = timedelta(days=1)
Pair = tuple[str, str]
SOURCES = dict[str, list[Row]]


def event(number: int, account: str, product_id: str | None, ts: Any, kind: str) -> Row:
    """A page view or a change of a cart."""
    row = {"event_id": f"e{number}", "account_id": account, "product_id": product_id, "event_ts": ts}
    return row | {"available_ts": ts, "event_kind": kind, "quantity": 1}


def random_sources(seed: int) -> SOURCES:
    """Random purchases, views and carts of products that lack this and that."""
    rng = random.Random(seed)
    products = []
    for i in range(12):
        looks: Row = {
            "style": rng.choice(["plain", "loud", None]),
            "colour": rng.choice(["white", "red", None]),
            "size": rng.choice(["S", "M", None]),
            "product_type": rng.choice(["shirt", "shoe", None]),
            "in_stock": rng.choice([True, True, False, None]),
            "list_price": rng.choice([Decimal(rng.randint(1, 12)), None, Decimal(0)]),
        }
        products.append(product(f"p{i}", rng.choice(["TOPS", "SHOES", None])) | looks)
    lines, views, carts = [], [], []
    for n in range(240):
        who, what = f"a{n % 6}", rng.choice([*(f"p{i}" for i in range(12)), "unknown"])
        age = rng.choice([rng.randint(-2, 400), 30, 31, 365, 366])
        ts = local(AS_OF.day - timedelta(days=age), rng.uniform(0, 23.9))
        late = 5 * DAY * (rng.random() < 0.1)
        kind = rng.randint(0, 2)
        if kind == 0:
            price = Decimal(rng.choice([0, rng.randint(100, 1200)])).scaleb(-2)
            others: Row = {"quantity": rng.choice([0, 1, 2]), "list_amount": rng.choice([price, None])}
            lines.append(line(who, f"o{n}", ts, what) | others | {"available_ts": ts + late})
        elif kind == 1:
            row = event(n, who, rng.choice([what, what, None]), ts, rng.choice(["view", "view", "favourite"]))
            views.append(row | {"available_ts": ts + late})
        else:
            carts.append(event(n, who, what, ts, rng.choice(["add", "add", "remove"])))
    return {"transactions": lines, "products": products, "browsing": views, "cart_events": carts}


def count_oracle(sources: SOURCES) -> dict[Pair, Row]:
    """Features 159 and 160 again, of products that were described."""
    found: dict[Pair, Row] = {}
    described = {p["product_id"] for p in sources["products"]}

    def add(row: Row, *names: str) -> None:
        if row["product_id"] not in described:
            return
        nothing = dict.fromkeys(product_features.COUNTS, 0) | {"ui_days_since": 9999}
        mine = found.setdefault((row["account_id"], row["product_id"]), nothing)
        for name in names:
            mine[name] += 1
        mine["ui_days_since"] = min(mine["ui_days_since"], days_ago(row))

    for x in known(sources["transactions"], days=365):
        add(x, "ui_buys_365", *(["ui_buys_30"] if days_ago(x) <= 30 else []))
    for x in known(sources["browsing"], days=30):
        if x["event_kind"] == "view" and x["product_id"]:
            add(x, "ui_views_30")
    for x in known(sources["cart_events"], days=30):
        if x["event_kind"] == "add":
            add(x, "ui_carts_30")
    return found


def unit_cents(amount: Decimal, units: int) -> int:
    """Price of a unit, halves up."""
    return math.floor(amount * 100 / units + Decimal("0.5"))


def match_oracle(sources: SOURCES, pair: Pair) -> Row:
    """Features 161 to 164 of a pair again."""
    who, what = pair
    items = {p["product_id"]: p for p in sources["products"]}
    year, mine = known(sources["transactions"], days=365), known(sources["transactions"], days=730)
    mine = [items[x["product_id"]] for x in mine if x["account_id"] == who and x["product_id"] in items]
    item = items.get(what, {"category": None})
    paid = [x for x in year if x["list_amount"] and x["quantity"]]
    sold = [
        (items[x["product_id"]]["category"], unit_cents(x["list_amount"], x["quantity"]), x["account_id"])
        for x in paid
        if x["product_id"] in items and items[x["product_id"]]["category"]
    ]

    def rank(category: str, cents: int) -> float:
        prices = [v for c, v, _ in sold if c == category]
        return (sum(v < cents for v in prices) + sum(v == cents for v in prices) / 2) / len(prices)

    own = [rank(c, v) for c, v, w in sold if w == who]
    sales = [x for x in paid if x["product_id"] == what]
    cents = int(item["list_price"] * 100) if item.get("list_price") else None
    if cents is None and sales:
        cents = unit_cents(sum((x["list_amount"] for x in sales), Decimal(0)), sum(x["quantity"] for x in sales))
    gap = None
    prices = sorted(v for c, v, _ in sold if c == item["category"])
    if cents is not None and prices and own:
        below = [v for v in prices if v <= cents]
        gap = (rank(item["category"], below[-1]) if below else 0) - sum(own) / len(own)
    bought = [items[x["product_id"]] for x in year if x["account_id"] == who and x["product_id"] in items]
    row: Row = {"price_gap": pytest.approx(gap, abs=2e-6) if gap is not None else None}
    for name, key in (("style_match", "style"), ("colour_match", "colour")):
        known_ = [b[key] for b in bought if b[key]]
        share = known_.count(item[key]) / len(known_) if item.get(key) and known_ else None
        row[name] = pytest.approx(share, abs=1e-6) if share is not None else None
    garment = item.get("product_type") or item["category"]
    worn = [x for x in known(sources["transactions"], days=730) if x["account_id"] == who and x["product_id"] in items]
    sized = [(items[x["product_id"]], days_ago(x)) for x in worn]
    sized = [(p, a) for p, a in sized if p["size"] and garment and (p["product_type"] or p["category"]) == garment]
    row["size_in_stock"] = None
    if sized and item.get("size"):
        n = Counter(p["size"] for p, _ in sized)
        last = {s: min(a for p, a in sized if p["size"] == s) for s in n}
        fits = min(n, key=lambda s: (-n[s], last[s], s)) == item["size"]
        stock = item["in_stock"]
        # nothing is unknown of a product in the wrong size, whether it is in stock or not
        row["size_in_stock"] = 0 if not fits or stock is False else 1 if stock else None
    return row


def test_pairs_equal_a_plain_loop(spark: SparkSession) -> None:
    """Counts and matches of random pairs come out as loops over events say; so do those of pairs without a dealing."""
    sources = random_sources(4)
    facts = facts_of(spark, sources)
    counts = count_oracle(sources)
    found = bucketed(product_features.rows(facts), "product_id")
    assert found == {pair: row | match_oracle(sources, pair) for pair, row in counts.items()}
    asked = [(f"a{i % 7}", f"p{i % 13}", i) for i in range(91)]  # a6 and p12 are unknown
    pairs = spark.createDataFrame([*asked, asked[0]], "customer_id string, product_id string, place int")
    rows = [r.asDict() for r in product_features.with_pair_features(pairs, facts).collect()]
    assert sorted(r.pop("place") for r in rows) == [0, *range(91)]
    nothing = dict.fromkeys(product_features.COUNTS, 0) | {"ui_days_since": None}
    for r in rows:
        pair = (r.pop("customer_id"), r.pop("product_id"))
        assert r == counts.get(pair, nothing) | match_oracle(sources, pair), pair


def test_a_customer_with_many_events_has_a_row_per_product(spark: SparkSession) -> None:
    """20,000 views of three products are a row for each that is known; without a log of views only purchases count."""
    views = [event(i, "a", f"p{i % 3}", AS_OF.ts - DAY, "view") for i in range(20_000)]
    sources = {"transactions": [line("a", "o", AS_OF.ts - DAY, "p0")], "products": [product("p0"), product("p1")]}
    found = bucketed(product_features.rows(facts_of(spark, sources | {"browsing": views})), "product_id")
    assert {p: r["ui_views_30"] for (_, p), r in found.items()} == {"p0": 6667, "p1": 6667}
    alone = bucketed(product_features.rows(facts_of(spark, sources)), "product_id")
    assert {p: r["ui_buys_30"] for (_, p), r in alone.items()} == {"p0": 1}
