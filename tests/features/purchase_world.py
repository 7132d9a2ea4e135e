"""A small random shop with the odd cases that features must survive, and a way to build its snapshot."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from features.as_of import AsOf
from features.catalogue import FEATURE_TABLES
from features.contract import Contract
from features.customer_features import EVERYTHING, Rooms, build_customer_features
from features.definitions import FeatureParams
from features.facts import Facts
from features.output_tables import CUSTOMER_MAP
from features.source_tables import CUSTOMERS, ORDER_STATUS, PRODUCTS, TRANSACTIONS

Row = dict[str, Any]
ZONE = "America/New_York"
AS_OF = AsOf(date(2017, 12, 4), ZONE)
ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
KEYS = sorted({k for c in FEATURE_TABLES for k in c.key})


@dataclass(frozen=True)
class World:
    """Rows of the source tables."""

    transactions: list[Row]
    products: list[Row]
    customer_map: list[Row]
    customers: tuple[Row, ...] = ()
    order_status: tuple[Row, ...] = ()


def local(day: date, hour: float = 12, zone: str = ZONE) -> datetime:
    """A wall-clock time in the shop's zone, as UTC."""
    midnight = datetime.combine(day, time(), ZoneInfo(zone))
    return (midnight + timedelta(hours=hour)).astimezone(UTC)


def line(
    account: str, order: str, ts: datetime, product: str = "p0", amount: str = "1.00", line_no: int = 1, **others: Any
) -> Row:
    """One order line, known when it happened, at shelf price unless said otherwise."""
    row = {
        "order_id": order,
        "line_no": line_no,
        "account_id": account,
        "product_id": product,
        "event_ts": ts,
        "available_ts": ts,
        "quantity": 1,
        "amount": Decimal(amount),
        "list_amount": Decimal(amount),
        "coupon_amount": Decimal(0),
    }
    return row | others


def refund(
    account: str, order: str, ts: datetime, amount: str | None = "1.00", status_no: int = 1, **others: Any
) -> Row:
    """Money paid back, known when it happened unless said otherwise."""
    row = {
        "order_id": order,
        "status_no": status_no,
        "account_id": account,
        "status": "refunded",
        "event_ts": ts,
        "available_ts": ts,
        "amount": None if amount is None else Decimal(amount),
    }
    return row | others


def product(product_id: str, category: str | None = "MILK", brand: str | None = "b0", **others: Any) -> Row:
    """A product whose attributes always held."""
    return {"product_id": product_id, "category": category, "brand": brand, "own_brand": False} | others


def as_self(accounts: Iterable[str]) -> list[Row]:
    """The pass-through map: every account is its own customer."""
    return [{"account_id": a, "customer_id": a, "valid_from": ALWAYS} for a in sorted(set(accounts))]


def shop(transactions: list[Row], products: list[Row] | None = None) -> World:
    """A world of the lines given, with a pass-through map and one product."""
    return World(transactions, products or [product("p0")], as_self(r["account_id"] for r in transactions))


def frame(spark: SparkSession, contract: Contract, rows: Iterable[Row], partitions: int = 1) -> DataFrame:
    """Rows as a frame with all columns of the contract."""
    listed = list(rows)
    if not listed:
        return spark.createDataFrame([], contract.ddl())
    columns = {c.name: pa.array([r.get(c.name) for r in listed], c.arrow_type) for c in contract.columns}
    df = spark.createDataFrame(pa.table(columns))
    return df if partitions == 1 else df.repartition(partitions)


def snapshot(
    spark: SparkSession,
    world: World,
    folder: Path,
    as_of: AsOf = AS_OF,
    params: FeatureParams | None = None,
    partitions: int = 1,
    rooms: Rooms = EVERYTHING,
) -> dict[str, list[Row]]:
    """The tables of the snapshot as rows sorted by key, for comparison with ==."""

    def keep(name: str, df: DataFrame) -> DataFrame:
        path = str(folder / f"{name}-{random.getrandbits(64):x}")
        df.write.parquet(path)
        return spark.read.schema(df.schema).parquet(path) if Path(path).exists() else df

    tables = {
        "transactions": frame(spark, TRANSACTIONS, world.transactions, partitions),
        "products": frame(spark, PRODUCTS, world.products),
        "customer_map": frame(spark, CUSTOMER_MAP, world.customer_map),
        "customers": frame(spark, CUSTOMERS, world.customers),
    }
    if world.order_status:
        tables["order_status"] = frame(spark, ORDER_STATUS, world.order_status, partitions)
    built = build_customer_features(Facts(tables, as_of, params or FeatureParams(), keep), rooms=rooms)
    return {n: sorted((r.asDict() for r in t.collect()), key=_key) for n, t in built.items()}


def by_customer(rows: list[Row]) -> dict[str, Row]:
    """The wide rows by customer."""
    return {r["customer_id"]: r for r in rows}


def _key(row: Row) -> tuple[str, ...]:
    return tuple(str(row.get(k)) for k in KEYS)


