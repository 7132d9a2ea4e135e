"""A tiny, deterministic shop for tests: every source table, small enough that all jobs together take seconds.

60 customers buy 40 products (3 departments, 6 categories, 12 types) for 43 weeks up to 2017-12-31. Most lines are
replenishments of a customer's favourites at that product's own rhythm, the rest are other products of categories
the customer likes. Eight offers of two kinds went out by mail; two of them are live on `SMALL_AS_OF`. Customer
"c000" bought once, "c001" stopped in summer, and "c999" was contacted but never bought.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.contract import Contract
from features.source_tables import SOURCES

SMALL_AS_OF = date(2017, 12, 4)
SMALL_TIME_ZONE = "America/New_York"
FIRST_DAY = date(2017, 3, 6)  # a Monday
LAST_DAY = date(2017, 12, 31)
LAPSED_FROM = date(2017, 7, 1)
OPEN_START = datetime(1900, 1, 1, tzinfo=ZoneInfo("UTC"))

# department -> category -> product types
HIERARCHY = {
    "GROCERY": {"MILK": ("WHOLE MILK", "OAT MILK"), "BREAD": ("WHITE BREAD", "RYE BREAD"), "COFFEE": ("BEANS", "PADS")},
    "PRODUCE": {"FRUIT": ("APPLES", "BANANAS"), "SALAD": ("LETTUCE", "TOMATOES")},
    "DRUG GM": {"SOAP": ("BAR SOAP", "LIQUID SOAP")},
}
# offer, kind, first day, last day, category of its coupons
OFFERS = (
    ("o1", "Type A", date(2017, 5, 8), date(2017, 6, 4), "MILK"),
    ("o2", "Type B", date(2017, 6, 5), date(2017, 7, 2), "BREAD"),
    ("o3", "Type A", date(2017, 7, 3), date(2017, 7, 30), "COFFEE"),
    ("o4", "Type B", date(2017, 8, 7), date(2017, 9, 3), "FRUIT"),
    ("o5", "Type A", date(2017, 9, 11), date(2017, 10, 8), "SALAD"),
    ("o6", "Type B", date(2017, 10, 9), date(2017, 11, 5), "MILK"),
    ("o7", "Type A", date(2017, 11, 20), date(2017, 12, 24), "SOAP"),
    ("o8", "Type B", date(2017, 11, 27), date(2017, 12, 31), "COFFEE"),
)

Row = dict[str, object]


def write_small_sources(folder: Path, seed: int = 0, customers: int = 60, *, poison: bool = False) -> Path:
    """Writes `<table>.parquet` for every source contract into `folder` and returns it.

    With `poison`, ten more order lines come along, two that earn a warning and eight that must go to quarantine
    (as many as the default settings tolerate), and amounts are doubles that need rounding.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tables = small_sources(seed, customers)
    if poison:
        tables["transactions"] = _poisoned(tables["transactions"])
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet")
    return folder


def small_sources(seed: int = 0, customers: int = 60) -> dict[str, pa.Table]:
    """Table name -> Arrow table with all columns of its contract; the same for the same arguments."""
    rng = np.random.default_rng(seed)
    accounts = [f"c{i:03d}" for i in range(customers)]
    products = _products()
    transactions = [line for i, account in enumerate(accounts) for line in _lines(rng, i, account, products)]
    contacts, responses = _mailings(rng, accounts, transactions, products)
    rows: dict[str, list[Row]] = {
        "transactions": transactions,
        "products": products,
        "customers": [_person(rng, account) for account in accounts[::2]],
        "offers": [_offer(*offer) for offer in OFFERS],
        "offer_products": [
            {"offer_id": offer, "coupon_id": f"{offer}-{p['product_type']}", "product_id": p["product_id"]}
            for offer, _, _, _, category in OFFERS
            for p in products
            if p["category"] == category
        ],
        "contacts": contacts,
        "responses": responses,
    }
    return {c.name: _table(c, rows[c.name]) for c in SOURCES if c.name in rows}


def _poisoned(lines: pa.Table) -> pa.Table:
    good = lines.slice(0, 1).to_pylist()[0]
    changes: list[Row] = [
        {"order_id": "warned-1", "product_id": "nowhere", "amount": 1.005},
        {"order_id": "warned-2", "quantity": 0, "amount": 2.675},
        {},  # repeats the first line
        {"order_id": "bad-1", "account_id": None},
        {"order_id": "bad-2", "product_id": ""},
        {"order_id": "bad-3", "amount": -1.0},
        {"order_id": "bad-4", "amount": float("nan")},
        {"order_id": "bad-5", "event_ts": datetime(1970, 1, 1, tzinfo=ZoneInfo("UTC"))},
        {"order_id": "bad-6", "event_ts": datetime(2262, 4, 11, tzinfo=ZoneInfo("UTC"))},
        {"order_id": "bad-7\0", "store_id": "买🍎"},
    ]
    schema = pa.schema([f.with_type(pa.float64()) if pa.types.is_decimal(f.type) else f for f in lines.schema])
    schema = pa.schema([f.with_nullable(True) for f in schema])
    rows = [{k: float(v) if isinstance(v, Decimal) else v for k, v in (good | c).items()} for c in changes]
    return pa.concat_tables([lines.cast(schema), pa.Table.from_pylist(rows, schema=schema)])


def _table(contract: Contract, rows: list[Row]) -> pa.Table:
    return pa.table(
        {c.name: pa.array([row.get(c.name) for row in rows], c.arrow_type) for c in contract.columns},
        schema=contract.arrow_schema(),
    )


