"""Purchases as customers made them, known before the cut, at the grains that features are computed from.

An order's moment is that of its earliest line. Product attributes are those that held when the line was bought:
with the attributes at the cut, a snapshot of last year would change whenever a product is moved to another category,
and what was bought as summer stock would count as whatever it is sold as today.
"""

from __future__ import annotations

from decimal import Decimal
from functools import reduce
from operator import and_

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.as_of import OPEN_START, AsOf, known_before
from features.definitions import FeatureParams
from features.windows import MONEY, days_before

ATTRIBUTES = ("category", "brand", "own_brand")
IN_TIME = (*ATTRIBUTES, "launched_on")  # what a version of a product consists of here
NUMBERED = ("category", "brand")


def account_customers(customer_map: DataFrame, as_of: AsOf) -> DataFrame:
    """The customer of each account at the cut: account_id, customer_id, one row per account.

    A stitch counts from the instant after `valid_from`, as every other fact does, and until `valid_to`.
    """
    cut = F.lit(as_of.ts)
    valid = customer_map.where(
        (F.col("valid_from") < cut) & (F.col("valid_to").isNull() | (F.col("valid_to") >= cut))
    ).select("account_id", "customer_id", "valid_from")
    return _last_per(valid, "account_id", "customer_id").select("account_id", "customer_id")


def with_customer_no(accounts: DataFrame) -> DataFrame:
    """Adds `customer_no` to `account_customers`: 1 to n in the order of customer_id.

    A number of this snapshot only: to group by it takes half as long as to group by the string.
    """
    return accounts.withColumn("customer_no", _number("customer_id"))


def as_customers(accounts: DataFrame) -> DataFrame:
    """customer_no, customer_id of everyone with an account, once each, from `with_customer_no`."""
    return accounts.groupBy("customer_no").agg(F.max("customer_id").alias("customer_id"))


def product_attributes(products: DataFrame, as_of: AsOf) -> DataFrame:
    """The attributes of each product at the cut: product_id, category, brand, own_brand, one row per product.

    A row without valid_from has always held. A product first described at or after the cut is unknown. For what a
    customer bought, see `product_versions`.
    """
    known = products.where(F.col("valid_from").isNull() | (F.col("valid_from") < F.lit(as_of.ts)))
    columns = ["product_id", *ATTRIBUTES]
    return _last_per(known.select(*columns, "valid_from"), "product_id", "category").select(*columns)


def product_versions(products: DataFrame, as_of: AsOf) -> DataFrame:
    """Which attributes a product had when.

    Columns: product_id, since, until, category, brand, own_brand, launched_on, category_no, brand_no. `since` is
    included and `until` is not; the versions of a product do not overlap and leave no gap before the cut. The first
    known version reaches back for ever, and versions from the cut on are left out. Versions that differ
    in other columns only (a price) are one, since lines are compared with every version of their product. Of two
    from the same moment the one with the smaller category holds. `category_no` and `brand_no` number the names
    from 1 in their order, for this snapshot only; null has none.
    """
    held = F.coalesce(F.col("valid_from"), F.lit(OPEN_START))
    known = products.select("product_id", held.alias("_from"), *IN_TIME).where(F.col("_from") < F.lit(as_of.ts))
    # most products never change: they need no windows, which take ten times as long as counting
    repeated = known.groupBy("product_id").agg(F.count(F.lit(1)).alias("_n")).where(F.col("_n") > 1)
    once = known.join(F.broadcast(repeated), "product_id", how="left_anti").select(
        "product_id", F.lit(OPEN_START).alias("since"), F.lit(as_of.ts).alias("until"), *IN_TIME
    )
    changing = known.join(F.broadcast(repeated), "product_id", how="left_semi")
    spans = once.unionByName(_as_spans(changing, as_of))
    return spans.select("*", *[F.when(F.col(c).isNotNull(), _number(c)).alias(f"{c}_no") for c in NUMBERED])


def _as_spans(changing: DataFrame, as_of: AsOf) -> DataFrame:
    """Spans of time in which the attributes of a product stayed the same."""
    # of equals the last is the one that holds: no time is left to the others
    in_time = Window.partitionBy("product_id").orderBy("_from", *[F.col(c).desc_nulls_first() for c in IN_TIME])
    versions = changing.withColumn("_next", F.lead("_from").over(in_time)).where(
        F.col("_next").isNull() | (F.col("_next") > F.col("_from"))
    )
    by_start = Window.partitionBy("product_id").orderBy("_from")
    same = [F.col(c).eqNullSafe(F.lag(c).over(by_start)) for c in IN_TIME]
    first = F.lag("_from").over(by_start).isNull()
    changed = versions.select("*", first.alias("_first"), reduce(and_, same).alias("_same")).where(
        F.col("_first") | ~F.col("_same")
    )
    return changed.select(
        "product_id",
        F.when(F.col("_first"), F.lit(OPEN_START)).otherwise(F.col("_from")).alias("since"),
        F.coalesce(F.lead("_from").over(by_start), F.lit(as_of.ts)).alias("until"),
        *IN_TIME,
    )


