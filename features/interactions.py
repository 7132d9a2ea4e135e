"""Purchases as arrays: the boundary between the engine's tables and the recommender's matrices."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.as_of import with_local_time
from features.errors import DataError

Ids = NDArray[np.object_]


@dataclass(frozen=True)
class Interactions:
    """Who bought what on which local day, one element per customer, product, day and day on which it was known.

    `customers` (n_customers,), `products` (n_products,) and `stores` are sorted ids (str objects); the other arrays
    have one element per interaction, sorted by (customer, product, day, known): `customer` and `product` are int32
    positions in the ids, `store` too (-1: not known), `day` is days since 1970-01-01 in local time, `known` the day on
    which we could have known (`day` or later), `quantity`, `amount` and `list_amount` (at shelf price) are float32
    sums, `orders` int32. Views and tags of customers are kept in the same form (`recommend/dealings.py`).
    """

    customers: NDArray[np.object_]
    products: NDArray[np.object_]
    customer: NDArray[np.int32]
    product: NDArray[np.int32]
    day: NDArray[np.int32]
    quantity: NDArray[np.float32]
    amount: NDArray[np.float32]
    orders: NDArray[np.int32]
    known: NDArray[np.int32]
    list_amount: NDArray[np.float32]
    store: NDArray[np.int32]
    stores: NDArray[np.object_]

    @property
    def n_customers(self) -> int:
        """Customers in the axis, also those without a row."""
        return len(self.customers)

    @property
    def n_products(self) -> int:
        """Products in the axis, also those without a row."""
        return len(self.products)

    def __len__(self) -> int:
        return len(self.day)

    def where(self, keep: NDArray[np.bool_] | slice) -> Interactions:
        """The interactions where `keep` (one bool per interaction, or a slice) holds; both axes stay as they are."""
        return replace(
            self,
            customer=self.customer[keep],
            product=self.product[keep],
            day=self.day[keep],
            quantity=self.quantity[keep],
            amount=self.amount[keep],
            orders=self.orders[keep],
            known=self.known[keep],
            list_amount=self.list_amount[keep],
            store=self.store[keep],
        )

    def before(self, day: int) -> Interactions:
        """What happened and was known before the local day `day` (days since 1970-01-01); both axes stay."""
        return self.where((self.day < day) & (self.known < day))

    def between(self, start: int, end: int) -> Interactions:
        """What happened on the local days start <= day < end; both axes stay."""
        return self.where((self.day >= start) & (self.day < end))

    def of_customers(self, first: int, last: int) -> Interactions:
        """The customers at positions first <= position < last, with their rows; the product axis stays."""
        low, high = np.searchsorted(self.customer, [first, last])
        part = self.where(slice(int(low), int(high)))
        return replace(part, customers=self.customers[first:last], customer=part.customer - np.int32(first))

    def take_customers(self, keep: NDArray[np.bool_]) -> Interactions:
        """Only the customers where `keep` (one bool per customer) holds, renumbered; the product axis stays."""
        part = self.where(keep[self.customer])
        number = np.cumsum(keep, dtype=np.int32) - np.int32(1)
        return replace(part, customers=self.customers[keep], customer=number[part.customer])

    def take_products(self, keep: NDArray[np.bool_]) -> Interactions:
        """Only the products where `keep` (one bool per product) holds, renumbered; the customer axis stays."""
        part = self.where(keep[self.product])
        number = np.cumsum(keep, dtype=np.int32) - np.int32(1)
        return replace(part, products=self.products[keep], product=number[part.product])

    def relabel(self, labels: Ids) -> Interactions:
        """The same purchases one level up: `labels` (n_products,) names each product's category or type.

        The new product axis is the sorted distinct labels. Quantity and amount are summed; `orders` is the largest
        of the day's products, a lower bound of the distinct orders (exact when a customer shops once a day). What was
        known later stays apart, so that it does not hide what was known before.
        """
        names, position = np.unique(labels.astype(str), return_inverse=True)
        return from_columns(
            self.customers,
            names.astype(object),
            self.customer,
            position.astype(np.int32)[self.product],
            self.day,
            self.quantity,
            self.amount,
            self.orders,
            known=self.known,
            list_amount=self.list_amount,
            store=self.store,
            stores=self.stores,
        )

    def on_axes(self, customers: Ids, products: Ids) -> Interactions:
        """The same rows on wider axes: sorted ids that hold all of this one's customers and products."""
        who = np.searchsorted(customers, self.customers).astype(np.int32)
        what = np.searchsorted(products, self.products).astype(np.int32)
        moved = replace(self, customers=customers, products=products)
        return replace(moved, customer=who[self.customer], product=what[self.product])

    def baskets_per_product(self) -> NDArray[np.int64]:
        """(n_products,) orders that held each product."""
        return np.bincount(self.product, weights=self.orders, minlength=self.n_products).astype(np.int64)


