"""Family I: carts, replayed from the last 90 days of their log.

State is kept per customer and product, over all her accounts, since a cart filled before signing in is ordered after.
Events follow one another by (event_ts, event_id); `add` raises the units, `remove` and `order` lower them, never below
zero: what was removed more often than added, or ordered without having been in a cart, leaves nothing behind. What lay
in a cart before the 90 days is not known.

A cart of 97 and 98 is a run of cart events of one customer with no pause longer than `idle_hours`. It was left when it
held something at its end and nothing of it was ordered. That is decided once so much time has passed, and stays so:
whoever orders days later left one cart and orders from another.
"""

from __future__ import annotations

from functools import partial

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.definitions import FeatureDef, per_window
from features.facts import Facts
from features.family_params import CartParams
from features.rounding import rounded
from features.windows import MONEY, ratio, within

FAMILY = "I carts and unpaid orders"
WINDOW = 90
WINDOWS = (7, 30, WINDOW)
SOURCES = ("cart_events",)
Open = partial(FeatureDef, family=FAMILY, sources=SOURCES, window="put in in the last open_days")

DEFINITIONS: tuple[FeatureDef, ...] = (
    Open(
        "open_cart_value",
        94,
        kind="money",
        definition="units in the cart at the price last shown; a product never shown with a price adds nothing",
        default="0",
        low=0,
    ),
    Open("open_cart_n", 95, kind="int", definition="products in the cart", default="0", low=0),
    Open(
        "open_cart_age_h",
        96,
        kind="double",
        definition="hours since something that is still in the cart was last put in",
        low=0,
    ),
    *per_window(
        "abandon_n",
        97,
        FAMILY,
        "int",
        "carts left: nothing ordered, something in it, and no cart event for more than idle_hours",
        WINDOWS,
        sources=SOURCES,
        default="0",
        low=0,
        leak_note="carts idle for idle_hours before the cut only",
    ),
    FeatureDef(
        "n_carts_90",
        98,
        FAMILY,
        "int",
        "carts that something was put into and that ended: the support of abandon_rate",
        SOURCES,
        "last 90 days",
        "0",
        low=0,
    ),
    FeatureDef(
        "abandon_rate",
        98,
        FAMILY,
        "double",
        "carts left / carts ended, drawn to the population's rate by prior_carts",
        SOURCES,
        "last 90 days",
        low=0,
        high=1,
        leak_note="carts idle for idle_hours before the cut only; the population's rate is saved with the snapshot",
    ),
)
NEEDS: tuple[str, ...] = ("cart_events",)


def features(facts: Facts) -> list[DataFrame]:
    """Features 94 to 98."""
    opened = as_open_lines(cart_log(facts), facts.params.carts)
    ended = ended_carts(facts)
    return [open_cart_features(opened), abandon_features(ended, fit_abandon_rate(ended), facts.params.carts)]


def fitted(facts: Facts) -> list[DataFrame]:
    """The population's rate of leaving carts."""
    return [fit_abandon_rate(ended_carts(facts))]


def ended_carts(facts: Facts) -> DataFrame:
    """`as_ended_carts` of the snapshot, kept."""
    return facts.kept("ended_carts", lambda: as_ended_carts(cart_log(facts), facts.params.carts))


def cart_log(facts: Facts) -> DataFrame:
    """The cart events of 90 days, kept: customer_id, days_ago, hours_ago, micros, event_id, kind, units, price.

    `units` is negative where they leave the cart.
    """
    added = F.col("event_kind") == "add"
    columns = (
        facts.hours_ago(F.col("event_ts")).alias("hours_ago"),
        F.unix_micros("event_ts").alias("micros"),
        "event_id",
        F.col("event_kind").alias("kind"),
        "product_id",
        F.when(added, F.col("quantity")).otherwise(-F.col("quantity")).alias("units"),
        F.when(added, F.col("unit_price")).alias("price"),
    )
    return facts.kept("cart_log", lambda: facts.log("cart_events", *columns, days=WINDOW).drop("event_ts"))


