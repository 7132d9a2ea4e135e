"""Family F: when in the day, the week and the month a customer deals with us, in local time.

What is counted is an active hour: a local hour with any order, page view, cart event or store visit of the customer,
as far as these sources are delivered. So an evening of 300 views counts as its hours and not 300 times, and the
definitions stay true where only `transactions` is there. The hour that a change of clocks repeats is one hour.

60 to 63 are shares of active hours; per weekday and daypart see `daypart_features.py`. 64 looks back 180 days like the
rest, not 365. Elsewhere: 65 `holiday_lift` in `holidays.py`, 66 `best_send_hour` in family J.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial, reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.as_of import AsOf, known_before
from features.browsed import with_customer_ids
from features.definitions import FeatureDef, FeatureParams
from features.facts import Facts
from features.population import population_numbers
from features.windows import ratio, utc_offsets, within

FAMILY = "F daypart and weekday"
WINDOW = 180
HOUR_MICROS = 3_600_000_000
SLOTS = 2**13  # more than the hours of the window
LOGS = ("browsing", "cart_events", "store_visits")  # what counts beside orders
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
HOURS = "active hours (with an order, view, cart event or store visit)"

DEFINITIONS = (
    Habit("n_active_hours", 60, kind="int", definition=HOURS, default="0", low=0),
    *[Share(f"daypart_{name}_share", 60, definition=f"share of {HOURS} in the {name}") for name in NAMES],
    *[Share(f"dow_{day}_share", 61, definition=f"share of {HOURS} on this weekday ({day})") for day in WEEKDAYS],
    Habit(
        "dow_daypart_top",
        62,
        kind="string",
        definition="weekday and daypart with most active hours, of those with cell_min_events and cell_min_lift",
        leak_note="population shares of the same snapshot, saved with it",
    ),
    Habit("dow_daypart_top_lift", 62, kind="double", definition="lift of that cell over the population", low=0),
    Habit("weekend_ratio", 63, kind="double", definition="share of active hours on Sat and Sun / (2 / 7)", low=0),
    Habit("payday_ratio", 64, kind="double", definition="share of active hours on days 25 to 5 / that of days", low=0),
)


NEEDS: tuple[str, ...] = ()


def features(facts: Facts) -> list[DataFrame]:
    """Features 60 to 64."""
    shares = daypart_share_features(daypart_totals(facts), facts.as_of)
    return [with_customer_ids(facts, shares), habit_features(cells(facts), facts.params)]


def fitted(facts: Facts) -> list[DataFrame]:
    """The population's share of each weekday and daypart."""
    return [fit_cell_shares(hour_cells(facts))]


def cells(facts: Facts) -> DataFrame:
    """`with_lift` of the snapshot with customer_id, kept."""
    shares = facts.kept("daypart_shares", lambda: fit_cell_shares(hour_cells(facts)))
    return facts.kept(
        "daypart_lifts",
        lambda: with_customer_ids(facts, with_lift(hour_cells(facts), daypart_totals(facts), shares)),
    )


def hour_cells(facts: Facts) -> DataFrame:
    """`as_cells` of the snapshot, kept."""
    return facts.kept("daypart_cells", lambda: as_cells(active_hours(facts), facts.as_of))


def daypart_totals(facts: Facts) -> DataFrame:
    """`as_totals` of the snapshot, kept."""
    return facts.kept("daypart_totals", lambda: as_totals(hour_cells(facts)))


