"""A small random log of browsing, with the odd cases that its features must survive."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

from features.as_of import AsOf
from features.contract import Contract
from features.definitions import FeatureParams
from features.facts import Facts
from features.output_tables import CUSTOMER_MAP
from features.source_purchases import ORDER_STATUS, PRODUCTS, TRANSACTIONS
from features.source_visits import BROWSING, CART_EVENTS
from tests.features.purchase_world import ALWAYS, Row, as_self, frame, line, local, product

AS_OF = AsOf(date(2017, 12, 4), "America/New_York")
SOURCES: dict[str, Contract] = {
    c.name: c for c in (TRANSACTIONS, PRODUCTS, CUSTOMER_MAP, BROWSING, CART_EVENTS, ORDER_STATUS)
}
World = dict[str, list[Row]]
CAP = 600.0


def event(account: str, ts: datetime, kind: str = "view", product_id: str | None = "p0", **others: object) -> Row:
    """One page event, known when it happened; its id is its moment unless given."""
    row = {"account_id": account, "event_ts": ts, "available_ts": ts, "event_kind": kind, "product_id": product_id}
    return {"event_id": f"{account}-{ts.isoformat()}-{kind}-{product_id}"} | row | others


def days_before(days: float, hour: float = 12.0) -> datetime:
    """A wall-clock time so many local days before the cut."""
    return local(AS_OF.day - timedelta(days=days), hour)


def facts_of(
    spark: SparkSession,
    world: Mapping[str, list[Row]],
    folder: Path,
    params: FeatureParams | None = None,
    partitions: int = 1,
) -> Facts:
    """Facts of the tables that the world has; a table that is not in it was not delivered."""

    def keep(name: str, df: DataFrame) -> DataFrame:
        path = folder / f"{name}-{random.getrandbits(64):x}"
        df.write.parquet(str(path))
        return (
            spark.read.schema(df.schema).parquet(str(path)) if path.exists() else spark.createDataFrame([], df.schema)
        )

    tables = {name: frame(spark, SOURCES[name], rows, partitions) for name, rows in world.items()}
    return Facts(tables, AS_OF, params or FeatureParams(), keep)


def random_world(seed: int, accounts: int = 8, visits: int = 14) -> World:
    """Views, searches, favourites, carts and orders over 400 days, thick around the cut and the window limits."""
    rng = random.Random(seed)
    browsing: list[Row] = []
    carts: list[Row] = []
    lines: list[Row] = []
    status: list[Row] = []
    for a in range(accounts):
        for v in range(visits):
            ts = _moment(rng)
            session = rng.choice([None, None, "", f"s{a}-{v}", f"s{a}-{v % 3}"])
            for _ in range(rng.randint(1, 7)):
                # around the half hour that ends a visit
                ts += timedelta(minutes=rng.choice([0, 1, 5, 29, 30, 30.5, 45]))
                browsing.append(_event(rng, f"a{a}", ts, session, len(browsing)))
                if rng.random() < 0.3:
                    carts.append(
                        _cart(rng, f"a{a}", ts + timedelta(hours=rng.choice([0, 1, 100, 167, 168, 200])), len(carts))
                    )
            if rng.random() < 0.5:
                lines.append(
                    line(f"a{a}", f"o{a}-{v}", _moment(rng), f"p{rng.randint(0, 7)}", f"{rng.randint(1, 99)}.00")
                )
                status += _status(rng, f"a{a}", f"o{a}-{v}", _moment(rng))
    customer_map = as_self(f"a{a}" for a in range(accounts) if a != 2)
    # a2 was stitched to a3; a9 is nobody's
    customer_map.append({"account_id": "a2", "customer_id": "a3", "valid_from": AS_OF.ts - timedelta(days=9)})
    browsing.append(event("a9", days_before(1)))
    return {
        "transactions": lines,
        "products": random_products(rng),
        "customer_map": customer_map,
        "browsing": browsing,
        "cart_events": carts,
        "order_status": status,
    }


def random_products(rng: random.Random) -> list[Row]:
    """Products whose category, style, price and stock change, before and at the cut; p7 is in no table."""
    rows = []
    for p in range(7):
        starts = sorted(rng.sample(range(1, 120), 4), reverse=True)
        for days in (None, *starts, 0):
            rows.append(
                product(
                    f"p{p}",
                    rng.choice(["MILK", "BREAD", "BREAD", None]),
                    valid_from=None if days is None else days_before(days, rng.choice([0, 12])),
                    style=rng.choice(["plain", "wild", None]),
                    list_price=rng.choice([None, Decimal("10.00"), Decimal("9.00"), Decimal(rng.randint(1, 99))]),
                    in_stock=rng.choice([True, False, None]),
                )
            )
    return [r | {"valid_from": r["valid_from"] or ALWAYS - timedelta(days=1)} for r in rows]


def _moment(rng: random.Random) -> datetime:
    days = rng.choice(
        [rng.randint(-3, 400), rng.randint(1, 40), *(w + d for w in (0, 7, 30, 90, 180, 365) for d in (0, 1))]
    )
    return days_before(days, rng.choice([0, 0, 23.7, rng.uniform(0, 23.9)]))


def _event(rng: random.Random, account: str, ts: datetime, session: str | None, n: int) -> Row:
    kind = rng.choice(["view"] * 5 + ["search", "favourite", "favourite", "unfavourite"])
    late = timedelta(days=rng.randint(1, 20)) if rng.random() < 0.1 else timedelta()
    return event(
        account,
        ts,
        kind,
        rng.choice([None, *(f"p{i}" for i in range(8))]),
        event_id=f"e{n:05}",
        available_ts=ts + late,
        category=rng.choice([None, "PAGE"]),
        query=rng.choice(["Milk  ", "ＭＩＬＫ", "oat\u3000milk", "bread", "my secret", " ", None])
        if kind == "search"
        else None,
        dwell_seconds=rng.choice([None, 0.0, 0.0005, 12.3456, 60.0, 86400.0]),
        session_id=session,
        device=rng.choice([None, "pc", "ios", "android", "mini_program", "fridge"]),
    )


def _cart(rng: random.Random, account: str, ts: datetime, n: int) -> Row:
    return {
        "event_id": f"c{n:05}",
        "account_id": account,
        "event_ts": ts,
        "available_ts": ts,
        "event_kind": rng.choice(["add", "add", "remove", "order"]),
        "product_id": f"p{rng.randint(0, 7)}",
        "quantity": 1,
    }


def _status(rng: random.Random, account: str, order: str, ts: datetime) -> list[Row]:
    paid = ts + timedelta(hours=rng.choice([-1, 0, 5, 167, 168]))
    steps = [("placed", ts)] + ([("paid", paid)] if rng.random() < 0.7 else [])
    return [
        {"order_id": order, "status_no": 1, "account_id": account, "status": s, "event_ts": t, "available_ts": t}
        for s, t in steps
    ]
