"""What may be recommended to whom, as data: the engine's side (`scoring/eligible_items.py` has the arrays).

Rules on everybody or on customers of one kind become a short table that each worker opens; only rules on single
customers travel with those customers' histories.
"""

from __future__ import annotations

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.as_of import AsOf
from features.contract import Column, Contract
from features.hierarchy import as_current_products

ALL, CUSTOMER, STORE = "all", "customer_id", "store"
EXACT = (CUSTOMER, STORE)  # ids; other values are compared as tags are written: trimmed, in lower case
OUT_OF_STOCK = "out of stock"
DENIED, FOR_OTHERS = "denied", "for others only"  # reasons of rules that give none

BLOCKED_PAIRS = Contract(
    "blocked_pairs",
    "How many pairs of a customer and a product rules kept out of the lists, by reason.",
    ("reason",),
    (Column("reason", "string", "reason"), Column("pairs", "long", "pairs", low=0)),
    role="internal",
)


def as_rule_lines(
    rules: DataFrame | None, products: DataFrame, as_of: AsOf, shelves: DataFrame | None = None
) -> DataFrame:
    """One row per rule that holds at the cut and product it is about: action, attribute, value, product_id, reason.

    `rules` as in `product_eligibility`, None where there is no such source; `products` in all their versions. A rule
    on a category is a row per product that is in it at the cut, or by `shelves` (product_id, category) where given.
    What is not in stock at the cut is denied to all.
    """
    now = as_current_products(products, as_of)
    nothing = F.lit(None).cast("string").alias("value")
    gone = now.where(~F.col("in_stock")).select(
        F.lit("deny").alias("action"),
        F.lit(ALL).alias("attribute"),
        nothing,
        "product_id",
        F.lit(OUT_OF_STOCK).alias("reason"),
    )
    if rules is None:
        return gone
    holds = F.coalesce(F.col("valid_from") <= F.lit(as_of.ts), F.lit(True)) & F.coalesce(
        F.col("valid_to") > F.lit(as_of.ts), F.lit(True)
    )
    value = F.when(F.col("attribute").isin(list(EXACT)), F.trim("value")).otherwise(F.lower(F.trim("value")))
    usual = F.when(F.col("action") == "deny", F.lit(DENIED)).otherwise(F.lit(FOR_OTHERS))
    held = rules.where(holds).select(
        "action",
        "attribute",
        value.alias("value"),
        "product_id",
        "category",
        F.coalesce(F.col("reason"), usual).alias("reason"),
    )
    columns = ("action", "attribute", "value", "product_id", "reason")
    on_products = held.where(F.col("product_id").isNotNull()).select(*columns)
    shelves = (now if shelves is None else shelves).select("product_id", "category")
    shelves = shelves.where(F.col("category").isNotNull())
    on_categories = (
        held.where(F.col("product_id").isNull()).drop("product_id").join(shelves, on="category", how="inner")
    )
    return gone.unionByName(on_products).unionByName(on_categories.select(*columns)).distinct()


def collect_segment_lines(lines: DataFrame) -> pa.Table:
    """The lines that are about kinds of customers, sorted; of those on single customers which products they allow."""
    single = F.col("attribute") == CUSTOMER
    allowed = lines.where(single & (F.col("action") == "allow")).withColumn("value", F.lit(None).cast("string"))
    table = lines.where(~single).unionByName(allowed).distinct().toArrow()
    order = [(name, "ascending") for name in ("action", "attribute", "value", "product_id", "reason")]
    return table.sort_by(order)


def customer_lines(lines: DataFrame, action: str) -> DataFrame:
    """Lines on single customers with that action: customer_id, product_id, reason."""
    mine = lines.where((F.col("attribute") == CUSTOMER) & (F.col("action") == action))
    return mine.groupBy(F.col("value").alias("customer_id"), "product_id").agg(F.min("reason").alias("reason"))