def as_open_lines(log: DataFrame, params: CartParams) -> DataFrame:
    """customer_id, product_id, units, price, hours_ago (of the last add): what is in carts at the cut."""
    added = F.col("units") > 0
    lines = log.groupBy("customer_id", "product_id").agg(
        _in_order("units").alias("_steps"),
        F.sort_array(F.collect_list(F.when(F.col("price").isNotNull(), F.struct("micros", "event_id", "price")))).alias(
            "_prices"
        ),
        F.min(F.when(added, F.col("days_ago"))).alias("_added"),
        F.min(F.when(added, F.col("hours_ago"))).alias("hours_ago"),
    )
    return lines.select(
        "customer_id",
        "product_id",
        _replayed(F.col("_steps")).alias("units"),
        F.get("_prices", F.size("_prices") - 1)["price"].alias("price"),
        "hours_ago",
        "_added",
    ).where((F.col("units") > 0) & (F.col("_added") <= params.open_days))


def open_cart_features(lines: DataFrame) -> DataFrame:
    """One row per customer of `as_open_lines`: features 94 to 96."""
    return lines.groupBy("customer_id").agg(
        F.coalesce(F.sum(F.col("units") * F.col("price")), F.lit(0)).cast(MONEY).alias("open_cart_value"),
        F.count(F.lit(1)).cast("int").alias("open_cart_n"),
        rounded(F.min("hours_ago")).alias("open_cart_age_h"),
    )


def as_ended_carts(log: DataFrame, params: CartParams) -> DataFrame:
    """customer_id, days_ago (of its last event), is_left: carts that something was put into, idle before the cut."""
    idle = int(params.idle_hours * 3600e6)
    in_order = Window.partitionBy("customer_id").orderBy("micros", "event_id")
    starts = F.col("micros") - F.lag("micros").over(in_order) > idle
    numbered = log.withColumn("_starts", F.when(starts, 1).otherwise(0)).withColumn(
        "_cart", F.sum("_starts").over(in_order.rowsBetween(Window.unboundedPreceding, Window.currentRow))
    )
    lines = numbered.groupBy("customer_id", "_cart", "product_id").agg(
        F.min("days_ago").alias("days_ago"),
        F.min("hours_ago").alias("hours_ago"),
        F.max(F.when(F.col("units") > 0, 1).otherwise(0)).alias("_added"),
        F.max(F.when(F.col("kind") == "order", 1).otherwise(0)).alias("_ordered"),
        _in_order("units").alias("_steps"),
    )
    carts = lines.groupBy("customer_id", "_cart").agg(
        F.min("days_ago").alias("days_ago"),
        F.min("hours_ago").alias("_hours"),
        F.max("_added").alias("_added"),
        F.max("_ordered").alias("_ordered"),
        F.max(_replayed(F.col("_steps"))).alias("_units"),
    )
    return carts.where((F.col("_hours") > params.idle_hours) & (F.col("_added") == 1)).select(
        "customer_id", "days_ago", ((F.col("_ordered") == 0) & (F.col("_units") > 0)).alias("is_left")
    )


def fit_abandon_rate(carts: DataFrame) -> DataFrame:
    """The share of `as_ended_carts` that were left: feature, subject, position, value; no row without carts."""
    return (
        carts.agg(F.avg(F.col("is_left").cast("int")).alias("value"))
        .where(F.col("value").isNotNull())
        .select(F.lit("abandon_rate").alias("feature"), F.lit("").alias("subject"), F.lit(0).alias("position"), "value")
    )


def abandon_features(carts: DataFrame, rate: DataFrame, params: CartParams) -> DataFrame:
    """One row per customer of `as_ended_carts`: features 97 and 98, by the population's `rate`."""
    left = F.col("is_left")
    counts = carts.groupBy("customer_id").agg(
        *[F.count(F.when(left & within(w), 1)).cast("int").alias(f"abandon_n_{w}") for w in WINDOWS],
        F.count(F.lit(1)).cast("int").alias("n_carts_90"),
    )
    prior = rate.agg(F.max("value").alias("_rate"))
    weight = params.prior_carts
    return counts.join(F.broadcast(prior), how="cross").select(
        *counts.columns,
        ratio(F.col(f"abandon_n_{WINDOW}") + F.col("_rate") * weight, F.col("n_carts_90") + F.lit(weight)).alias(
            "abandon_rate"
        ),
    )


def _in_order(value: str) -> Column:
    """An array of a column's values in the order of events."""
    return F.sort_array(F.collect_list(F.struct("micros", "event_id", value)))


def _replayed(steps: Column) -> Column:
    """Units after all steps, none of which goes below zero."""
    none = F.lit(0).cast("bigint")
    return F.aggregate(steps, none, lambda units, step: F.greatest(units + step["units"], none))
