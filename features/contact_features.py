"""What is known about a customer and an offer at the moment of a contact: the inputs of the response model.

One pure function makes the rows for training (past sends) and for scoring (live and typical offers), so that both
mean the same. Only facts with `event_ts` and `available_ts` strictly before the pair's `cut` are read. Windows are
elapsed time (28 days are 28 x 24 hours), so they do not depend on a time zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.contact_pairs import PAIR, answers_channel, closes_ts, holds_at, with_answered_channel
from features.contract import Column as C
from features.contract import Contract
from features.rounding import rounded

DAY = 86400


@dataclass(frozen=True)
class ContactSources:
    """The tables that contact features read, as in their contracts.

    `products` holds one row per product with `product_id` and `category`.
    """

    transactions: DataFrame
    contacts: DataFrame
    responses: DataFrame
    offers: DataFrame
    offer_products: DataFrame
    products: DataFrame
    customer_map: DataFrame


@dataclass(frozen=True)
class ContactFeatureParams:
    """Windows of contact features, in days. Changing one changes what a trained model's inputs mean: train again."""

    short_days: int = 28  # "lately"
    long_days: int = 91  # "this quarter"
    history_days: int = 364  # nothing older is read
    fatigue_half_life_days: float = 7.0  # a send's weight in `fatigue` halves every so many days


# The order is that of the matrix columns. Features named `*_short`, `*_long` and without suffix look back
# short_days, long_days and history_days.
CONTACT_FEATURES = Contract(
    "contact_features",
    "One row per customer, offer, channel and cut: what was known then.",
    ("customer_id", "offer_id", "channel", "cut"),
    (
        C("customer_id", "string", "customer"),
        C("offer_id", "string", "offer"),
        C("channel", "string", "channel of the contact"),
        C("cut", "timestamp", "facts strictly before it only, UTC"),
        C("offer_kind", "string", "kind of offer"),
        C("window_days", "int", "days the offer can be used from the cut", low=1),
        C("offer_products", "int", "distinct products its coupons apply to", low=0),
        C("offer_coupons", "int", "distinct coupons", low=0),
        C("recency_days", "int", "whole days since the last order; null without one", True, low=0),
        C("tenure_days", "int", "whole days since the first order; null without one", True, low=0),
        C("orders_short", "int", "orders", low=0),
        C("orders_long", "int", "orders", low=0),
        C("orders", "int", "orders", low=0),
        C("spend_short", "double", "amount bought", low=0),
        C("spend_long", "double", "amount bought", low=0),
        C("spend", "double", "amount bought", low=0),
        C("coupon_orders_long", "int", "orders on which a coupon was used", low=0),
        C("coupon_amount_long", "double", "amount settled by coupons", low=0),
        C("discount_share_long", "double", "1 - amount / list amount; null without list amounts", True, high=1),
        C("categories_long", "int", "distinct categories bought", low=0),
        C("offer_products_bought", "int", "distinct products of the offer bought", low=0),
        C("offer_spend_long", "double", "amount bought of the offer's products", low=0),
        C("offer_spend_share", "double", "share of spend on the offer's products; null without spend", True),
        C("offer_category_share", "double", "share of spend in the offer's categories; null without spend", True),
        C("offer_recency_days", "int", "days since one of the offer's products was bought; null if never", True),
        C("sends_short", "int", "earlier sends in the channel", low=0),
        C("sends", "int", "earlier sends in the channel", low=0),
        C("send_recency_days", "int", "days since the last earlier send in the channel; null without one", True),
        C("fatigue", "double", "earlier sends in the channel, each halved every 7 days since", low=0),
        C("closed_sends", "int", "earlier sends, any channel, whose offer had ended by the cut", low=0),
        C("closed_responses", "int", "of these, sends that were answered", low=0),
        C("closed_kind_sends", "int", "closed sends of the same offer kind", low=0),
        C("closed_kind_responses", "int", "of these, sends that were answered", low=0),
        C("responses", "int", "answers given (coupons redeemed), whatever the offer", low=0),
        C("response_recency_days", "int", "days since the last answer; null without one", True, low=0),
    ),
    role="internal",
)

KEYS = ("customer_id", "cut")


