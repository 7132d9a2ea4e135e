"""Family F, the part about festivals: 65 `holiday_lift`.

Compared are orders per day around a festival with orders per other day, over the days that could have been either:
those after the customer's first order (which made her a customer and says nothing about a habit), of the last 730.
Which days belong to a festival is a setting; promotion days are 46 and 47 in family D.
"""

from __future__ import annotations

from functools import partial, reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.as_of import AsOf
from features.browsed import with_customer_ids
from features.definitions import FeatureDef
from features.facts import Facts
from features.family_params import FestivalParams, HolidayParams
from features.windows import ratio

FAMILY = "F daypart and weekday"
WINDOW = 730
FESTIVALS = ("spring_festival", "national_day", "qixi", "mothers_day")
ORDERS_MAX = 2**20  # more orders of one day are counted as this many less 1
POPULATION = "facts before the cut only; the population's lift is of the same snapshot and saved with it"
Holiday = partial(FeatureDef, family=FAMILY, sources=("transactions", "calendar"), window=f"last {WINDOW} days")

DEFINITIONS = tuple(
    d
    for h in FESTIVALS
    for d in (
        Holiday(
            f"holiday_lift_{h}",
            65,
            kind="double",
            definition=f"orders per day around {h} / per other day since the first order, both drawn to the population",
            low=0,
            leak_note=POPULATION,
        ),
        Holiday(
            f"holiday_orders_{h}",
            65,
            kind="int",
            definition=f"orders on days around {h}, the first order day left out: the support of the lift",
            default="0",
            low=0,
        ),
    )
)
NEEDS: tuple[str, ...] = ("calendar",)


def features(facts: Facts) -> list[DataFrame]:
    """Feature 65."""
    orders = holiday_orders(facts)
    rows = holiday_features(orders, fit_holiday_lifts(orders), facts.params.holidays)
    return [with_customer_ids(facts, rows)]


def fitted(facts: Facts) -> list[DataFrame]:
    """The population's lift of each festival."""
    return [fit_holiday_lifts(holiday_orders(facts))]


def holiday_orders(facts: Facts) -> DataFrame:
    """`as_holiday_orders` of the snapshot, kept."""
    days = partial(as_festival_days, facts.tables["calendar"], facts.as_of, facts.params.holidays)
    return facts.kept(
        "holiday_orders", lambda: as_holiday_orders(facts.orders, facts.kept("festival_days", lambda: days()))
    )


def as_festival_days(calendar: DataFrame, as_of: AsOf, params: HolidayParams) -> DataFrame:
    """Each day before the cut, back to 731: `day` (days ago), and per festival `in_h` (0, 1) and `after_h`.

    `after_h` counts the festival's days later than `day` and before the cut. Day 731 stands for all earlier ones. A
    calendar entry counts from when it was known (always, if it does not say), so a festival may lie after the cut.
    """
    known = calendar.where(F.col("available_ts").isNull() | (F.col("available_ts") < F.lit(as_of.ts)))
    around = [_days_around(known, name, getattr(params, name), as_of) for name in FESTIVALS]
    flags = (
        reduce(DataFrame.unionByName, around)
        .groupBy("day")
        .agg(*[F.max(F.when(F.col("_event") == h, 1)).alias(f"in_{h}") for h in FESTIVALS])
    )
    # a frame of one row, whatever the calendar holds
    days = calendar.agg(F.count(F.lit(1))).select(F.explode(F.sequence(F.lit(1), F.lit(WINDOW + 1))).alias("day"))
    later = Window.partitionBy(F.lit(1)).orderBy("day").rowsBetween(Window.unboundedPreceding, -1)
    marked = days.join(flags, "day", how="left").select(
        "day", *[F.coalesce(f"in_{h}", F.lit(0)).alias(f"in_{h}") for h in FESTIVALS]
    )
    return marked.select(
        "*", *[F.coalesce(F.sum(f"in_{h}").over(later), F.lit(0)).cast("int").alias(f"after_{h}") for h in FESTIVALS]
    )


