"""How the tables of Complete Journey become source tables.

What the data does not say, and is assumed here:

- Transaction stamps are UTC (the shop's days turn at about 05:00, midnight in New York).
- A campaign reached its households by mail on its first day, at local midnight; no send times are known.
- A coupon was redeemed at local noon; only the day is known.
- `amount` is sales_value, what the shop received; the price on the shelf is that plus the shop's discounts.
  A maker's coupon counts as received, and can exceed the price (3,202 lines, a warning on ingest).
- What a campaign offers in words is read off its coupons; neither its cost nor the money value is known.
- Rows of the coupon list that repeat another one (4,872 of 116,204) mean nothing and are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from features.contract import Contract
from features.source_tables import (
    CONTACTS,
    CUSTOMERS,
    OFFER_PRODUCTS,
    OFFERS,
    PRODUCTS,
    RESPONSES,
    TRANSACTIONS,
)
from jobs.console import say

TIME_ZONE = ZoneInfo("America/New_York")

Read = Callable[[str], pa.Table]


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string())


def _money(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Doubles that stand for cents, as decimals; sums of them are rounded first."""
    return pc.round(column, 2).cast(pa.decimal128(18, 2))


def _local(days: pa.ChunkedArray, hour: int) -> pa.Array:
    """An hour of local days, as UTC."""
    distinct = {d: datetime.combine(d, time(hour), TIME_ZONE) for d in set(days.cast(pa.date32()).to_pylist())}
    return pa.array([distinct[d] for d in days.cast(pa.date32()).to_pylist()], pa.timestamp("us", tz="UTC"))