def as_names(versions: DataFrame, name: str) -> DataFrame:
    """The names behind the numbers `<name>_no` of `product_versions`."""
    known = versions.where(F.col(name).isNotNull())
    return known.groupBy(f"{name}_no").agg(F.max(name).alias(name))


def numbered_lines(
    transactions: DataFrame, versions: DataFrame, accounts: DataFrame, as_of: AsOf, params: FeatureParams
) -> DataFrame:
    """Order lines known before the cut, with their customer, their product's attributes then, and `days_ago`.

    From `product_versions` and `with_customer_no`. Columns: customer_no, order_id, event_ts, days_ago, quantity,
    amount, list_amount, coupon_amount, category_no, brand_no, own_brand, past_season (bought after the new season of
    its product; null where that states no first day on sale) and unit_cents (shelf price of a unit in cents, halves
    up; null without a category, a price above 0 or a quantity). Strings are left out, since this frame
    is written and read back, and writing them takes as long as the rest.
    `days_ago` counts local days back from the cut: 1 is the day before it. A null in `available_ts` is not known,
    and an account without a customer at the cut is left out.
    """
    customer = F.broadcast(accounts.select("account_id", "customer_no"))
    known = known_before(transactions, as_of).join(customer, "account_id", how="inner")
    then = (F.col("product_id") == F.col("_product")) & (F.col("event_ts") >= F.col("since"))
    # the small side first: the embedded engine builds its hash table from the left
    found = versions.withColumnRenamed("product_id", "_product").join(
        known, then & (F.col("event_ts") < F.col("until")), how="right"
    )
    # integers, since engines round doubles at a tie differently
    cents, units = (F.col("list_amount") * 100).cast("bigint"), F.col("quantity")
    days_ago = days_before(F.col("event_ts"), as_of)
    on_sale = F.lit(as_of.epoch_day) - days_ago - F.unix_date("launched_on")
    priced = F.col("category_no").isNotNull() & (F.col("list_amount") > 0) & (units > 0)
    return found.select(
        "customer_no",
        "order_id",
        "event_ts",
        days_ago.alias("days_ago"),
        "quantity",
        "amount",
        "list_amount",
        "coupon_amount",
        "category_no",
        "brand_no",
        "own_brand",
        F.when(F.col("launched_on").isNotNull(), on_sale > params.fashion.new_season_days).alias("past_season"),
        F.when(priced, F.floor((cents * 2 + units) / (units * 2))).cast("bigint").alias("unit_cents"),
    )


def with_line_names(lines: DataFrame, customers: DataFrame, categories: DataFrame, brands: DataFrame) -> DataFrame:
    """Adds customer_id, category and brand to `numbered_lines`, from `as_customers` and `as_names`."""
    named = F.broadcast(customers).join(lines, "customer_no", how="inner")
    for names, number in ((categories, "category_no"), (brands, "brand_no")):
        named = F.broadcast(names).join(named, number, how="right")
    return named


def as_refunds(order_status: DataFrame, as_of: AsOf) -> DataFrame:
    """What was paid back per order as known before the cut: order_id, refunded (money), one row per order.

    Whoever's account it was booked under: a till, a guest or the service desk takes goods back as well, and the
    money is missing from the order all the same. A row without an amount says that goods came back and not what was
    paid for them, and is left out. A refund dated before its order counts: stamps of two systems may be minutes apart.
    """
    paid_back = known_before(order_status, as_of).where((F.col("status") == "refunded") & (F.col("amount") > 0))
    return paid_back.groupBy("order_id").agg(F.sum("amount").cast(MONEY).alias("refunded"))


