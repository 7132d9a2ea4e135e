"""Purchases of a lake, and of the public demo data, read with the engine."""

from __future__ import annotations

from datetime import date

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.as_of import AsOf
from features.errors import DataError
from features.hierarchy import as_current_products, collect_hierarchy
from features.interactions import as_drop_counts, as_purchase_days, collect_interactions
from features.order_lines import account_customers
from jobs.complete_journey import write_sources
from jobs.evaluation_data.shop import Shop
from jobs.workspace import Workspace

DROPPED = ("FUEL", "MISCELLANEOUS", "COUPON")  # by the published protocol on Complete Journey
END = date(9000, 1, 1)  # attributes and customers as they are known at the end of the data
AS_NOW = "customers and attributes of products are as known at the end of the data, at every cut"


def collect_lake(w: Workspace) -> Shop:
    """All purchases of the lake, by local day. Who is whose account and what a product is are as known at the end of
    the data, at every cut: what was corrected after a cut is in its lists too."""
    missing = [n for n in ("transactions", "products", "customer_map") if w.lake.table(n) is None]
    if missing:
        raise DataError(
            f"lake {w.lake.root} has no {', '.join(missing)} yet; `nextbest run` fills it, "
            "or take --protocol complete-journey"
        )
    as_of = AsOf(END, w.settings.time_zone)
    transactions, products, customer_map = (
        w.lake.read(w.engine.spark, n, w.lake.require(n).version(), None)
        for n in ("transactions", "products", "customer_map")
    )
    owners = account_customers(customer_map, as_of)
    lines = transactions.join(owners, "account_id", how="inner")
    return _collect(lines, products, as_of, tuple(w.settings.recommender.drop_departments))


def collect_demo(w: Workspace) -> Shop:
    """Complete Journey on UTC days, one customer per household."""
    folder = w.lake.root / "demo_sources"
    write_sources(folder)
    read = w.engine.spark.read
    transactions = read.parquet(str(folder / "transactions.parquet")).withColumnRenamed("account_id", "customer_id")
    products = read.parquet(str(folder / "products.parquet"))
    # the demo's products never change and state no start
    return _collect(transactions, products.withColumn("valid_from", F.lit(None).cast("timestamp")), AsOf(END), DROPPED)


def _collect(transactions: DataFrame, products: DataFrame, as_of: AsOf, drop: tuple[str, ...]) -> Shop:
    current = as_current_products(products, as_of)
    counts = as_drop_counts(transactions, current, drop).collect()
    dropped = {f"lines: {r.drop_reason}": r.lines for r in counts if r.drop_reason}
    purchases = collect_interactions(as_purchase_days(transactions, current, as_of.time_zone, drop))
    return Shop(purchases, collect_hierarchy(current, purchases.products), dict(sorted(dropped.items())))