def active_hours(facts: Facts) -> DataFrame:
    """customer_no, days_ago, hour: each local hour with any dealing, once, of customers who have a wide row."""
    # customer and hour in one number: the distinct ones of a long log are found twice as fast as of two columns
    slot = (F.lit(WINDOW) - F.col("days_ago")) * 24 + F.col("hour")
    slots = facts.orders.where(within(WINDOW)).select(_slotted(slot))
    logs = [name for name in LOGS if facts.has(name)]
    if logs:
        accounts = facts.accounts.join(population_numbers(facts), "customer_no", how="left_semi")
        numbers = facts.kept("population_accounts", lambda: accounts.select("account_id", "customer_no"))
        events = reduce(DataFrame.unionByName, [_moments(facts, name) for name in logs])
        dealt = F.broadcast(numbers).join(events, "account_id", how="inner")
        slots = slots.unionByName(dealt.select(_slotted(_local_slot(F.col("us"), facts.as_of))))
    slot = F.pmod("_slot", F.lit(SLOTS))
    return slots.distinct().select(
        F.floor(F.col("_slot") / SLOTS).cast("bigint").alias("customer_no"),
        (F.lit(WINDOW) - F.floor(slot / 24)).cast("int").alias("days_ago"),
        F.pmod(slot, F.lit(24)).cast("int").alias("hour"),
    )


def as_cells(hours: DataFrame, as_of: AsOf) -> DataFrame:
    """Active hours by customer and `cell`: n_events, n_paydays (those of them around payday), recency_days and
    days_since_first.

    `cell` is 6 times the weekday (0 is Monday) plus the part of the day (0 is night).
    """
    # 1970-01-01 was a Thursday
    weekday = F.pmod(F.lit(as_of.epoch_day + 3) - F.col("days_ago"), F.lit(7))
    return (
        hours.select(
            "customer_no",
            "days_ago",
            (weekday * len(NAMES) + _part(F.col("hour"))).cast("int").alias("cell"),
            F.col("days_ago").isin(paydays(as_of)).cast("int").alias("_payday"),
        )
        .groupBy("customer_no", "cell")
        .agg(
            F.count(F.lit(1)).cast("int").alias("n_events"),
            F.sum("_payday").cast("int").alias("n_paydays"),
            F.min("days_ago").alias("recency_days"),
            F.max("days_ago").alias("days_since_first"),
        )
    )


def as_totals(hour_cells: DataFrame) -> DataFrame:
    """One row per customer of `as_cells`: `total`, `paydays`, and a sum per part of the day and per weekday."""
    n, part, day = F.col("n_events"), F.pmod("cell", F.lit(len(NAMES))), F.floor(F.col("cell") / len(NAMES))
    return hour_cells.groupBy("customer_no").agg(
        F.sum(n).cast("int").alias("total"),
        F.sum("n_paydays").alias("paydays"),
        *[F.sum(F.when(part == i, n).otherwise(0)).alias(p) for i, p in enumerate(NAMES)],
        *[F.sum(F.when(day == i, n).otherwise(0)).alias(d) for i, d in enumerate(WEEKDAYS)],
    )


def daypart_share_features(totals: DataFrame, as_of: AsOf) -> DataFrame:
    """One row per customer with an active hour in 180 days: features 60, 61, 63 and 64."""
    total = F.col("total")
    return totals.select(
        "customer_no",
        total.alias("n_active_hours"),
        *[ratio(F.col(p), total).alias(f"daypart_{p}_share") for p in NAMES],
        *[ratio(F.col(d), total).alias(f"dow_{d}_share") for d in WEEKDAYS],
        ratio((F.col("sat") + F.col("sun")) * 7, total * 2).alias("weekend_ratio"),
        ratio(F.col("paydays") * WINDOW, total * len(paydays(as_of))).alias("payday_ratio"),
    )


def fit_cell_shares(hour_cells: DataFrame) -> DataFrame:
    """The share of each cell in all active hours: feature, subject (such as sat_afternoon), position (cell), value."""
    counts = hour_cells.groupBy("cell").agg(F.sum("n_events").alias("_n"))
    return counts.select(
        F.lit("daypart_share").alias("feature"),
        F.concat_ws("_", _named(WEEKDAYS, F.floor(F.col("cell") / len(NAMES))), _named(NAMES, _part_of_cell())).alias(
            "subject"
        ),
        F.col("cell").alias("position"),
        (F.col("_n").cast("double") / F.sum("_n").over(Window.partitionBy(F.lit(1))).cast("double")).alias("value"),
    )


