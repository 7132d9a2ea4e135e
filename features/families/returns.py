"""Family E, the part about what comes back: `refunded` rows of the order log, matched to order lines.

A refund that names a product is of its lines in that order, one that names none is of the whole order. What does
not add up:

- Refunded twice, or for more than was paid: a line comes back once, and amounts are not read here.
- Refunded before it was bought or paid: the order's number says what it belongs to, whatever the clocks say, so it
  counts, as one of the day of the order.
- Refund of an unknown order, or of a product that is not in it: there is no line that came back, so it is left out.
- Refunded under another account: the line is the buyer's.

Amounts refunded are family A's.
"""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from features.as_of import known_before
from features.browsed import with_customer_ids
from features.definitions import FeatureDef
from features.facts import Facts
from features.rounding import rounded
from features.windows import ratio, within

FAMILY = "E basket"
NEEDS: tuple[str, ...] = ("order_status",)
YEAR = "last 365 days"
SOURCES = ("transactions", "order_status")
REASONS = ("transactions", "order_status.reason")
RATE = "return_rate_mean"

DEFINITIONS: tuple[FeatureDef, ...] = (
    FeatureDef(
        "return_rate",
        56,
        FAMILY,
        "double",
        "share of lines older than return_days that came back within them, shrunk to the population's by prior_weight",
        SOURCES,
        YEAR,
        low=0,
        high=1,
        leak_note="only lines older than return_days; the population's rate is saved with the snapshot",
    ),
    FeatureDef(
        "return_reason_mode",
        57,
        FAMILY,
        "string",
        "reason of most lines that came back, the first of equals",
        REASONS,
        YEAR,
    ),
    FeatureDef(
        "size_return_share",
        58,
        FAMILY,
        "double",
        "share of lines that came back for one of fit_reasons, of those with a reason",
        REASONS,
        YEAR,
        low=0,
        high=1,
    ),
    FeatureDef(
        "exchange_cross_channel",
        59,
        FAMILY,
        "int",
        "lines bought online that came back offline, by sales_channels.offline",
        ("transactions.sales_channel", "order_status.sales_channel"),
        default="0",
        low=0,
    ),
)


def features(facts: Facts) -> list[DataFrame]:
    """Features 56 to 59."""
    returned = returned_lines(facts)
    frames = [
        with_return_rate(return_counts(facts), return_parameters(facts), facts.params.returns.prior_weight),
        reason_mode_features(returned),
        return_kind_features(returned),
    ]
    return [with_customer_ids(facts, frame) for frame in frames]


def fitted(facts: Facts) -> list[DataFrame]:
    """The population's rate of return."""
    return [return_parameters(facts)]


def returned_lines(facts: Facts) -> DataFrame:
    """`as_returned_lines` of the snapshot, kept."""
    return facts.kept("returned_lines", lambda: as_returned_lines(facts))


def return_counts(facts: Facts) -> DataFrame:
    """`as_return_counts` of the snapshot, kept."""
    days = facts.params.returns.return_days
    return facts.kept("return_counts", lambda: as_return_counts(facts.orders, returned_lines(facts), days))


def return_parameters(facts: Facts) -> DataFrame:
    """`fit_return_rate` of the snapshot."""
    return fit_return_rate(return_counts(facts))


def as_returned_lines(facts: Facts) -> DataFrame:
    """Order lines of which a refund is known before the cut, once each, with their customer.

    Columns: customer_no, order_id, product_id, line_no, order_days_ago, back_days_ago (of the first refund, at
    most the former), reasons (distinct, sorted), about_fit, cross_channel.
    """
    offline = list(facts.params.sales_channels.offline)
    refunds = known_before(facts.tables["order_status"], facts.as_of).where(F.col("status") == "refunded")
    refunds = refunds.select(
        "order_id",
        F.col("product_id").alias("_product"),
        facts.days_ago(F.col("event_ts")).alias("_back"),
        "reason",
        F.col("sales_channel").isin(offline).alias("_to_store"),
    )
    lines = known_before(facts.tables["transactions"], facts.as_of).join(
        F.broadcast(facts.accounts.select("account_id", "customer_no")), "account_id", how="inner"
    )
    lines = lines.select("customer_no", "order_id", "product_id", "line_no", "sales_channel")
    of_line = F.col("_product").isNull() | (F.col("_product") == F.col("product_id"))
    found = (
        # the refunds are few: they come first, so that the engine looks the lines up in them
        refunds.join(lines, "order_id", how="inner")
        .where(of_line)
        .groupBy("customer_no", "order_id", "product_id", "line_no")
        .agg(
            F.max("_back").alias("_back"),
            F.sort_array(F.collect_set("reason")).alias("reasons"),
            F.max(~F.col("sales_channel").isin(offline) & F.col("_to_store")).alias("_cross"),
        )
        .join(
            facts.orders.select("customer_no", "order_id", F.col("days_ago").alias("order_days_ago")),
            ["customer_no", "order_id"],
            how="inner",
        )
    )
    about_fit = F.arrays_overlap("reasons", F.array(*[F.lit(r) for r in facts.params.returns.fit_reasons]))
    return found.select(
        "customer_no",
        "order_id",
        "product_id",
        "line_no",
        "order_days_ago",
        F.least("_back", "order_days_ago").alias("back_days_ago"),
        "reasons",
        about_fit.alias("about_fit"),
        F.coalesce("_cross", F.lit(False)).alias("cross_channel"),
    )