def from_columns(
    customers: Ids,
    products: Ids,
    customer: NDArray[np.int32],
    product: NDArray[np.int32],
    day: NDArray[np.int32],
    quantity: NDArray[np.float32],
    amount: NDArray[np.float32],
    orders: NDArray[np.int32],
    *,
    known: NDArray[np.int32] | None = None,
    list_amount: NDArray[np.float32] | None = None,
    store: NDArray[np.int32] | None = None,
    stores: Ids | None = None,
) -> Interactions:
    """Interactions from unsorted columns: sorts them and merges what is alike in customer, product, day and `known`
    (sums; the largest of `orders` and of `store`). Without `known`: known on the day; without `list_amount`: nothing
    was reduced; without `store`: -1."""
    known = day if known is None else known
    list_amount = amount if list_amount is None else list_amount
    store = np.full(len(day), -1, dtype=np.int32) if store is None else store
    order = np.lexsort((known, day, product, customer))
    customer, product, day, known = (key[order] for key in (customer, product, day, known))
    new = np.ones(len(day), dtype=bool)
    new[1:] = False
    for key in (customer, product, day, known):
        new[1:] |= key[1:] != key[:-1]
    start = np.flatnonzero(new)
    if len(start):
        # float64 sums of few small numbers are exact enough to be the same in any order of the rows
        quantity = np.add.reduceat(quantity[order].astype(np.float64), start)
        amount = np.add.reduceat(amount[order].astype(np.float64), start)
        list_amount = np.add.reduceat(list_amount[order].astype(np.float64), start)
        orders, store = (np.maximum.reduceat(v[order], start) for v in (orders, store))
    return Interactions(
        customers=customers,
        products=products,
        customer=customer[start].astype(np.int32),
        product=product[start].astype(np.int32),
        day=day[start].astype(np.int32),
        quantity=np.asarray(quantity, dtype=np.float32),
        amount=np.asarray(amount, dtype=np.float32),
        orders=np.asarray(orders, dtype=np.int32),
        known=known[start].astype(np.int32),
        list_amount=np.asarray(list_amount, dtype=np.float32),
        store=np.asarray(store, dtype=np.int32),
        stores=np.empty(0, dtype=object) if stores is None else stores,
    )


def with_drop_reason(transactions: DataFrame, products: DataFrame, drop_departments: tuple[str, ...]) -> DataFrame:
    """Adds `drop_reason` to order lines: why a line teaches nothing about taste, null when it is kept.

    `products` has one row per product (`product_id`, `department`, `category`).
    """
    known = products.select(
        "product_id", F.col("department").alias("_department"), F.col("category").alias("_category")
    ).withColumn("_known", F.lit(True))
    reason = (
        F.when(F.col("_known").isNull(), F.lit("product unknown"))
        .when(F.col("_department").isin(list(drop_departments)), F.concat(F.lit("department "), F.col("_department")))
        .when(F.col("_category").isNull(), F.lit("product without category"))
    )
    joined = transactions.join(known, on="product_id", how="left")
    return joined.withColumn("drop_reason", reason).drop("_known", "_department", "_category")


def as_drop_counts(transactions: DataFrame, products: DataFrame, drop_departments: tuple[str, ...]) -> DataFrame:
    """One row per `drop_reason` (null for the lines kept) with `lines` and `amount`, for the job to report."""
    lines = with_drop_reason(transactions, products, drop_departments)
    return lines.groupBy("drop_reason").agg(
        F.count(F.lit(1)).alias("lines"), F.sum("amount").cast("decimal(18,2)").alias("amount")
    )