def with_lift(hour_cells: DataFrame, totals: DataFrame, shares: DataFrame) -> DataFrame:
    """One row per customer and cell: weekday, daypart, n_events, share, lift by the population's `shares`, and days."""
    population_share = shares.select(F.col("position").alias("cell"), F.col("value").alias("_everyone"))
    n, total = F.col("n_events"), F.col("total")
    return (
        totals.select("customer_no", "total")
        .join(hour_cells, "customer_no", how="inner")
        .join(F.broadcast(population_share), "cell", how="inner")
        .select(
            "customer_no",
            _named(WEEKDAYS, F.floor(F.col("cell") / len(NAMES))).alias("weekday"),
            _named(NAMES, _part_of_cell()).alias("daypart"),
            "n_events",
            ratio(n, total).alias("share"),
            ratio(n, total * F.col("_everyone")).alias("lift"),
            "recency_days",
            "days_since_first",
        )
    )


def habit_features(lifted: DataFrame, params: FeatureParams) -> DataFrame:
    """One row per customer with a habit: feature 62. Of equals the higher lift, then the first by name."""
    habits = lifted.where((F.col("n_events") >= params.cell_min_events) & (F.col("lift") >= params.cell_min_lift))
    name = F.concat_ws("_", "weekday", "daypart")
    order = Window.partitionBy("customer_id").orderBy(F.col("n_events").desc(), F.col("lift").desc(), name)
    return (
        habits.withColumn("_rank", F.row_number().over(order))
        .where(F.col("_rank") == 1)
        .select("customer_id", name.alias("dow_daypart_top"), F.col("lift").alias("dow_daypart_top_lift"))
    )


def paydays(as_of: AsOf) -> list[int]:
    """The days of the window, counted back from the cut, that lie around payday.

    >>> from datetime import date
    >>> paydays(AsOf(date(2017, 12, 4)))[:10]
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 30]
    """
    dated = [(ago, as_of.day - timedelta(days=ago)) for ago in range(1, WINDOW + 1)]
    return [ago for ago, d in dated if d.day >= PAYDAY[0] or d.day <= PAYDAY[1]]


def _moments(facts: Facts, name: str) -> DataFrame:
    """account_id, us: the events of a log, in microseconds."""
    known = known_before(facts.tables[name], facts.as_of)
    recent = known.where(F.col("event_ts") >= F.lit(facts.as_of.plus(-WINDOW).ts))
    return recent.select("account_id", F.unix_micros("event_ts").alias("us"))


def _local_slot(us: Column, as_of: AsOf) -> Column:
    """Local hours from the first midnight of the window to a moment; the hour that clocks repeat has one number."""
    first = F.lit((as_of.epoch_day - WINDOW) * 24)
    (_, offset), *later = utc_offsets(as_of)
    hour = F.floor((us + offset * 1_000_000) / F.lit(HOUR_MICROS))
    for start, changed in later:
        moved = F.floor((us + changed * 1_000_000) / F.lit(HOUR_MICROS))
        hour = F.when(us >= int(start.timestamp()) * 1_000_000, moved).otherwise(hour)
    return hour - first


def _slotted(slot: Column) -> Column:
    return (F.col("customer_no") * F.lit(SLOTS).cast("bigint") + slot).cast("bigint").alias("_slot")


def _part(hour: Column) -> Column:
    """The position in NAMES of an hour's part of the day."""
    part = F.lit(0)
    for name, first_hour in DAYPARTS[1:]:
        part = F.when(hour >= first_hour, F.lit(NAMES.index(name))).otherwise(part)
    return part


def _part_of_cell() -> Column:
    return F.pmod("cell", F.lit(len(NAMES)))


def _named(names: tuple[str, ...], position: Column) -> Column:
    return F.coalesce(*[F.when(position == i, F.lit(name)) for i, name in enumerate(names)])