def as_orders(
    lines: DataFrame, customers: DataFrame, refunds: DataFrame | None, as_of: AsOf, params: FeatureParams
) -> DataFrame:
    """One row per customer and order: when (`days_ago`, local `hour`, `weekday` 1 = Monday, `month_day`) and sums.

    `customers` has customer_no and customer_id, `refunds` is `as_refunds` or None. Columns beside these: order_ts,
    n_lines, n_units, amount (paid), net_amount, coupon_amount (null when no line states one), listed_list and
    listed_paid (shelf value and paid value of lines that have a shelf price above 0), n_listed, n_discounted,
    n_listed_new and n_full_price_new (of lines that are not past their season), own_amount and branded_amount (own
    label, and label known).

    `net_amount` is what was paid less what was refunded, and never below 0: more than was paid cannot be given back,
    so a larger refund is a mistake of the source. Refunds count with their order, whenever they came: the money of
    the last 30 days is what its orders left, and no window can be negative.
    """
    orders = lines.groupBy("customer_no", "order_id").agg(
        F.min("event_ts").alias("order_ts"),
        *[F.sum(value).cast(kind).alias(name) for name, (value, kind) in _line_sums(params).items()],
    )
    net = F.col("amount")
    if refunds is not None:
        orders = refunds.join(orders, "order_id", how="right")
        net = F.greatest(net - F.coalesce(F.col("refunded"), F.lit(0)), F.lit(0)).cast(MONEY)
    local = F.from_utc_timestamp(F.col("order_ts"), as_of.time_zone)
    return (
        F.broadcast(customers)
        .join(orders, "customer_no", how="inner")
        .select(
            "customer_id",
            "customer_no",
            "order_id",
            "order_ts",
            *_line_sums(params),
            net.alias("net_amount"),
            (F.lit(as_of.epoch_day) - F.unix_date(F.to_date(local))).cast("int").alias("days_ago"),
            F.hour(local).alias("hour"),
            # from the day number (1970-01-01 was a Thursday): `weekday` gives -1 for Sundays on the embedded engine
            (F.pmod(F.unix_date(F.to_date(local)) + 3, F.lit(7)) + 1).cast("int").alias("weekday"),
            F.dayofmonth(local).alias("month_day"),
        )
    )


def as_category_orders(lines: DataFrame) -> DataFrame:
    """One row per customer, category and order: days_ago, n_lines, amount. No row for lines without a category."""
    return _as_orders_in(lines, "category", "customer_id", "category", "order_id")


def as_numbered_category_orders(lines: DataFrame) -> DataFrame:
    """`as_category_orders` by customer_no and category_no, from `numbered_lines` and in half the time.

    Orders of one customer are told apart by a 64-bit hash of order_id.
    """
    hashed = lines.withColumn("order_key", F.xxhash64("order_id"))
    return _as_orders_in(hashed, "category_no", "customer_no", "category_no", "order_key")


def _as_orders_in(lines: DataFrame, category: str, *keys: str) -> DataFrame:
    return (
        lines.where(F.col(category).isNotNull())
        .groupBy(*keys)
        .agg(
            F.max("days_ago").alias("days_ago"),
            F.count(F.lit(1)).alias("n_lines"),
            F.sum("amount").cast(MONEY).alias("amount"),
        )
    )


def _line_sums(params: FeatureParams) -> dict[str, tuple[Column, str]]:
    """What is summed from lines to orders: name -> (value per line, type)."""
    amount, shelf = F.col("amount"), F.col("list_amount")
    listed, current = shelf > 0, ~F.coalesce(F.col("past_season"), F.lit(False))
    limit = shelf * F.lit(Decimal(str(1 - params.discount_threshold)).quantize(Decimal("0.0001")))
    one = F.lit(1)
    return {
        "n_lines": (one, "bigint"),
        "n_units": (F.col("quantity"), "bigint"),
        "amount": (amount, MONEY),
        "coupon_amount": (F.col("coupon_amount"), MONEY),
        "listed_list": (F.when(listed, shelf), MONEY),
        "listed_paid": (F.when(listed, amount), MONEY),
        "n_listed": (F.when(listed, one).otherwise(0), "bigint"),
        "n_discounted": (F.when(listed & (amount < limit), one).otherwise(0), "bigint"),
        "n_listed_new": (F.when(listed & current, one).otherwise(0), "bigint"),
        "n_full_price_new": (F.when(listed & current & (amount >= shelf), one).otherwise(0), "bigint"),
        "own_amount": (F.when(F.col("own_brand"), amount), MONEY),
        "branded_amount": (F.when(F.col("own_brand").isNotNull(), amount), MONEY),
    }


def _last_per(df: DataFrame, key: str, tie: str) -> DataFrame:
    """The row with the latest valid_from per key (null is earliest); a second row of a key can never fan out a join."""
    newest = Window.partitionBy(key).orderBy(F.col("valid_from").desc_nulls_last(), F.col(tie).asc_nulls_last())
    return df.withColumn("_n", F.row_number().over(newest)).where(F.col("_n") == 1).drop("_n")


def _number(column: str) -> Column:
    """1 to n in the order of a column, equal values alike."""
    everything = Window.partitionBy(F.lit(1)).orderBy(F.col(column).asc_nulls_last())
    return F.dense_rank().over(everything).cast("int")