def as_return_counts(orders: DataFrame, returned: DataFrame, return_days: int) -> DataFrame:
    """customer_no, n_lines, n_back of the orders of 365 days that are older than `return_days`.

    `n_back` counts the lines that came back within `return_days`, so that a line's outcome no longer changes.
    """
    bought = (
        orders.where(within(365) & (F.col("days_ago") > return_days))
        .groupBy("customer_no")
        .agg(F.sum("n_lines").cast("bigint").alias("n_lines"))
    )
    age = F.col("order_days_ago")
    back = (
        returned.where((age <= 365) & (age > return_days) & (age - F.col("back_days_ago") <= return_days))
        .groupBy("customer_no")
        .agg(F.count(F.lit(1)).alias("n_back"))
    )
    return back.join(bought, "customer_no", how="right").select(
        "customer_no", "n_lines", F.coalesce("n_back", F.lit(0)).cast("bigint").alias("n_back")
    )


def fit_return_rate(counts: DataFrame, feature: str = RATE) -> DataFrame:
    """The population's share of `n_back` in `n_lines`, as a row of `feature_parameters`; no row without lines."""
    total = counts.agg(F.sum("n_back").alias("_back"), F.sum("n_lines").alias("_lines")).where(F.col("_lines") > 0)
    return total.select(
        F.lit(feature).alias("feature"),
        F.lit("").alias("subject"),
        F.lit(0).alias("position"),
        ratio(F.col("_back"), F.col("_lines")).alias("value"),
    )


def with_return_rate(counts: DataFrame, parameters: DataFrame, weight: float, name: str = "return_rate") -> DataFrame:
    """One row per customer of `counts`: the rate `name`, shrunk to the population's by `weight` lines."""
    smoothed = (F.col("n_back") + F.lit(weight) * F.col("value")) / (F.col("n_lines") + F.lit(weight))
    return counts.join(F.broadcast(parameters.select("value")), how="cross").select(
        "customer_no", rounded(smoothed).alias(name)
    )


def reason_mode_features(returned: DataFrame) -> DataFrame:
    """One row per customer with a reason of a return of an order of 365 days: feature 57."""
    counts = (
        returned.where(F.col("order_days_ago") <= 365)
        .select("customer_no", F.explode("reasons").alias("reason"))
        .groupBy("customer_no", "reason")
        .agg(F.count(F.lit(1)).alias("_n"))
    )
    most = Window.partitionBy("customer_no").orderBy(F.col("_n").desc(), "reason")
    return (
        counts.withColumn("_rank", F.row_number().over(most))
        .where(F.col("_rank") == 1)
        .select("customer_no", F.col("reason").alias("return_reason_mode"))
    )


def return_kind_features(returned: DataFrame) -> DataFrame:
    """One row per customer with a return: features 58 and 59."""
    explained = (F.col("order_days_ago") <= 365) & (F.size("reasons") > 0)
    found = returned.groupBy("customer_no").agg(
        F.count(F.when(explained, 1)).alias("_n"),
        F.count(F.when(explained & F.col("about_fit"), 1)).alias("_fit"),
        F.count(F.when(F.col("cross_channel"), 1)).cast("int").alias("exchange_cross_channel"),
    )
    return found.select(
        "customer_no", ratio(F.col("_fit"), F.col("_n")).alias("size_return_share"), "exchange_cross_channel"
    )