def as_purchase_days(
    transactions: DataFrame, products: DataFrame, time_zone: str, drop_departments: tuple[str, ...] = ()
) -> DataFrame:
    """One row per customer, product and local day: `customer_id`, `product_id`, `day`, `quantity`, `amount`,
    `list_amount`, `orders`, `store_id` (the last by name; null: not known), `known_day` (when we knew it all).

    `transactions` carries `customer_id` (joined through the customer map) and UTC `event_ts`; `products` has one row
    per product. Lines of products that are unknown, have no category or belong to `drop_departments` (fuel, coupons)
    are dropped; `as_drop_counts` says how many.
    """
    kept = with_drop_reason(transactions, products, drop_departments).where(F.col("drop_reason").isNull())
    there = set(transactions.columns)
    list_amount = F.coalesce(F.col("list_amount"), F.col("amount")) if "list_amount" in there else F.col("amount")
    store = F.col("store_id") if "store_id" in there else F.lit(None).cast("string")
    late = F.greatest("event_ts", "available_ts") if "available_ts" in there else F.col("event_ts")
    # two plain aggregates instead of a distinct count: Spark would expand the rows for it
    per_order = (
        with_local_time(kept, time_zone)
        .groupBy("customer_id", "product_id", F.col("local_day").alias("day"), "order_id")
        .agg(
            F.sum("quantity").alias("quantity"),
            F.sum("amount").alias("amount"),
            F.sum(list_amount).alias("list_amount"),
            F.max(store).alias("store_id"),
            F.max(late).alias("late"),
        )
    )
    return per_order.groupBy("customer_id", "product_id", "day").agg(
        F.sum("quantity").cast("bigint").alias("quantity"),
        F.sum("amount").cast("decimal(18,2)").alias("amount"),
        F.sum("list_amount").cast("decimal(18,2)").alias("list_amount"),
        F.count(F.lit(1)).cast("int").alias("orders"),
        F.max("store_id").alias("store_id"),
        F.to_date(F.from_utc_timestamp(F.max("late"), time_zone)).alias("known_day"),
    )


def collect_interactions(purchase_days: DataFrame) -> Interactions:
    """The training boundary: collects `as_purchase_days` rows to this process as arrays, through Arrow.

    `known_day`, `list_amount` and `store_id` may be missing, so that other logs can be collected alike. Raises
    `DataError` when there is no row.
    """
    columns = {
        "day": F.unix_date("day"),
        "quantity": F.col("quantity").cast("double"),
        "amount": F.col("amount").cast("double"),
        "orders": F.col("orders").cast("int"),
    }
    if "known_day" in purchase_days.columns:
        columns["known"] = F.unix_date("known_day")
    if "list_amount" in purchase_days.columns:
        columns["list_amount"] = F.col("list_amount").cast("double")
    if "store_id" in purchase_days.columns:
        columns["store_id"] = F.col("store_id")
    named = [value.alias(name) for name, value in columns.items()]
    return as_interactions(purchase_days.select("customer_id", "product_id", *named).toArrow())


def collect_log(days: DataFrame) -> Interactions | None:
    """As `collect_interactions`, for a log that may be empty: None then."""
    try:
        return collect_interactions(days)
    except DataError:
        return None


def as_interactions(table: pa.Table) -> Interactions:
    """`Interactions` of an Arrow table with one row per customer, product and day (`day` as days since 1970); the
    columns `known`, `list_amount` and `store_id` may be missing."""
    if table.num_rows == 0:
        raise DataError("there are no purchases to learn from: is the as-of date after the first transaction?")
    customers, customer = _positions(table["customer_id"])
    products, product = _positions(table["product_id"])
    day, quantity, amount, orders = (
        np.asarray(table[name].to_numpy()) for name in ("day", "quantity", "amount", "orders")
    )
    stores, store = _positions(table["store_id"]) if "store_id" in table.column_names else (None, None)
    known, list_amount = (
        np.asarray(table[name].to_numpy()) if name in table.column_names else None for name in ("known", "list_amount")
    )
    more = {"known": known, "list_amount": list_amount, "store": store, "stores": stores}
    return from_columns(customers, products, customer, product, day, quantity, amount, orders, **more)  # type: ignore[arg-type]


def _positions(column: pa.ChunkedArray) -> tuple[Ids, NDArray[np.int32]]:
    """Sorted distinct values of a string column, and each row's position in them; -1 where it is null."""
    encoded = column.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.unify_dictionaries().combine_chunks()
    values = np.asarray(encoded.dictionary.to_pylist(), dtype=object)
    order = np.argsort(values, kind="stable")
    rank = np.empty(len(values), dtype=np.int32)
    rank[order] = np.arange(len(values), dtype=np.int32)
    place = encoded.indices.fill_null(len(values)).to_numpy()
    return values[order], np.append(rank, np.int32(-1))[place]