def _utc(day: date, hour: float) -> datetime:
    """Local wall clock in the shop's time zone, as UTC."""
    local = datetime.combine(day, time(), ZoneInfo(SMALL_TIME_ZONE)) + timedelta(seconds=round(hour * 3600))
    return local.astimezone(ZoneInfo("UTC"))


def _products() -> list[Row]:
    types = [(d, c, t) for d, categories in HIERARCHY.items() for c, names in categories.items() for t in names]
    rows: list[Row] = []
    for i in range(40):
        department, category, product_type = types[i % len(types)]
        rows.append(
            {
                "product_id": f"p{i:02d}",
                "valid_from": OPEN_START,
                "name": f"{product_type} {i // len(types) + 1}",
                "department": department,
                "category": category,
                "product_type": product_type,
                "brand": f"b{i % 5}",
                "own_brand": i % 5 == 0,
                "package_size": f"{i % 3 + 1} LB",
            }
        )
    return rows


def _person(rng: np.random.Generator, account: str) -> Row:
    return {
        "account_id": account,
        "available_ts": OPEN_START,
        "age_band": str(rng.choice(["25-34", "35-44", "65+"])),
        "income_band": str(rng.choice(["35-49K", "50-74K"])),
        "household_size": str(rng.integers(1, 5)),
        "kids_count": str(rng.integers(0, 3)),
    }


def _offer(offer_id: str, kind: str, first: date, last: date, category: str) -> Row:
    return {
        "offer_id": offer_id,
        "offer_kind": kind,
        "name": f"{category.title()} weeks",
        "channel": "direct_mail",
        "starts_on": first,
        "ends_on": last,
        "available_ts": _utc(first, 0) - timedelta(days=7),
        "incentive": f"coupon for {category.lower()}",
        "incentive_value": Decimal("1.00"),
    }


def _lines(rng: np.random.Generator, i: int, account: str, products: list[Row]) -> list[Row]:
    """One customer's order lines: favourites when they are due, now and then something else of a liked category."""
    favourites = rng.choice(len(products), size=int(rng.integers(4, 8)), replace=False)
    rhythm = {int(p): int(rng.integers(7, 36)) for p in favourites}  # days between purchases
    due = {p: FIRST_DAY + timedelta(days=int(rng.integers(0, days))) for p, days in rhythm.items()}
    liked = {products[p]["category"] for p in rhythm}
    others = [p for p in range(len(products)) if products[p]["category"] in liked and p not in rhythm]
    day, hour = FIRST_DAY + timedelta(days=int(rng.integers(0, 7))), float(rng.uniform(9, 20))
    store = f"s{rng.integers(1, 4)}"
    rows: list[Row] = []
    while day <= LAST_DAY and not (i == 1 and day >= LAPSED_FROM):
        basket = [p for p in due if due[p] <= day + timedelta(days=3)]
        if others and rng.random() < 0.35:
            basket.append(int(rng.choice(others)))
        moment = _utc(day, hour + float(rng.normal(0, 0.5)))
        for p in sorted(basket):
            rows.append(_line(rng, account, store, moment, p, products))
            if p in rhythm:
                due[p] = day + timedelta(days=max(3, rhythm[p] + int(rng.integers(-2, 3))))
        if i == 0 and rows:
            break  # bought once
        day += timedelta(days=int(rng.choice([3, 7, 7, 7, 8, 14])))
    return rows


def _line(rng: np.random.Generator, account: str, store: str, moment: datetime, p: int, products: list[Row]) -> Row:
    shelf, quantity = Decimal(100 + 37 * p) / 100, int(rng.choice([1, 1, 1, 2, 3]))
    if rng.random() < 0.002:
        quantity = 0  # kept with a warning
    list_amount = shelf * max(quantity, 1)
    promoted = (moment.isocalendar().week + p) % 6 == 0
    amount = (list_amount * Decimal("0.8")).quantize(Decimal("0.01")) if promoted else list_amount
    return {
        "order_id": f"{account}-{moment:%Y%m%d%H%M}",
        "line_no": 1,
        "account_id": account,
        "product_id": products[p]["product_id"],
        "event_ts": moment,
        "available_ts": moment,
        "quantity": quantity,
        "amount": amount,
        "list_amount": list_amount,
        "coupon_amount": Decimal("0.00"),
        "sales_channel": "store",
        "store_id": store,
    }


def _mailings(
    rng: np.random.Generator, accounts: list[str], lines: list[Row], products: list[Row]
) -> tuple[list[Row], list[Row]]:
    """Sends on each offer's first day, and redemptions, likelier by those who buy its category."""
    category_of = {p["product_id"]: p["category"] for p in products}
    bought = {(line["account_id"], category_of[line["product_id"]]) for line in lines}
    contacts: list[Row] = []
    responses: list[Row] = []
    for offer, _, first, last, category in OFFERS:
        for account in [*accounts, "c999"]:
            if account != "c999" and rng.random() > 0.7:
                continue
            sent = _utc(first, 0)
            send: Row = {"account_id": account, "offer_id": offer, "event_ts": sent, "available_ts": sent}
            contacts.append(send | {"contact_id": f"{offer}-{account}", "channel": "direct_mail"})
            chance = 0.45 if (account, category) in bought else 0.05
            if account == "c999" or rng.random() >= chance:
                continue
            used = _utc(first + timedelta(days=int(rng.integers(2, (last - first).days))), 12)
            responses.append(
                {
                    "response_id": f"{offer}-{account}-1",
                    "account_id": account,
                    "offer_id": offer,
                    "response_kind": "redeem",
                    "event_ts": used,
                    "available_ts": used,
                    "coupon_id": f"{offer}-{next(p['product_type'] for p in products if p['category'] == category)}",
                }
            )
    return contacts, responses
