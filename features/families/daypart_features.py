"""A companion of the wide row: one row per customer, weekday and part of the day with an active hour.

Holds 62's cells, of which 60 and 61 are the margins (columns of the wide row). A cell without a row had no active hour.
The lift is not smoothed: read it with its support, `n_events`, as `dow_daypart_top` does.
"""

from __future__ import annotations

from functools import partial

from pyspark.sql import DataFrame

from features.contract import Column
from features.definitions import FeatureDef
from features.facts import Facts
from features.families.daypart import FAMILY, HOURS, NAMES, WEEKDAYS, WINDOW, cells
from features.feature_contract import feature_contract

Cell = partial(FeatureDef, number=62, family=FAMILY, window=f"last {WINDOW} days")

DEFINITIONS = (
    Cell("n_events", kind="int", definition=HOURS, default="0", low=0),
    Cell("share", kind="double", definition="share of the customer's active hours", low=0, high=1),
    Cell(
        "lift",
        kind="double",
        definition="that share over the population's share",
        low=0,
        leak_note="population shares of the same snapshot, saved with it",
    ),
    Cell("recency_days", kind="int", definition="days from the last of them to the cut", default="0", low=1),
    Cell("days_since_first", kind="int", definition="days from the first of them to the cut", default="0", low=1),
)

NEEDS: tuple[str, ...] = ()
CONTRACT = feature_contract(
    "customer_daypart_features",
    "When in the week each customer dealt with us in the 180 days before the cut, in local time.",
    (
        Column("weekday", "string", "day of the local week", values=WEEKDAYS),
        Column("daypart", "string", "part of the local day", values=NAMES),
    ),
    DEFINITIONS,
)


def rows(facts: Facts) -> DataFrame:
    """One row per customer, weekday and part of the day."""
    return cells(facts)
