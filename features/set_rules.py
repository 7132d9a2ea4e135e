"""Rules that look across rows: each is one query that returns the rows that break it, and mostly returns none.

A query gets the good rows of its table and of the tables it needs, in arriving form, and gives the columns `on`
(which rows are meant) and `rule` (which rule they break).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from features.quality_params import QualityParams

Frames = Mapping[str, DataFrame]
Query = Callable[[DataFrame, Frames, QualityParams], DataFrame]
A_CENT = 0.01
ANY_CHANNEL = "any"  # what consents call all of them
# table -> (column, table it refers to, column there); a missing one earns a warning
REFERENCES: dict[str, tuple[tuple[str, str, str], ...]] = {
    "transactions": (("product_id", "products", "product_id"),),
    "order_status": (("product_id", "products", "product_id"),),
    "browsing": (("product_id", "products", "product_id"),),
    "cart_events": (("product_id", "products", "product_id"),),
    "reviews": (("product_id", "products", "product_id"),),
    "coupons_issued": (("offer_id", "offers", "offer_id"),),
    "coupons_redeemed": (("coupon_id", "coupons_issued", "coupon_id"),),
    "consents": (("channel", "channels", "channel"),),
    "offers": (("channel", "channels", "channel"),),
    "offer_products": (("offer_id", "offers", "offer_id"), ("product_id", "products", "product_id")),
    "product_eligibility": (("product_id", "products", "product_id"), ("category", "products", "category")),
    "contacts": (("offer_id", "offers", "offer_id"), ("channel", "channels", "channel")),
    "holdouts": (("offer_id", "offers", "offer_id"),),
    "responses": (("offer_id", "offers", "offer_id"), ("contact_id", "contacts", "contact_id")),
}


@dataclass(frozen=True)
class SetRule:
    """One query: the rules it finds with their usual severity, the columns that say which rows, what it reads."""

    rules: dict[str, str]
    on: tuple[str, ...]
    needs: tuple[str, ...]
    query: Query


def set_queries(table: str) -> list[SetRule]:
    """The queries of a table: references, then its own."""
    return [_reference(*about) for about in REFERENCES.get(table, ())] + OWN.get(table, [])


def tables_needed(table: str) -> set[str]:
    """Tables that must be judged before this one."""
    return {needed for rule in set_queries(table) for needed in rule.needs}


def orphan_rule(column: str, table: str) -> str:
    """Name of the rule that `column` must be found in `table`."""
    return f"{column} not in {table}"


def orphans(df: DataFrame, column: str, known: DataFrame, key: str) -> DataFrame:
    """The distinct values of `column` that are no `key` of `known`."""
    ids = df.select(column).where(F.col(column).isNotNull()).distinct()
    return ids.join(known.select(F.col(key).alias(column)), on=column, how="left_anti")


def _reference(column: str, table: str, key: str) -> SetRule:
    rule = orphan_rule(column, table)

    def query(df: DataFrame, others: Frames, params: QualityParams) -> DataFrame:
        unknown = orphans(df, column, others[table], key)
        if column == "channel":
            unknown = unknown.where(F.col(column) != F.lit(ANY_CHANNEL))
        return unknown.withColumn("rule", F.lit(rule))

    return SetRule({rule: "warn"}, (column,), (table,), query)


PAID_EARLY = "paid before it was placed"
REFUND_EARLY = "refunded before it was paid"
REFUND_ABOVE = "refunded more than was paid"


def _order_log(df: DataFrame, others: Frames, params: QualityParams) -> DataFrame:
    """Orders whose log is out of order, at the status that cannot be."""

    def of(status: str, column: str) -> SparkColumn:
        return F.when(F.col("status") == F.lit(status), F.col(column))

    orders = df.groupBy("order_id").agg(
        F.min(of("placed", "event_ts")).alias("placed"),
        F.min(of("paid", "event_ts")).alias("paid"),
        F.min(of("refunded", "event_ts")).alias("refunded"),
        F.sum(of("paid", "amount")).alias("paid_sum"),
        F.sum(of("refunded", "amount")).alias("refunded_sum"),
    )
    broken = {
        PAID_EARLY: F.col("paid") < F.col("placed"),
        REFUND_EARLY: F.col("refunded") < F.col("paid"),
        REFUND_ABOVE: F.col("refunded_sum") > F.col("paid_sum") + F.lit(A_CENT),
    }
    names = F.array_compact(F.array(*[F.when(when, F.lit(name)) for name, when in broken.items()]))
    found = orders.where(F.size(names) > 0).select("order_id", F.explode(names).alias("rule"))
    status = F.when(F.col("rule") == F.lit(PAID_EARLY), F.lit("paid")).otherwise(F.lit("refunded"))
    return found.select("order_id", status.alias("status"), "rule")


def _paid_and_lines(df: DataFrame, others: Frames, params: QualityParams) -> DataFrame:
    """Orders of which more was paid than their lines cost, or less than they cost after coupons."""
    paid = df.where(F.col("status") == F.lit("paid")).groupBy("order_id").agg(F.sum("amount").alias("paid"))
    coupons = F.sum(F.coalesce(F.col("coupon_amount"), F.lit(0.0)))
    lines = others["transactions"].groupBy("order_id").agg(F.sum("amount").alias("due"), coupons.alias("coupons"))
    slack = F.col("due") * F.lit(params.paid_tolerance) + F.lit(A_CENT)
    off = (F.col("paid") > F.col("due") + slack) | (F.col("paid") < F.col("due") - F.col("coupons") - slack)
    found = paid.join(lines, on="order_id", how="inner").where(off)
    return found.select("order_id", F.lit("paid").alias("status"), F.lit("paid differs from its lines").alias("rule"))


def _early_answers(df: DataFrame, others: Frames, params: QualityParams) -> DataFrame:
    sent = others["contacts"].select("contact_id", F.col("event_ts").alias("sent"))
    answers = df.select("response_id", "contact_id", "event_ts").join(sent, on="contact_id", how="inner")
    early = answers.where(F.col("event_ts") < F.col("sent"))
    return early.select("response_id", F.lit("answered before it was sent").alias("rule"))


def _coupon_dates(df: DataFrame, others: Frames, params: QualityParams) -> DataFrame:
    issued = others["coupons_issued"].select("coupon_id", F.col("event_ts").alias("issued"), "expires_ts")
    used = df.select("coupon_id", "event_ts").join(issued, on="coupon_id", how="inner")
    early = F.when(F.col("event_ts") < F.col("issued"), F.lit("redeemed before it was issued"))
    late = F.when(F.col("event_ts") > F.col("expires_ts"), F.lit("redeemed after it expired"))
    return used.select("coupon_id", F.coalesce(early, late).alias("rule")).where(F.col("rule").isNotNull())


def _balances(df: DataFrame, others: Frames, params: QualityParams) -> DataFrame:
    """Moments at which an account had spent more points than it had; entries of one moment count together."""
    moments = df.groupBy("account_id", "event_ts").agg(F.sum("points").alias("points"))
    past = Window.partitionBy("account_id").orderBy("event_ts")
    balance = F.sum("points").over(past.rowsBetween(Window.unboundedPreceding, Window.currentRow))
    below = moments.withColumn("balance", balance).where((F.col("balance") < 0) & (F.col("points") < 0))
    return below.select("account_id", "event_ts", F.lit("balance of points below 0").alias("rule"))


def _crowded(df: DataFrame, others: Frames, params: QualityParams) -> DataFrame:
    """Identifiers seen with more accounts than one person or household can have."""
    ok = df.where(F.coalesce(F.col("identifier_state"), F.lit("ok")) == F.lit("ok"))
    pairs = ok.select("identifier_kind", "identifier", "account_id").distinct()
    counted = pairs.groupBy("identifier_kind", "identifier").agg(F.count(F.lit(1)).alias("accounts"))
    crowded = counted.where(F.col("accounts") > F.lit(params.accounts_per_identifier))
    return crowded.select("identifier_kind", "identifier", F.lit(CROWDED).alias("rule"))


CROWDED = "one identifier on too many accounts"


def _contaminated(df: DataFrame, others: Frames, params: QualityParams) -> DataFrame:
    keys = ["account_id", "offer_id", "day"]
    day = F.to_date("event_ts").alias("day")
    sent = others["contacts"].select("account_id", "offer_id", day).distinct()
    held = df.select("account_id", "offer_id", day).distinct().join(sent, on=keys, how="left_semi")
    return (
        held.select("account_id", "offer_id")
        .distinct()
        .withColumn("rule", F.lit("held out and contacted all the same"))
    )


OWN: dict[str, list[SetRule]] = {
    "order_status": [
        SetRule(
            dict.fromkeys((PAID_EARLY, REFUND_EARLY, REFUND_ABOVE), "warn"), ("order_id", "status"), (), _order_log
        ),
        SetRule({"paid differs from its lines": "warn"}, ("order_id", "status"), ("transactions",), _paid_and_lines),
    ],
    "responses": [
        SetRule({"answered before it was sent": "quarantine"}, ("response_id",), ("contacts",), _early_answers)
    ],
    "coupons_redeemed": [
        SetRule(
            {"redeemed before it was issued": "quarantine", "redeemed after it expired": "warn"},
            ("coupon_id",),
            ("coupons_issued",),
            _coupon_dates,
        )
    ],
    "points_ledger": [SetRule({"balance of points below 0": "warn"}, ("account_id", "event_ts"), (), _balances)],
    "accounts": [SetRule({CROWDED: "warn"}, ("identifier_kind", "identifier"), (), _crowded)],
    "holdouts": [
        SetRule(
            {"held out and contacted all the same": "warn"}, ("account_id", "offer_id"), ("contacts",), _contaminated
        )
    ],
}