def as_contact_features(
    pairs: DataFrame,
    sources: ContactSources,
    params: ContactFeatureParams,
    time_zone: str,
    response_kind: str = "redeem",
) -> DataFrame:
    """Rows of `CONTACT_FEATURES`, one per pair (see `features/contact_pairs.py`)."""
    wanted = pairs.select(*PAIR)
    cuts = wanted.select(*KEYS).distinct()
    lines = _before(sources.transactions, sources.customer_map, cuts, params.history_days)
    past = _past_sends(sources, cuts, params, time_zone, response_kind)
    answers = _before(
        sources.responses.where(F.col("response_kind") == F.lit(response_kind)),
        sources.customer_map,
        cuts,
        params.history_days,
    )
    offer_sizes = sources.offer_products.groupBy("offer_id").agg(
        F.count_distinct(F.col("product_id")).alias("offer_products"),
        F.count_distinct(F.col("coupon_id")).alias("offer_coupons"),
    )
    parts = [
        (offer_sizes, ["offer_id"]),
        (_shopping(lines, params), [*KEYS]),
        (_overlap(wanted, lines, sources, params), [*KEYS, "offer_id"]),
        (_channel_history(past, params), [*KEYS, "channel"]),
        (_response_history(past, "closed"), [*KEYS]),
        (_response_history(past, "closed_kind", "offer_kind"), [*KEYS, "offer_kind"]),
        (_answers(answers), [*KEYS]),
    ]
    start = wanted.join(sources.offers.select("offer_id", "offer_kind"), on="offer_id", how="inner")
    joined = reduce(lambda left, part: left.join(part[0], on=part[1], how="left"), parts, start)
    # a count without rows is 0; a recency or a share without rows stays null
    empty: dict[str, bool | float | int | str] = {
        c.name: 0 for c in CONTACT_FEATURES.columns if c.kind in ("int", "double") and not c.nullable
    }
    return CONTACT_FEATURES.conform(joined.fillna(empty))


def _before(log: DataFrame, customer_map: DataFrame, cuts: DataFrame, days: int) -> DataFrame:
    """Rows of `log` per (customer_id, cut) that were known before the cut, at most `days` old, with `age` in days."""
    seconds = F.unix_timestamp(F.col("cut")) - F.unix_timestamp(F.col("event_ts"))
    return (
        log.join(customer_map, on="account_id", how="inner")
        .join(cuts, on="customer_id", how="inner")
        .where(holds_at(F.col("cut")))
        .where((F.col("event_ts") < F.col("cut")) & (F.col("available_ts") < F.col("cut")))
        .where(seconds <= F.lit(days * DAY))
        .withColumn("age", seconds / F.lit(float(DAY)))
        .drop("valid_from", "valid_to", "account_id")
    )


def _within(days: int, value: SparkColumn) -> SparkColumn:
    """`value` of rows at most `days` old, null elsewhere."""
    return F.when(F.col("age") <= F.lit(float(days)), value)


def _shopping(lines: DataFrame, params: ContactFeatureParams) -> DataFrame:
    """Recency, frequency, spend and price habits per (customer_id, cut); orders first, then customers."""
    orders = lines.groupBy(*KEYS, "order_id").agg(
        F.min("age").alias("age"),
        F.sum("amount").alias("amount"),
        F.sum("list_amount").alias("list_amount"),
        F.sum(F.when(F.col("list_amount").isNotNull(), F.col("amount"))).alias("listed_amount"),
        F.sum("coupon_amount").alias("coupon_amount"),
    )
    lately, quarter = params.short_days, params.long_days
    listed = F.sum(_within(quarter, F.col("list_amount")))
    paid = F.sum(_within(quarter, F.col("listed_amount")))
    with_coupon = F.when(F.col("coupon_amount") > 0, F.lit(1))
    return orders.groupBy(*KEYS).agg(
        F.floor(F.min("age")).alias("recency_days"),
        F.floor(F.max("age")).alias("tenure_days"),
        F.count(_within(lately, F.lit(1))).alias("orders_short"),
        F.count(_within(quarter, F.lit(1))).alias("orders_long"),
        F.count(F.lit(1)).alias("orders"),
        _money(F.sum(_within(lately, F.col("amount")))).alias("spend_short"),
        _money(F.sum(_within(quarter, F.col("amount")))).alias("spend_long"),
        _money(F.sum("amount")).alias("spend"),
        F.count(_within(quarter, with_coupon)).alias("coupon_orders_long"),
        _money(F.sum(_within(quarter, F.col("coupon_amount")))).alias("coupon_amount_long"),
        rounded(1 - _money(paid) / F.when(listed > 0, _money(listed))).alias("discount_share_long"),
    )