def _transactions(read: Read) -> pa.Table:
    t = read("transactions")
    happened = t["transaction_timestamp"].cast(pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC"))
    shelf = pc.add(pc.add(t["sales_value"], t["retail_disc"]), t["coupon_match_disc"])
    return pa.table(
        {
            "order_id": _text(t["basket_id"]),
            "line_no": pa.array([1] * t.num_rows, pa.int32()),  # a basket lists a product once
            "account_id": _text(t["household_id"]),
            "product_id": _text(t["product_id"]),
            "event_ts": happened,
            "available_ts": happened,
            "quantity": t["quantity"],
            "amount": _money(t["sales_value"]),
            "list_amount": _money(shelf),
            "coupon_amount": _money(t["coupon_disc"]),
            "sales_channel": pa.array(["store"] * t.num_rows, pa.string()),
            "store_id": _text(t["store_id"]),
        }
    )


def _products(read: Read) -> pa.Table:
    t = read("products")
    parts = zip(t["product_type"].to_pylist(), t["package_size"].to_pylist(), strict=True)
    return pa.table(
        {
            "product_id": _text(t["product_id"]),
            "name": pa.array([" ".join(p for p in pair if p) or None for pair in parts], pa.string()),
            "department": t["department"],
            "category": t["product_category"],
            "product_type": t["product_type"],
            "brand": _text(t["manufacturer_id"]),
            "own_brand": pc.equal(t["brand"], "Private"),
            "package_size": t["package_size"],
        }
    )


def _customers(read: Read) -> pa.Table:
    t = read("demographics")
    same = ("home_ownership", "marital_status", "household_size", "kids_count")
    columns = {"age_band": "age", "income_band": "income", "household_type": "household_comp"} | {n: n for n in same}
    return pa.table({"account_id": _text(t["household_id"])} | {ours: t[theirs] for ours, theirs in columns.items()})


def _offers(read: Read) -> pa.Table:
    t = read("campaign_descriptions")
    words = _incentives(read)
    ids, kinds = _text(t["campaign_id"]).to_pylist(), t["campaign_type"].to_pylist()
    return pa.table(
        {
            "offer_id": pa.array(ids, pa.string()),
            "offer_kind": t["campaign_type"],
            "name": pa.array([f"Campaign {i} ({kind})" for i, kind in zip(ids, kinds, strict=True)], pa.string()),
            "channel": pa.array(["direct_mail"] * t.num_rows, pa.string()),
            "starts_on": t["start_date"].cast(pa.date32()),
            "ends_on": t["end_date"].cast(pa.date32()),
            "incentive": pa.array([words.get(i) for i in ids], pa.string()),
        }
    )


def _incentives(read: Read) -> dict[str, str]:
    """Campaign -> its coupons in words: how many, on how many products, and the category most of them are for."""
    products = read("products").select(["product_id", "product_category"])
    coupons = read("coupons").join(products, "product_id", join_type="left outer")
    totals = coupons.group_by("campaign_id").aggregate(
        [("coupon_upc", "count_distinct"), ("product_id", "count_distinct")]
    )
    named = coupons.filter(pc.is_valid(coupons["product_category"]))
    sizes = named.group_by(["campaign_id", "product_category"]).aggregate([("product_id", "count_distinct")])
    largest: dict[int, tuple[int, str]] = {}
    for row in sizes.to_pylist():
        candidate = (-row["product_id_count_distinct"], row["product_category"])
        largest[row["campaign_id"]] = min(candidate, largest.get(row["campaign_id"], (1, "")))
    return {
        str(row["campaign_id"]): f"{_many(row['coupon_upc_count_distinct'], 'coupon')} on "
        f"{_many(row['product_id_count_distinct'], 'product')}, most in {largest[row['campaign_id']][1].lower()}"
        for row in totals.to_pylist()
        if row["campaign_id"] in largest
    }


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _offer_products(read: Read) -> pa.Table:
    t = read("coupons")
    table = pa.table(
        {
            "offer_id": _text(t["campaign_id"]),
            "coupon_id": _text(t["coupon_upc"]),
            "product_id": _text(t["product_id"]),
        }
    )
    once = table.group_by(table.column_names, use_threads=False).aggregate([])
    if once.num_rows < table.num_rows:
        say(f"  coupons: {table.num_rows - once.num_rows:,} of {table.num_rows:,} rows repeat another and are left out")
    return once


def _contacts(read: Read) -> pa.Table:
    starts = read("campaign_descriptions").select(["campaign_id", "start_date"])
    t = (
        read("campaigns")
        .join(starts, "campaign_id")
        .sort_by([("campaign_id", "ascending"), ("household_id", "ascending")])
    )
    offers, accounts = _text(t["campaign_id"]), _text(t["household_id"])
    return pa.table(
        {
            "contact_id": pc.binary_join_element_wise(offers, accounts, "-"),
            "account_id": accounts,
            "offer_id": offers,
            "channel": pa.array(["direct_mail"] * t.num_rows, pa.string()),
            "event_ts": _local(t["start_date"], 0),
        }
    )


def _responses(read: Read) -> pa.Table:
    t = read("coupon_redemptions")
    offers, accounts, coupons = _text(t["campaign_id"]), _text(t["household_id"]), _text(t["coupon_upc"])
    days = pc.strftime(t["redemption_date"].cast(pa.timestamp("s")), "%Y%m%d")
    return pa.table(
        {
            # a household redeems the same coupon at most once a day
            "response_id": pc.binary_join_element_wise(offers, accounts, coupons, days, "-"),
            "account_id": accounts,
            "offer_id": offers,
            "response_kind": pa.array(["redeem"] * t.num_rows, pa.string()),
            "event_ts": _local(t["redemption_date"], 12),
            "coupon_id": coupons,
            "contact_id": pc.binary_join_element_wise(offers, accounts, "-"),
        }
    )


TABLES: tuple[tuple[Contract, Callable[[Read], pa.Table]], ...] = (
    (TRANSACTIONS, _transactions),
    (PRODUCTS, _products),
    (CUSTOMERS, _customers),
    (OFFERS, _offers),
    (OFFER_PRODUCTS, _offer_products),
    (CONTACTS, _contacts),
    (RESPONSES, _responses),
)
