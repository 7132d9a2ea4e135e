"""From the lake's tables to what the recommender learns from and scores."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.as_of import AsOf, known_before, with_local_time
from features.hierarchy import as_current_products
from features.interactions import Interactions, as_purchase_days
from features.order_lines import account_customers
from recommend.catalogue import Catalogue, build_catalogue, by_category
from recommend.dealings import Dealings, as_dealings
from recommend.histories import Ints


@dataclass(frozen=True)
class Levels:
    """Dealings and catalogue of both levels, axes aligned, and each product's category position."""

    products: Dealings
    catalogue: Catalogue
    categories: Dealings
    upper: Catalogue
    place: Ints


def known_purchase_days(
    transactions: DataFrame,
    products: DataFrame,
    customer_map: DataFrame,
    as_of: AsOf,
    drop_departments: tuple[str, ...],
) -> DataFrame:
    """Rows of `as_purchase_days` known before the cut, with customers and product attributes as they were then."""
    lines = known_before(transactions, as_of).join(account_customers(customer_map, as_of), on="account_id", how="inner")
    return as_purchase_days(lines, as_current_products(products, as_of), as_of.time_zone, drop_departments)


def catalogue_rows(products: DataFrame, as_of: AsOf) -> DataFrame:
    """The columns that `build_levels` takes, one row per product known at the cut; `launched_day` counts from
    1970-01-01, and `in_stock` is what was known at the cut."""
    launched = F.unix_date("launched_on").alias("launched_day")
    return as_current_products(products, as_of).select(
        "product_id", "name", "department", "category", "product_type", "brand", launched, "in_stock"
    )


def products_for_sale(
    rows: dict[str, list[Any]], viewed: Collection[str], cut: int, days: int, drop_departments: Collection[str]
) -> list[str]:
    """Products of `catalogue_rows` that can be recommended although nobody bought them: looked at, or launched in the
    `days` before the local day `cut`, and not out of stock. What is launched at the cut or later is not for sale."""
    found = []
    columns = (rows[name] for name in ("product_id", "department", "category", "launched_day", "in_stock"))
    for product, department, category, launched, in_stock in zip(*columns, strict=True):
        if category is None or department in drop_departments or in_stock is False:
            continue
        if launched is not None and launched >= cut:
            continue
        if product in viewed or (launched is not None and launched >= cut - days):
            found.append(str(product))
    return found


def known_view_days(
    browsing: DataFrame | None, cart_events: DataFrame | None, customer_map: DataFrame, as_of: AsOf, days: int
) -> DataFrame | None:
    """Products looked at in the `days` local days before the cut, as known then; None without either source.

    One row per customer, product, day and `known_day`, when all of it was known: what was delivered late does not hide
    what was known before. `quantity` page views, `amount` times put into a cart or marked as a favourite, `orders` 1.
    """
    parts = []
    if browsing is not None:
        wanted = browsing.where(F.col("event_kind").isin("view", "favourite"))
        parts.append(_looks(wanted, as_of, days, F.col("event_kind") == "favourite"))
    if cart_events is not None:
        parts.append(_looks(cart_events.where(F.col("event_kind") == "add"), as_of, days, F.lit(True)))
    if not parts:
        return None
    owners = account_customers(customer_map, as_of)
    looks = reduce(lambda a, b: a.unionByName(b), parts).join(owners, on="account_id", how="inner")
    return looks.groupBy("customer_id", "product_id", "day", "known_day").agg(
        F.sum(F.when(F.col("kept"), 0).otherwise(1)).cast("double").alias("quantity"),
        F.sum(F.when(F.col("kept"), 1).otherwise(0)).cast("double").alias("amount"),
        F.lit(1).alias("orders"),
    )


def _looks(events: DataFrame, as_of: AsOf, days: int, kept: Column) -> DataFrame:
    """Events with a product, of the last `days` days: account_id, product_id, day, known_day, kept."""
    recent = known_before(events, as_of).where(
        F.col("product_id").isNotNull() & (F.col("event_ts") >= F.lit(as_of.plus(-days).ts))
    )
    known = F.from_utc_timestamp(F.greatest("event_ts", "available_ts"), as_of.time_zone)
    return with_local_time(recent, as_of.time_zone).select(
        "account_id", "product_id", F.col("local_day").alias("day"), F.to_date(known).alias("known_day"),
        kept.alias("kept"),
    )  # fmt: skip


def build_levels(data: Dealings | Interactions, rows: dict[str, list[Any]]) -> Levels:
    """Both levels from what customers did and the columns of `catalogue_rows` (same positions in each list)."""
    dealings = as_dealings(data)
    row = {p: i for i, p in enumerate(rows["product_id"])}
    chosen = [row[p] for p in dealings.purchases.products]
    column = {name: [values[i] for i in chosen] for name, values in rows.items()}
    catalogue = build_catalogue(
        [str(p) for p in column["product_id"]],
        column["name"],
        column["category"],
        column["product_type"],
        column["brand"],
        column.get("launched_day"),
        departments=column["department"],
    )
    upper, place = by_category(catalogue, category_departments(column["category"], column["department"]))
    names = np.asarray(upper.items)[place] if len(upper) else np.empty(0, dtype=object)
    return Levels(dealings, catalogue, dealings.relabel(as_labels(names)), upper, place.astype(np.int64))


def category_departments(categories: list[str | None], departments: list[str | None]) -> dict[str, str]:
    """The department of each category: that of most of its products, ties by name."""
    counts: dict[str, dict[str, int]] = {}
    for category, department in zip(categories, departments, strict=True):
        if category and department:
            of = counts.setdefault(category, {})
            of[department] = of.get(department, 0) + 1
    return {c: min(of, key=lambda d: (-of[d], d)) for c, of in counts.items()}


def as_labels(names: NDArray) -> NDArray[np.object_]:
    """Names as str objects."""
    return np.asarray([str(n) for n in names], dtype=object)