def as_holiday_orders(orders: DataFrame, festival_days: DataFrame) -> DataFrame:
    """One row per customer of `orders`: per festival orders_h, days_h, others_h (orders of other days), other_days_h.

    Counted are the days after the first order's; a customer of one order has days and no orders.
    """
    per_day = orders.groupBy("customer_no", F.least("days_ago", F.lit(WINDOW + 1)).alias("day")).agg(
        F.count(F.lit(1)).alias("_n")
    )
    counted = (
        per_day.join(F.broadcast(festival_days), "day", how="inner")
        .groupBy("customer_no")
        .agg(
            # the first day and its orders in one number, since structs have no fast maximum
            F.max(F.col("day") * F.lit(ORDERS_MAX).cast("bigint") + F.least("_n", F.lit(ORDERS_MAX - 1))).alias(
                "_first"
            ),
            F.sum(F.when(F.col("day") <= WINDOW, F.col("_n")).otherwise(0)).alias("_orders"),
            *[F.sum(F.col("_n") * F.col(f"in_{h}")).alias(f"_orders_{h}") for h in FESTIVALS],
        )
        .withColumn("day", F.floor(F.col("_first") / ORDERS_MAX).cast("int"))
        # first orders older than the window were not counted in it
        .withColumn("_first_n", F.when(F.col("day") <= WINDOW, F.pmod("_first", F.lit(ORDERS_MAX))).otherwise(0))
    )
    exposed = counted.join(F.broadcast(festival_days), "day", how="inner")
    return exposed.select("customer_no", *[column for h in FESTIVALS for column in _exposure(h)])


def fit_holiday_lifts(orders: DataFrame) -> DataFrame:
    """The population's lift of each festival from `as_holiday_orders`: feature, subject, position, value.

    No row for a festival without a day, or with all orders on its days.
    """
    names = ("orders", "days", "others", "other_days")
    sums = orders.agg(*[F.sum(f"{n}_{h}").cast("double").alias(f"{n}_{h}") for n in names for h in FESTIVALS])

    def lift(h: str) -> Column:
        top = F.col(f"orders_{h}") * F.col(f"other_days_{h}")
        bottom = F.col(f"days_{h}") * F.col(f"others_{h}")
        return F.when(bottom > 0, top / bottom)

    pairs = F.array(*[F.struct(F.lit(h).alias("subject"), lift(h).alias("value")) for h in FESTIVALS])
    return (
        sums.select(F.explode(pairs).alias("_pair"))
        .select(
            F.lit("holiday_lift").alias("feature"),
            F.col("_pair.subject").alias("subject"),
            F.lit(0).alias("position"),
            F.col("_pair.value").alias("value"),
        )
        .where(F.col("value").isNotNull())
    )


def holiday_features(orders: DataFrame, lifts: DataFrame, params: HolidayParams) -> DataFrame:
    """One row per customer of `as_holiday_orders`: feature 65, drawn to the population's `lifts`.

    Her orders are a share q on festival days; its prior is what the population's lift makes of her days, and weighs
    `prior_orders`. The lift is q per festival day over 1 - q per other day. Null without days of either kind.
    """
    fitted = lifts.agg(*[F.max(F.when(F.col("subject") == h, F.col("value"))).alias(f"_lift_{h}") for h in FESTIVALS])
    rows = orders.join(F.broadcast(fitted), how="cross")
    return rows.select(
        "customer_no",
        *[c for h in FESTIVALS for c in (_smoothed(h, params), F.col(f"orders_{h}").alias(f"holiday_orders_{h}"))],
    )


def _days_around(known: DataFrame, name: str, festival: FestivalParams, as_of: AsOf) -> DataFrame:
    """_event, day: the days of one festival that lie in the window."""
    date_ago = F.lit(as_of.epoch_day) - F.unix_date("day")
    days = F.sequence(date_ago - festival.days_after, date_ago + festival.days_before)
    return (
        known.where(F.col("event").isin(list(festival.events)))
        .select(F.lit(name).alias("_event"), F.explode(days).alias("day"))
        .where(F.col("day").between(1, WINDOW))
    )


def _exposure(h: str) -> list[Column]:
    orders = F.col(f"_orders_{h}") - F.col("_first_n") * F.col(f"in_{h}")
    days = F.col(f"after_{h}")
    return [
        orders.cast("int").alias(f"orders_{h}"),
        days.alias(f"days_{h}"),
        (F.col("_orders") - F.col("_first_n") - orders).cast("int").alias(f"others_{h}"),
        (F.col("day") - 1 - days).cast("int").alias(f"other_days_{h}"),
    ]


def _smoothed(h: str, params: HolidayParams) -> Column:
    orders, days, others, other_days = (F.col(f"{n}_{h}") for n in ("orders", "days", "others", "other_days"))
    expected = F.col(f"_lift_{h}") * days
    prior = F.lit(params.prior_orders) * expected / (expected + other_days)
    lift = ratio((orders + prior) * other_days, (others + params.prior_orders - prior) * days)
    return F.when((days > 0) & (other_days > 0), lift).alias(f"holiday_lift_{h}")
