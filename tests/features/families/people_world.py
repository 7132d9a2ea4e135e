"""What tests of single families share: a few customers with merged accounts, logs about them, and plain loops."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from types import ModuleType
from typing import Any
from zoneinfo import ZoneInfo

from pyspark.sql import DataFrame, SparkSession

from features.as_of import AsOf
from features.contract import contract_index
from features.definitions import FeatureDef, FeatureParams
from features.facts import Facts
from features.output_tables import CUSTOMER_MAP
from features.source_tables import SOURCES
from features.tags.post_tag_table import POST_TAGS
from tests.features.purchase_world import ALWAYS, AS_OF, frame, line, local, product

Row = dict[str, Any]
Tables = dict[str, list[Row]]
CONTRACTS = contract_index([SOURCES, [CUSTOMER_MAP, POST_TAGS]])
INSTANT = timedelta(microseconds=1)
ACCOUNTS = tuple(f"a{i}" for i in range(10))
STRANGER = "nobody"  # an account that no map knows


def customer_map() -> list[Row]:
    """a0 and a1 are one customer; a2 joins a3 only at the cut; a4 left a5 before it; the others are themselves."""
    rows = [{"account_id": a, "customer_id": f"c-{a}", "valid_from": ALWAYS} for a in ACCOUNTS if a not in ("a1", "a4")]
    day = timedelta(days=1)
    return [r for r in rows if r["account_id"] != "a2"] + [
        {"account_id": "a1", "customer_id": "c-a0", "valid_from": AS_OF.ts - INSTANT},
        {"account_id": "a2", "customer_id": "c-a2", "valid_from": ALWAYS, "valid_to": AS_OF.ts},
        {"account_id": "a2", "customer_id": "c-a3", "valid_from": AS_OF.ts},
        {"account_id": "a4", "customer_id": "c-a5", "valid_from": ALWAYS, "valid_to": AS_OF.ts - day},
        {"account_id": "a4", "customer_id": "c-a4", "valid_from": AS_OF.ts - day},
    ]


def owners(as_of: AsOf = AS_OF) -> dict[str, str]:
    """The customer of each account at the cut."""
    return {
        r["account_id"]: r["customer_id"]
        for r in sorted(customer_map(), key=lambda r: r["valid_from"])
        if r["valid_from"] < as_of.ts and (r.get("valid_to") is None or r["valid_to"] >= as_of.ts)
    }


def days_ago(moment: datetime, as_of: AsOf = AS_OF) -> int:
    """Local days back from the cut."""
    return (as_of.day - moment.astimezone(ZoneInfo(as_of.time_zone)).date()).days


def known(rows: Iterable[Row], as_of: AsOf = AS_OF, moment: str = "event_ts") -> list[Row]:
    """Rows known before the cut, each with its customer and `days_ago`, by moment."""
    of = owners(as_of)
    seen = [
        r | {"customer_id": of[r["account_id"]], "days_ago": days_ago(r[moment], as_of)}
        for r in rows
        if r[moment] < as_of.ts
        and r["available_ts"] is not None
        and r["available_ts"] < as_of.ts
        and r["account_id"] in of
    ]
    return sorted(seen, key=lambda r: r[moment])


class Draws:
    """Random rows around the cut and the edges of windows, more often than chance would have it."""

    def __init__(self, seed: int, edges: Sequence[int] = (0, 7, 30, 90, 180, 365)) -> None:
        self.rng = random.Random(seed)
        self.edges = edges

    def account(self) -> str:
        """One of the accounts, or once in a while one that nobody owns."""
        return self.rng.choice([*ACCOUNTS, *ACCOUNTS, STRANGER])

    def moment(self) -> datetime:
        """A moment from 400 days before to 10 days after the cut, often exactly at an edge or the instant before."""
        if self.rng.random() < 0.3:
            return AS_OF.plus(-self.rng.choice(self.edges)).ts - self.rng.choice([timedelta(), INSTANT])
        return local(AS_OF.day - timedelta(days=self.rng.randint(-10, 400)), self.rng.uniform(0, 24))

    def log(self, **values: Any) -> Row:
        """A row of an account at a moment; one in seven is known days later, and a few never."""
        ts = self.moment()
        late = timedelta(days=self.rng.choice([0] * 6 + [self.rng.randint(1, 40)]))
        available = None if self.rng.random() < 0.02 else ts + late
        return {"account_id": self.account(), "event_ts": ts, "available_ts": available} | values


def facts_of(spark: SparkSession, tables: Mapping[str, list[Row]], params: FeatureParams | None = None) -> Facts:
    """Facts on these tables, with the map of this world, a product, and no purchases unless given.

    Intermediate frames are held in memory, so that each is computed once.
    """

    def held(name: str, df: DataFrame) -> DataFrame:
        table = df.toArrow()
        return spark.createDataFrame(table) if table.num_rows else spark.createDataFrame([], df.schema)

    whole = {"transactions": [], "products": [product("p0")], "customer_map": customer_map()} | dict(tables)
    # the order of rows must not matter
    frames = {n: frame(spark, CONTRACTS[n], random.Random(1).sample(rows, len(rows))) for n, rows in whole.items()}
    return Facts(frames, AS_OF, params or FeatureParams(), held)


def with_future(tables: Tables) -> Tables:
    """The tables with more rows like those there are, that happened at the cut or were known only at it."""
    cut, more = AS_OF.ts, {}
    for name, rows in tables.items():
        contract = CONTRACTS[name]
        moment = next((m for m in ("event_ts", "valid_from") if m in contract.names), "starts_on")
        if moment == "starts_on":  # offers: described once
            more[name] = rows
            continue
        names = [k for k in contract.key if k in contract.names and k not in ("account_id", moment, "tier")]
        key = next((k for k in names if contract.column(k).kind == "string"), None)
        late = [r | {"available_ts": cut} for r in rows[:40]]
        after = [r | {moment: cut, "available_ts": r[moment]} for r in rows[:40]]
        both = [r if key is None else r | {key: f"{r[key]}-{i}"} for i, r in enumerate(late + after)]
        more[name] = rows + both
    return more


def order(draws: Draws, number: int) -> Row:
    """One order of one line."""
    amount = Decimal(draws.rng.randint(1, 90000)).scaleb(-2)
    return line("", f"o{number}", AS_OF.ts, amount=str(amount)) | draws.log() | {"order_id": f"o{number}"}


def refund(draws: Draws, number: int, order: Row) -> Row:
    """A refund of an order, by the buyer or under any account: part of it, all, more, or of no stated amount."""
    amount = draws.rng.choice([None, order["amount"], order["amount"] * 2, Decimal("0.50")])
    row = draws.log(order_id=order["order_id"], status="refunded", status_no=number, amount=amount)
    return row if draws.rng.random() < 0.3 else row | {"account_id": order["account_id"]}


def net_orders_of(tables: Tables) -> list[Row]:
    """Known orders with `net`: the amount less refunds known before the cut, to whomever, at least 0."""
    back: dict[str, Decimal] = {}
    for r in tables.get("order_status", []):
        late = r["event_ts"] >= AS_OF.ts or r["available_ts"] is None or r["available_ts"] >= AS_OF.ts
        if r["status"] == "refunded" and not late:
            back[r["order_id"]] = back.get(r["order_id"], Decimal(0)) + (r["amount"] or 0)
    return [
        o | {"net": max(o["amount"] - back.get(o["order_id"], Decimal(0)), Decimal(0))}
        for o in known(tables["transactions"])
    ]


def by_customer(frames: Sequence[DataFrame], definitions: Sequence[FeatureDef]) -> dict[str, Row]:
    """customer_id -> columns of all frames, defaults where a frame has no row; a frame with two rows of one fails."""
    defaults = {d.name: {"null": None, "0": 0, "false": False}[d.default] for d in definitions}
    found: dict[str, Row] = {}
    for df in frames:
        rows = [r.asDict() for r in df.collect()]
        assert len({r["customer_id"] for r in rows}) == len(rows), df.columns
        for r in rows:
            customer = r.pop("customer_id")
            assert set(r) <= set(defaults), set(r) - set(defaults)
            found.setdefault(customer, dict(defaults)).update(
                {k: defaults[k] if v is None else v for k, v in r.items()}
            )
    return found


def assert_equals_oracle(
    found: Mapping[Any, Row], expected: Callable[[Any], Row], keys: Iterable[Any], definitions: Sequence[FeatureDef]
) -> None:
    """Every column of every key is what the oracle says, to one step of rounding."""
    wrong, columns = [], {d.name for d in definitions}
    for key in keys:
        want = expected(key)
        assert set(want) == columns, set(want) ^ columns
        defaults = {d.name: {"null": None, "0": 0, "false": False}[d.default] for d in definitions}
        row = found.get(key, defaults)
        wrong += [f"{key}.{n}: {row[n]!r} instead of {v!r}" for n, v in want.items() if not same(row[n], v)]
    assert not wrong, "\n".join(wrong[:20])


def same(found: object, expected: object) -> bool:
    """Equal, or doubles one step of rounding apart."""
    if isinstance(expected, float) and isinstance(found, int | float):
        return abs(found - expected) <= 1.1e-6
    return found == expected


def wide(
    spark: SparkSession, family: ModuleType, tables: Tables, params: FeatureParams | None = None
) -> dict[str, Row]:
    """The family's features of these tables, by customer."""
    return by_customer(family.features(facts_of(spark, tables, params)), family.DEFINITIONS)
