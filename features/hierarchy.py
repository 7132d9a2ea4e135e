"""Where each product stands in the hierarchy, aligned with the product axis of the interactions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from features.as_of import AsOf
from features.errors import DataError

Labels = NDArray[np.object_]
LEVELS = ("product", "type", "category")


@dataclass(frozen=True)
class Hierarchy:
    """Labels (str objects, never null) of `products` (sorted ids); every array is (n_products,).

    A product without type or brand gets its category's name, respectively an empty string.
    """

    products: Labels
    product_type: Labels
    category: Labels
    department: Labels
    brand: Labels

    def labels(self, level: str) -> Labels:
        """The labels that `Interactions.relabel` takes; `level` is one of product, type, category."""
        by_level = {"product": self.products, "type": self.product_type, "category": self.category}
        if level not in by_level:
            raise DataError(f"level must be one of {', '.join(LEVELS)}, got {level!r}")
        return by_level[level]


def collect_hierarchy(products: DataFrame, product_ids: Labels) -> Hierarchy:
    """Collects one row per product (`product_id` and the hierarchy's columns) and aligns it with `product_ids`."""
    columns = ("product_id", "product_type", "category", "department", "brand")
    return as_hierarchy(products.select(*columns).toArrow(), product_ids)


def as_hierarchy(table: pa.Table, product_ids: Labels) -> Hierarchy:
    """`Hierarchy` of an Arrow table with one row per product; `DataError` when an id of `product_ids` is absent."""
    row = {p: i for i, p in enumerate(table["product_id"].to_pylist())}
    missing = [p for p in product_ids if p not in row]
    if missing:
        raise DataError(f"{len(missing):,} products have no row in the hierarchy, for example {missing[0]}")
    take = np.fromiter((row[p] for p in product_ids), dtype=np.int64, count=len(product_ids))

    def column(name: str) -> Labels:
        values = table[name].to_pylist()
        return np.array([values[i] or "" for i in take] or [""], dtype=object)[: len(take)]

    category = column("category")
    product_type = column("product_type")
    return Hierarchy(
        products=product_ids,
        product_type=np.where(product_type == "", category, product_type),
        category=category,
        department=column("department"),
        brand=column("brand"),
    )


def as_current_products(products: DataFrame, as_of: AsOf) -> DataFrame:
    """One row per product with the attributes that held at the cut; a row without valid_from has always held."""
    known = products.where(F.col("valid_from").isNull() | (F.col("valid_from") < F.lit(as_of.ts)))
    newest = Window.partitionBy("product_id").orderBy(
        F.col("valid_from").desc_nulls_last(), F.col("category").asc_nulls_last()
    )
    return known.withColumn("_n", F.row_number().over(newest)).where(F.col("_n") == 1).drop("_n")
