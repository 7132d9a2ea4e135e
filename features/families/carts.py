"""Family I: carts, replayed from the last 90 days of their log and from purchases (`features/families/cart_log.py`).

State is kept per customer and product, over all her accounts, since a cart filled before signing in is ordered after.
Events follow one another by (event_ts, event_id); `add` raises the units, `remove` and `order` lower them, never below
zero: what was removed more often than added, or ordered without having been in a cart, leaves nothing behind. What lay
in a cart before the 90 days is not known. What was bought is ordered, whether or not the carts log orders.

A cart of 97 and 98 is a run of cart events of one customer with no pause longer than `idle_hours`. It was left when it
held something at its end and nothing of it was ordered. That is decided once so much time has passed, and stays so:
whoever orders days later left one cart and orders from another.
"""

from __future__ import annotations

from functools import partial

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.as_of import AsOf
from features.browsed import with_customer_ids
from features.definitions import FeatureDef, per_window
from features.facts import Facts
from features.families.cart_log import WINDOW, cart_log
from features.family_params import CartParams
from features.local_days import micros
from features.rounding import rounded
from features.windows import MONEY, ratio, within

FAMILY = "I carts and unpaid orders"
WINDOWS = (7, 30, WINDOW)
HOUR_MICROS = 3_600_000_000
SOURCES = ("cart_events", "transactions")
Open = partial(FeatureDef, family=FAMILY, sources=SOURCES, window="put in in the last open_days")

DEFINITIONS: tuple[FeatureDef, ...] = (
    Open(
        "open_cart_value",
        94,
        kind="money",
        definition="units in the cart and not bought, at the price last shown; without one, nothing",
        default="0",
        low=0,
    ),
    Open("open_cart_n", 95, kind="int", definition="products in the cart and not bought", default="0", low=0),
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
        "carts left: nothing ordered or bought, something in it, and no cart event for more than idle_hours",
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
    opened = open_cart_features(as_open_lines(cart_log(facts), facts.params.carts), facts.as_of)
    ended = ended_carts(facts)
    left = abandon_features(ended, fit_abandon_rate(ended), facts.params.carts)
    return [with_customer_ids(facts, opened), with_customer_ids(facts, left)]


def fitted(facts: Facts) -> list[DataFrame]:
    """The population's rate of leaving carts."""
    return [fit_abandon_rate(ended_carts(facts))]


def ended_carts(facts: Facts) -> DataFrame:
    """`as_ended_carts` of the snapshot, kept."""
    return facts.kept("ended_carts", lambda: as_ended_carts(cart_log(facts), facts.as_of, facts.params.carts))


def as_open_lines(log: DataFrame, params: CartParams) -> DataFrame:
    """customer_no, product_key, units, price, added_us (of the last add): what is in carts at the cut."""
    added = F.col("units") > 0
    priced = F.when(F.col("price").isNotNull(), F.struct("us", "event_id", "price"))
    lines = log.groupBy("customer_no", "product_key").agg(
        _in_order().alias("_steps"),
        F.sort_array(F.collect_list(priced)).alias("_prices"),
        F.min(F.when(added, F.col("days_ago"))).alias("_added"),
        F.max(F.when(added, F.col("us"))).alias("added_us"),
    )
    return (
        lines.where(F.col("_added") <= params.open_days)
        .select(
            "customer_no",
            "product_key",
            _replayed(F.col("_steps")).alias("units"),
            F.get("_prices", F.size("_prices") - 1)["price"].alias("price"),
            "added_us",
        )
        .where(F.col("units") > 0)
    )


def open_cart_features(lines: DataFrame, as_of: AsOf) -> DataFrame:
    """One row per customer of `as_open_lines`: features 94 to 96."""
    return lines.groupBy("customer_no").agg(
        F.coalesce(F.sum(F.col("units") * F.col("price")), F.lit(0)).cast(MONEY).alias("open_cart_value"),
        F.count(F.lit(1)).cast("int").alias("open_cart_n"),
        rounded((F.lit(micros(as_of)) - F.max("added_us")) / F.lit(HOUR_MICROS)).alias("open_cart_age_h"),
    )


def as_ended_carts(log: DataFrame, as_of: AsOf, params: CartParams) -> DataFrame:
    """customer_no, days_ago (of its last event), is_left: carts that something was put into, idle before the cut."""
    idle = int(params.idle_hours * HOUR_MICROS)
    in_order = Window.partitionBy("customer_no").orderBy("us")
    starts = F.col("us") - F.lag("us").over(in_order) > idle
    numbered = log.withColumn("_starts", F.when(starts, 1).otherwise(0)).withColumn(
        "_cart", F.sum("_starts").over(in_order.rangeBetween(Window.unboundedPreceding, Window.currentRow))
    )
    lines = numbered.groupBy("customer_no", "_cart", "product_key").agg(
        F.min("days_ago").alias("days_ago"),
        F.max("us").alias("us"),
        F.max("units").alias("_most"),
        F.max(F.col("is_order").cast("int")).alias("_ordered"),
        _in_order().alias("_steps"),
    )
    carts = lines.groupBy("customer_no", "_cart").agg(
        F.min("days_ago").alias("days_ago"),
        F.max("us").alias("us"),
        F.max("_most").alias("_most"),
        F.max("_ordered").alias("_ordered"),
        F.max(_replayed(F.col("_steps"))).alias("_units"),
    )
    return carts.where((F.col("us") < micros(as_of) - idle) & (F.col("_most") > 0)).select(
        "customer_no", "days_ago", ((F.col("_ordered") == 0) & (F.col("_units") > 0)).alias("is_left")
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
    counts = carts.groupBy("customer_no").agg(
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


def _in_order() -> Column:
    """The steps of a group in the order of events."""
    return F.sort_array(F.collect_list(F.struct("us", "event_id", "units")))


def _replayed(steps: Column) -> Column:
    """Units after all steps, none of which goes below zero."""
    none = F.lit(0).cast("bigint")
    return F.aggregate(steps, none, lambda units, step: F.greatest(units + step["units"], none))