def _overlap(pairs: DataFrame, lines: DataFrame, sources: ContactSources, params: ContactFeatureParams) -> DataFrame:
    """How much of what the customer buys the offer covers, per (customer_id, cut, offer_id)."""
    quarter = F.col("age") <= F.lit(float(params.long_days))
    bought = (
        lines.groupBy(*KEYS, "product_id")
        .agg(
            F.min("age").alias("age"),
            F.sum("amount").alias("amount"),
            F.sum(F.when(quarter, F.col("amount"))).alias("amount_long"),
        )
        .join(sources.products.select("product_id", "category"), on="product_id", how="left")
    )
    covered = sources.offer_products.select("offer_id", "product_id").distinct()
    categories = (
        covered.join(sources.products.select("product_id", "category"), on="product_id", how="inner")
        .where(F.col("category").isNotNull())
        .select("offer_id", "category")
        .distinct()
    )
    hit, near = F.col("hit").isNotNull(), F.col("near").isNotNull()
    total = F.when(F.sum("amount") > 0, _money(F.sum("amount")))
    offered = pairs.select(*KEYS, "offer_id").distinct()
    return (
        offered.join(bought, on=[*KEYS], how="inner")
        .join(covered.withColumn("hit", F.lit(1)), on=["offer_id", "product_id"], how="left")
        .join(categories.withColumn("near", F.lit(1)), on=["offer_id", "category"], how="left")
        .groupBy(*KEYS, "offer_id")
        .agg(
            F.count_distinct(F.when(quarter, F.col("category"))).alias("categories_long"),
            F.count(F.when(hit, F.lit(1))).alias("offer_products_bought"),
            _money(F.sum(F.when(hit, F.col("amount_long")))).alias("offer_spend_long"),
            rounded(_money(F.coalesce(F.sum(F.when(hit, F.col("amount"))), F.lit(0))) / total).alias(
                "offer_spend_share"
            ),
            rounded(_money(F.coalesce(F.sum(F.when(near, F.col("amount"))), F.lit(0))) / total).alias(
                "offer_category_share"
            ),
            F.floor(F.min(F.when(hit, F.col("age")))).alias("offer_recency_days"),
        )
    )


def _past_sends(
    sources: ContactSources, cuts: DataFrame, params: ContactFeatureParams, time_zone: str, response_kind: str
) -> DataFrame:
    """Earlier sends per (customer_id, cut) with `closed` and `answered` (within the offer's window, known by then)."""
    offers = sources.offers.select("offer_id", "offer_kind", closes_ts(time_zone).alias("closes_ts"))
    sends = (
        _before(sources.contacts, sources.customer_map, cuts, params.history_days)
        .join(offers, on="offer_id", how="inner")
        .select(*KEYS, "contact_id", "offer_id", "channel", "offer_kind", "age", "closes_ts", "event_ts")
    )
    answers = _before(
        with_answered_channel(
            sources.responses.where(F.col("response_kind") == F.lit(response_kind)), sources.contacts
        ),
        sources.customer_map,
        cuts,
        params.history_days,
    ).select(*KEYS, "offer_id", "answered_channel", F.col("event_ts").alias("answered_ts"))
    inside = (F.col("answered_ts") >= F.col("event_ts")) & (F.col("answered_ts") < F.col("closes_ts"))
    inside = inside & answers_channel()
    columns = [*KEYS, "contact_id", "offer_id", "channel", "offer_kind", "age", "closes_ts"]
    return (
        sends.join(answers, on=[*KEYS, "offer_id"], how="left")
        .groupBy(*columns)
        .agg(F.max(F.when(inside, F.lit(1)).otherwise(F.lit(0))).alias("answered"))
        .withColumn("closed", F.col("closes_ts") <= F.col("cut"))
    )


def _channel_history(past: DataFrame, params: ContactFeatureParams) -> DataFrame:
    """Sends and fatigue per (customer_id, cut, channel)."""
    worn = F.pow(F.lit(0.5), F.col("age") / F.lit(float(params.fatigue_half_life_days)))
    return past.groupBy(*KEYS, "channel").agg(
        F.count(_within(params.short_days, F.lit(1))).alias("sends_short"),
        F.count(F.lit(1)).alias("sends"),
        F.floor(F.min("age")).alias("send_recency_days"),
        rounded(F.sum(worn)).alias("fatigue"),
    )


def _response_history(past: DataFrame, name: str, *level: str) -> DataFrame:
    """Closed sends and how many were answered, per (customer_id, cut) and `level`."""
    closed = past.where(F.col("closed"))
    return closed.groupBy(*KEYS, *level).agg(
        F.count(F.lit(1)).alias(f"{name}_sends"), F.sum("answered").alias(f"{name}_responses")
    )


def _answers(answers: DataFrame) -> DataFrame:
    """How often and how lately the customer answered any offer, per (customer_id, cut)."""
    return answers.groupBy(*KEYS).agg(
        F.count(F.lit(1)).alias("responses"), F.floor(F.min("age")).alias("response_recency_days")
    )


def _money(amount: SparkColumn) -> SparkColumn:
    """A decimal sum as a double: exact up to here, so equal on every engine."""
    return amount.cast("decimal(18,2)").cast("double")