def random_world(seed: int, customers: int = 14, orders: int = 12) -> World:
    """Customers with none to many orders over 500 days, and the odd cases named below."""
    rng = random.Random(seed)
    products = [
        product(f"p{i}", rng.choice(["MILK", "BREAD", "SOAP", None]), rng.choice(["b0", "b1", "b2", None]))
        | {"own_brand": rng.choice([True, False, None])}
        for i in range(11)
    ]
    # attributes change: before the cut, exactly at it (unknown yet), and a product first described too late
    products += [
        product("p0", "COFFEE", "b9", valid_from=AS_OF.ts - timedelta(days=50)),
        product("p0", "TEA", "b9", valid_from=AS_OF.ts - timedelta(days=20)),
        # another price, and the same in all that counts here
        product("p2", "MILK", "b1", valid_from=AS_OF.ts - timedelta(days=90)),
        product("p2", "MILK", "b1", valid_from=AS_OF.ts - timedelta(days=40)),
        # first described after some of it was sold: the first description reaches back
        product("p11", "BREAD", "b2", valid_from=AS_OF.ts - timedelta(days=100)),
        product("p1", "FUTURE", "b9", valid_from=AS_OF.ts),
        product("p12", "FUTURE", "b9", valid_from=AS_OF.ts + timedelta(days=1)),
    ]
    lines: list[Row] = []
    for c in range(customers):
        for o in range(0 if c == 0 else 1 if c == 1 else rng.randint(2, orders)):
            # around the cut and the window limits more often than chance would have it
            days = rng.choice([rng.randint(-20, 500), *(w + d for w in (0, 7, 30, 90, 180, 365) for d in (0, 1))])
            ts = local(AS_OF.day - timedelta(days=days), rng.choice([0, 0, rng.uniform(0, 23.9)]))
            for n in range(rng.randint(1, 5)):
                lines.append(_random_line(rng, f"a{c}", f"o{c}-{o}", ts, n))
    customer_map = as_self(f"a{c}" for c in range(customers))
    # a2 was stitched to a3 before the cut; a4's stitch comes only at it; a5 left a6 long ago
    customer_map = [r for r in customer_map if r["account_id"] not in ("a2", "a4", "a5")] + [
        {"account_id": "a2", "customer_id": "a2", "valid_from": ALWAYS, "valid_to": AS_OF.ts - timedelta(days=9)},
        {"account_id": "a2", "customer_id": "a3", "valid_from": AS_OF.ts - timedelta(days=9)},
        {"account_id": "a4", "customer_id": "a4", "valid_from": ALWAYS, "valid_to": AS_OF.ts},
        {"account_id": "a4", "customer_id": "a3", "valid_from": AS_OF.ts},
        {"account_id": "a5", "customer_id": "a6", "valid_from": ALWAYS, "valid_to": ALWAYS + timedelta(days=9)},
        {"account_id": "a5", "customer_id": "a5", "valid_from": ALWAYS + timedelta(days=9)},
    ]
    people = ({"account_id": "a0", "available_ts": ALWAYS}, {"account_id": "a99", "available_ts": ALWAYS})
    return World(lines, products, customer_map, people, tuple(_random_refunds(rng, lines)))


def _random_refunds(rng: random.Random, lines: list[Row]) -> list[Row]:
    """Refunds of a third of the orders: in part, too much, twice, early, late, without an amount, of other accounts."""
    orders = {r["order_id"]: r for r in lines}
    refunds = []
    for order, first in orders.items():
        for n in range(rng.choice([0, 0, 0, 0, 1, 2])):
            ts = first["event_ts"] + timedelta(days=rng.choice([-1, 0, 3, 40]))
            known = ts + timedelta(days=rng.choice([0, 0, 20]))
            amount = rng.choice(["0.50", "2.00", "99.00", None])
            account = rng.choice([first["account_id"], first["account_id"], "till", "a3"])
            refunds.append(refund(account, order, ts, amount, n, available_ts=known))
    return refunds


def _random_line(rng: random.Random, account: str, order: str, ts: datetime, n: int) -> Row:
    amount = Decimal(rng.choice([0, rng.randint(1, 999)])).scaleb(-2)
    shelf = rng.choice([amount, amount, (amount * rng.randint(10, 20) / 10).quantize(Decimal("0.01")), None])
    late = rng.random() < 0.1
    return line(
        account,
        order,
        ts + timedelta(seconds=n * rng.choice([0, 1])),
        f"p{rng.randint(0, 13)}",  # p13 is in no table
        line_no=n,
        quantity=rng.choice([0, 1, 1, 2, 7]),
        available_ts=ts + timedelta(days=rng.randint(1, 30)) if late else ts,
    ) | {
        "amount": amount,
        "list_amount": shelf,
        "coupon_amount": rng.choice([None, Decimal("0.10"), Decimal(0)]),
    }


def change_transactions(world: World, change: Callable[[Row], Row]) -> World:
    """The world with every order line changed."""
    return replace(world, transactions=[change(dict(r)) for r in world.transactions])
