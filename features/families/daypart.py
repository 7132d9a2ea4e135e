"""Family F: when in the day, the week and the month a customer shops, in local time.

Not computed: 65 `holiday_lift` (no `calendar` source); 66 `best_send_hour` (needs opens or clicks in `responses`, see
family J). Web events and store visits will count beside orders once they are sources.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.as_of import AsOf
from features.definitions import FeatureDef, FeatureParams
from features.facts import Facts
from features.windows import ratio, within

FAMILY = "F daypart and weekday"
WINDOW = 180
PAYDAY = (25, 5)  # from this day of the month to that one of the next, both included
# first local hour of each part of the day; the night begins again at 23
DAYPARTS = (
    ("night", 0),
    ("early", 5),
    ("morning", 9),
    ("midday", 12),
    ("afternoon", 15),
    ("evening", 18),
    ("night", 23),
)
NAMES = ("night", "early", "morning", "midday", "afternoon", "evening")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Habit = partial(FeatureDef, family=FAMILY, window=f"last {WINDOW} days", purpose="personalisation")
Share = partial(Habit, kind="double", low=0, high=1)

DEFINITIONS = (
    *[
        Share(f"daypart_{name}_share", 60, definition=f"share of orders in the {name}, see `DAYPARTS`")
        for name in NAMES
    ],
    *[Share(f"dow_{day}_share", 61, definition=f"share of orders on this weekday ({day})") for day in WEEKDAYS],
    Habit(
        "dow_daypart_top",
        62,
        kind="string",
        definition="weekday and daypart with most orders, of those with cell_min_events and lift of cell_min_lift",
        leak_note="population shares of the same snapshot",
    ),
    Habit("dow_daypart_top_lift", 62, kind="double", definition="lift of that cell over the population", low=0),
    Habit("weekend_ratio", 63, kind="double", definition="share of orders on Saturday and Sunday / (2 / 7)", low=0),
    Habit("payday_ratio", 64, kind="double", definition="share of orders on days 25 to 5 / share of such days", low=0),
)


NEEDS: tuple[str, ...] = ()


def features(facts: Facts) -> list[DataFrame]:
    """Features 60 to 64."""
    return [daypart_features(facts.orders, facts.as_of, facts.params)]


def daypart_features(orders: DataFrame, as_of: AsOf, params: FeatureParams) -> DataFrame:
    """One row per customer of `orders` (see `as_orders`) with an order in 180 days: features 60 to 64."""
    cells = (
        orders.where(within(WINDOW))
        .select("customer_id", _daypart().alias("_part"), "weekday", _is_payday().alias("_payday"))
        .groupBy("customer_id", "weekday", "_part")
        .agg(F.count(F.lit(1)).alias("_n"), F.sum(F.col("_payday").cast("int")).alias("_paydays"))
    )
    n = F.col("_n")
    found = (
        _with_habits(cells, params)
        .groupBy("customer_id")
        .agg(
            F.sum(n).alias("_orders"),
            *[F.sum(F.when(F.col("_part") == p, n).otherwise(0)).alias(f"_{p}") for p in NAMES],
            *[F.sum(F.when(F.col("weekday") == i, n).otherwise(0)).alias(f"_{d}") for i, d in enumerate(WEEKDAYS, 1)],
            F.sum("_paydays").alias("_paydays"),
            F.max(F.when(F.col("_best"), F.col("_cell"))).alias("dow_daypart_top"),
            F.max(F.when(F.col("_best"), F.col("_lift"))).alias("dow_daypart_top_lift"),
        )
    )
    orders_n = F.col("_orders")
    payday_days = payday_share(as_of)
    return found.select(
        "customer_id",
        *[ratio(F.col(f"_{p}"), orders_n).alias(f"daypart_{p}_share") for p in NAMES],
        *[ratio(F.col(f"_{d}"), orders_n).alias(f"dow_{d}_share") for d in WEEKDAYS],
        "dow_daypart_top",
        "dow_daypart_top_lift",
        ratio((F.col("_sat") + F.col("_sun")) * 7, orders_n * 2).alias("weekend_ratio"),
        ratio(F.col("_paydays"), orders_n * F.lit(payday_days)).alias("payday_ratio"),
    )


def payday_share(as_of: AsOf) -> float:
    """The share of the window's days that lie around payday.

    >>> from datetime import date
    >>> round(payday_share(AsOf(date(2017, 12, 4))), 4)
    0.3722
    """
    days = [as_of.day - timedelta(days=d) for d in range(1, WINDOW + 1)]
    return sum(d.day >= PAYDAY[0] or d.day <= PAYDAY[1] for d in days) / WINDOW


def _with_habits(cells: DataFrame, params: FeatureParams) -> DataFrame:
    """Adds `_cell`, its `_lift` over the population, and whether it is the customer's `_best` habit."""
    share = F.col("_n") / F.sum("_n").over(Window.partitionBy("customer_id"))
    everyone = F.sum("_n").over(Window.partitionBy("weekday", "_part")) / F.sum("_n").over(Window.partitionBy(F.lit(1)))
    day = F.coalesce(*[F.when(F.col("weekday") == i, F.lit(d)) for i, d in enumerate(WEEKDAYS, 1)])
    lifted = cells.select(
        "*",
        F.concat_ws("_", day, F.col("_part")).alias("_cell"),
        F.round(share / everyone, 6).alias("_lift"),
    )
    habit = (F.col("_n") >= params.cell_min_events) & (F.col("_lift") >= params.cell_min_lift)
    order = [F.when(habit, 0).otherwise(1), F.col("_n").desc(), F.col("_lift").desc(), F.col("_cell")]
    rank = F.row_number().over(Window.partitionBy("customer_id").orderBy(*order))
    return lifted.withColumn("_best", habit & (rank == 1))


def _daypart() -> Column:
    name = F.lit(DAYPARTS[0][0])
    for part, first_hour in DAYPARTS[1:]:
        name = F.when(F.col("hour") >= first_hour, F.lit(part)).otherwise(name)
    return name


def _is_payday() -> Column:
    return (F.col("month_day") >= PAYDAY[0]) | (F.col("month_day") <= PAYDAY[1])
