"""From the lake's tables to what the recommender learns from and scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame

from features.as_of import AsOf, known_before
from features.hierarchy import as_current_products
from features.interactions import Interactions, as_purchase_days
from features.order_lines import account_customers
from recommend.catalogue import Catalogue, build_catalogue, by_category
from recommend.histories import Ints


@dataclass(frozen=True)
class Levels:
    """Purchases and catalogue of both levels, axes aligned, and each product's category position."""

    products: Interactions
    catalogue: Catalogue
    categories: Interactions
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
    """The columns that `build_levels` takes, one row per product known at the cut."""
    return as_current_products(products, as_of).select(
        "product_id", "name", "department", "category", "product_type", "brand"
    )


def build_levels(purchases: Interactions, rows: dict[str, list[str | None]]) -> Levels:
    """Both levels from `collect_interactions` and the columns of `catalogue_rows` (same positions in each list)."""
    row = {p: i for i, p in enumerate(rows["product_id"])}
    chosen = [row[p] for p in purchases.products]
    column = {name: [values[i] for i in chosen] for name, values in rows.items()}
    catalogue = build_catalogue(
        [str(p) for p in column["product_id"]],
        column["name"],
        column["category"],
        column["product_type"],
        column["brand"],
    )
    upper, place = by_category(catalogue, category_departments(column["category"], column["department"]))
    names = np.asarray(upper.items)[place] if len(upper) else np.empty(0, dtype=object)
    return Levels(purchases, catalogue, purchases.relabel(as_labels(names)), upper, place.astype(np.int64))


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
