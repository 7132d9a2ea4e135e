"""Family A, the part that compares a customer with the population of the same snapshot.

The cut points are fitted on facts before the cut and saved in `feature_parameters`, so that a score can be
explained, and computed again, later.
"""

from __future__ import annotations

from functools import reduce
from operator import add

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.definitions import ORDERS, FeatureDef, FeatureParams
from features.facts import Facts
from features.rounding import rounded

FAMILY = "A recency, frequency, money"
YEAR = "last 365 days"
POPULATION = "compared with customers of the same snapshot; cut points are saved with it"
SCORED = {"r_score": "recency_days", "f_score": "n_orders_365", "m_score": "net_amt_365"}


def _score(name: str, definition: str) -> FeatureDef:
    return FeatureDef(name, 8, FAMILY, "int", definition, ORDERS, YEAR, low=1, high=5, leak_note=POPULATION)


DEFINITIONS = (
    _score("r_score", "quintile of recency_days, 5 is most recent"),
    _score("f_score", "quintile of n_orders_365, 5 is most orders"),
    _score("m_score", "quintile of net_amt_365, 5 is most spent"),
    FeatureDef("rfm_cell", 9, FAMILY, "int", "100 r_score + 10 f_score + m_score", ORDERS, YEAR, low=111, high=555),
    FeatureDef(
        "rfm_segment", 9, FAMILY, "string", "name of the cell, first rule that fits of `SEGMENTS`", ORDERS, YEAR
    ),
    FeatureDef(
        "share_of_value_pct",
        12,
        FAMILY,
        "double",
        "percentile rank of net_amt_365 among customers with an order in the window",
        ORDERS,
        YEAR,
        low=0,
        high=1,
        leak_note=POPULATION,
    ),
    FeatureDef(
        "is_top20_value",
        13,
        FAMILY,
        "bool",
        "share_of_value_pct of at least the setting top_value_share",
        ORDERS,
        YEAR,
        "false",
        leak_note=POPULATION,
    ),
)

# name -> bounds that must hold: (r low, r high, f low, f high, m low, m high); the first that fits names the cell
SEGMENTS = {
    "champions": (4, 5, 4, 5, 4, 5),
    "loyal": (3, 5, 4, 5, 1, 5),
    "big_spenders": (3, 5, 1, 3, 4, 5),
    "recent_light": (4, 5, 1, 2, 1, 3),
    "steady": (3, 5, 1, 3, 1, 3),
    "at_risk": (1, 2, 3, 5, 1, 5),
    "fading_spenders": (1, 2, 1, 2, 3, 5),
    "hibernating": (1, 2, 1, 2, 1, 2),
}


NEEDS: tuple[str, ...] = ()


def derive(rows: DataFrame, facts: Facts) -> tuple[DataFrame, list[DataFrame]]:
    """The wide rows with features 8, 9, 12 and 13, and the cut points."""
    cuts = facts.kept("value_cuts", lambda: fit_value_cuts(rows))
    return with_value_scores(rows, cuts, facts.params), [cuts]


def fit_value_cuts(rows: DataFrame) -> DataFrame:
    """Quintile cut points of customers with an order in 365 days: feature, subject (empty), position, value.

    `rows` holds recency_days, n_orders_365 and net_amt_365. Positions 1 to 4 are the exact 20th to 80th
    percentiles, interpolated. An empty population gives no rows.
    """
    quintiles = F.array(*[F.lit(q / 5) for q in range(1, 5)])
    cuts = rows.where(F.col("n_orders_365") > 0).agg(
        *[F.percentile(F.col(column).cast("double"), quintiles).alias(name) for name, column in SCORED.items()]
    )
    points = [
        F.struct(
            F.lit(name).alias("feature"),
            F.lit("").alias("subject"),
            F.lit(i + 1).alias("position"),
            rounded(F.col(name)[i]).alias("value"),
        )
        for name in SCORED
        for i in range(4)
    ]
    return cuts.select(F.explode(F.array(*points)).alias("cut")).select("cut.*").where(F.col("value").isNotNull())


def with_value_scores(rows: DataFrame, parameters: DataFrame, params: FeatureParams) -> DataFrame:
    """Adds features 8, 9, 12 and 13 to `rows`, by the cut points that `fit_value_cuts` saved in `parameters`.

    A value above k of the four cut points is in quintile k + 1, so equal values share a score.
    """
    cuts = parameters.where(F.col("feature").isin(*SCORED)).agg(
        *[
            F.max(F.when((F.col("feature") == name) & (F.col("position") == i), F.col("value"))).alias(f"_{name}_{i}")
            for name in SCORED
            for i in range(1, 5)
        ]
    )
    active = F.col("n_orders_365") > 0
    by_value = Window.partitionBy(active).orderBy("net_amt_365")
    scored = rows.join(F.broadcast(cuts), how="cross").select(
        *rows.columns,
        F.when(active, F.lit(5) - _cuts_below("r_score")).cast("int").alias("r_score"),
        F.when(active, F.lit(1) + _cuts_below("f_score")).cast("int").alias("f_score"),
        F.when(active, F.lit(1) + _cuts_below("m_score")).cast("int").alias("m_score"),
        F.when(active, rounded(F.percent_rank().over(by_value))).alias("share_of_value_pct"),
    )
    cell = F.col("r_score") * 100 + F.col("f_score") * 10 + F.col("m_score")
    top = F.col("share_of_value_pct") >= F.lit(params.top_value_share)
    return scored.select(
        "*",
        cell.cast("int").alias("rfm_cell"),
        _segment().alias("rfm_segment"),
        F.coalesce(top, F.lit(False)).alias("is_top20_value"),
    )


def _cuts_below(name: str) -> Column:
    value = F.col(SCORED[name]).cast("double")
    return reduce(add, [F.when(value > F.col(f"_{name}_{i}"), 1).otherwise(0) for i in range(1, 5)])


def _segment() -> Column:
    rules = [
        (name, F.col("r_score").between(a, b) & F.col("f_score").between(c, d) & F.col("m_score").between(e, f))
        for name, (a, b, c, d, e, f) in SEGMENTS.items()
    ]
    return F.coalesce(*[F.when(rule, F.lit(name)) for name, rule in rules])
