"""Family D, the part about days of promotion: who buys on them, and whom they make buy.

Promotion days are those of the calendar that were known before the cut. Without any in a window the features are
null: a calendar that does not list promotions says nothing about them.

47 compares weeks counted back from the cut, those with a promotion day against the others, from the week after a
customer's first order on (the week of the first has an order by construction). Her change in log-odds of buying is
the one-step estimate (O - E) / V of Yusuf et al. (1985): O her weeks of promotion with an order, E and V their
hypergeometric mean and variance given her weeks with an order; unlike a ratio of odds it needs no correction for
empty cells, and it is small for customers of whom little is seen. It understates very large effects. The estimates
are shrunk to the population's mean with the variance between customers of DerSimonian and Laird (1986):
(t2 (O - E) + m) / (t2 V + 1). They are shrunk to one mean, not to one per category: one is fitted well where
promotions are few.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.browsed import with_customer_ids
from features.definitions import FeatureDef
from features.facts import Facts
from features.rounding import rounded
from features.windows import ratio, within

FAMILY = "D price and discounts"
NEEDS: tuple[str, ...] = ("calendar",)
WEEKS = 104
SOURCES = ("transactions", "calendar")
MEAN, BETWEEN = "discount_elasticity_mean", "discount_elasticity_variance"

DEFINITIONS: tuple[FeatureDef, ...] = (
    FeatureDef(
        "promo_day_share",
        46,
        FAMILY,
        "double",
        "share of orders on days of promotion; null when the calendar knows none",
        SOURCES,
        "last 365 days",
        low=0,
        high=1,
    ),
    FeatureDef(
        "discount_elasticity",
        47,
        FAMILY,
        "double",
        "log-odds of an order in weeks with a promotion less those in others, shrunk to the population's mean",
        SOURCES,
        "last 104 weeks",
        leak_note="mean and variance of the population are fitted on the same snapshot and saved with it",
    ),
)


def features(facts: Facts) -> list[DataFrame]:
    """Features 46 and 47."""
    elasticity = with_shrunk_elasticity(week_tables(facts), elasticity_parameters(facts))
    shares = promo_day_features(facts.orders, promotion_days(facts))
    return [with_customer_ids(facts, frame) for frame in (shares, elasticity)]


def fitted(facts: Facts) -> list[DataFrame]:
    """Mean and variance of discount_elasticity in the population."""
    return [elasticity_parameters(facts)]


def promotion_days(facts: Facts) -> DataFrame:
    """`days_ago` of each day of promotion before the cut and known by then, once each."""
    cut = F.lit(facts.as_of.ts)
    calendar = facts.tables["calendar"]
    known = calendar.where(F.col("available_ts").isNull() | (F.col("available_ts") < cut))
    day = (F.lit(facts.as_of.epoch_day) - F.unix_date("day")).cast("int")
    return (
        known.where(F.col("event_kind") == "promotion")
        .groupBy(day.alias("days_ago"))
        .agg(F.lit(1).alias("_promotion"))
        .where(F.col("days_ago") >= 1)
    )


def promo_day_features(orders: DataFrame, days: DataFrame) -> DataFrame:
    """One row per customer with an order in 365 days: feature 46. No row at all without a day of promotion."""
    some = days.where(within(365)).agg(F.count(F.lit(1)).alias("_days")).where(F.col("_days") > 0)
    found = (
        orders.where(within(365))
        .join(F.broadcast(days), "days_ago", how="left")
        .groupBy("customer_no")
        .agg(F.count(F.lit(1)).alias("_orders"), F.count("_promotion").alias("_on"))
        .join(F.broadcast(some), how="cross")
    )
    return found.select("customer_no", ratio(F.col("_on"), F.col("_orders")).alias("promo_day_share"))


def week_tables(facts: Facts) -> DataFrame:
    """`as_week_tables` of the snapshot, kept."""
    return facts.kept("promotion_weeks", lambda: as_week_tables(facts.orders, promotion_days(facts)))


def elasticity_parameters(facts: Facts) -> DataFrame:
    """`fit_elasticity` of the snapshot, kept."""
    return facts.kept("discount_elasticity", lambda: fit_elasticity(week_tables(facts)))


def as_week_tables(orders: DataFrame, days: DataFrame) -> DataFrame:
    """How many weeks a customer bought in, with promotion and without, as `over` (O - E) and `variance` (V).

    One row per customer with an order; both are 0 where her weeks compare nothing with nothing.
    """
    promoted = F.array_contains("_promoted", F.col("_week"))
    in_view = F.col("_week") < F.col("_first")
    weeks = _weeks_bought(orders).join(F.broadcast(_promoted_weeks(days)), how="cross")
    found = weeks.groupBy("customer_no").agg(
        # the lists are the same on every row
        F.max(F.size(F.filter("_promoted", lambda w: w < F.col("_first")))).cast("double").alias("_n1"),
        F.max("_first").cast("double").alias("_n"),
        F.count(F.when(in_view, 1)).cast("double").alias("_m"),
        F.count(F.when(in_view & promoted, 1)).cast("double").alias("_o"),
    )
    n, n1, m = F.col("_n"), F.col("_n1"), F.col("_m")
    variance = n1 * (n - n1) * m * (n - m) / (n * n * (n - 1))
    return found.select(
        "customer_no",
        F.when(n > 1, F.col("_o") - n1 * m / n).otherwise(0.0).alias("over"),
        F.when(n > 1, variance).otherwise(0.0).alias("variance"),
    )


def fit_elasticity(tables: DataFrame) -> DataFrame:
    """Mean and variance between customers from `as_week_tables`, as rows of `feature_parameters`.

    DerSimonian and Laird's moment estimate with weights V: Q = sum V (x - m)^2 for x = (O - E) / V. No rows when
    nobody's weeks compare anything.
    """
    over, v = F.col("over"), F.col("variance")
    sums = tables.where(v > 0).agg(
        F.count(F.lit(1)).alias("_k"),
        F.sum(over).alias("_over"),
        F.sum(v).alias("_v"),
        F.sum(v * v).alias("_vv"),
        F.sum(over * over / v).alias("_squares"),
    )
    mean = F.col("_over") / F.col("_v")
    spread = F.col("_squares") - mean * F.col("_over") - (F.col("_k") - 1)
    room = F.col("_v") - F.col("_vv") / F.col("_v")
    between = F.when(room > 1e-9, F.greatest(spread / room, F.lit(0.0))).otherwise(0.0)
    fitted_ = sums.where(F.col("_k") > 0)
    return fitted_.select(*_parameter(MEAN, mean)).unionByName(fitted_.select(*_parameter(BETWEEN, between)))


def with_shrunk_elasticity(tables: DataFrame, parameters: DataFrame) -> DataFrame:
    """One row per customer whose weeks compare anything: feature 47, by the parameters saved."""
    numbers = parameters.agg(
        *[F.max(F.when(F.col("feature") == f, F.col("value"))).alias(c) for f, c in ((MEAN, "_mean"), (BETWEEN, "_t2"))]
    )
    shrunk = (F.col("_t2") * F.col("over") + F.col("_mean")) / (F.col("_t2") * F.col("variance") + 1)
    return (
        tables.where(F.col("variance") > 0)
        .join(F.broadcast(numbers), how="cross")
        .select("customer_no", rounded(shrunk).alias("discount_elasticity"))
    )


def _weeks_bought(orders: DataFrame) -> DataFrame:
    """customer_no, `_week` (0 is the last before the cut) with an order, and `_first`, the week of her first order.

    A first order before the window leaves all its weeks in view.
    """
    weeks = orders.groupBy("customer_no", _week(F.col("days_ago")).alias("_week")).agg(F.lit(1).alias("_one"))
    first = weeks.groupBy("customer_no").agg(F.least(F.max("_week"), F.lit(WEEKS)).alias("_first"))
    return weeks.where(F.col("_week") < WEEKS).join(first, "customer_no", how="inner")


def _promoted_weeks(days: DataFrame) -> DataFrame:
    """One row: the list of weeks of the window with a day of promotion."""
    week = _week(F.col("days_ago"))
    return days.where(week < WEEKS).agg(F.sort_array(F.collect_set(week)).alias("_promoted"))


def _week(days_ago: Column) -> Column:
    return F.floor((days_ago - 1) / 7).cast("int")


def _parameter(feature: str, value: Column) -> list[Column]:
    return [
        F.lit(feature).alias("feature"),
        F.lit("").alias("subject"),
        F.lit(0).alias("position"),
        rounded(value).alias("value"),
    ]
