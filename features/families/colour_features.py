"""The companion about colours: one row per customer and colour bought in 365 days (feature 142).

Counted in lines whose product stated a colour when it was bought. Views are not counted: what she looks at is
family H's.
"""

from __future__ import annotations

from functools import partial

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from features.browsed import with_customer_ids
from features.contract import Column
from features.definitions import FeatureDef
from features.facts import Facts
from features.families.garment_lines import garment_lines
from features.feature_contract import feature_contract
from features.rounding import rounded
from features.windows import ratio, within

FAMILY = "M colour and size"
NEEDS: tuple[str, ...] = ()
SHARE = "colour_share"
Def = partial(FeatureDef, family=FAMILY, sources=("transactions", "products.colour"), window="last 365 days")

DEFINITIONS: tuple[FeatureDef, ...] = (
    Def("n_lines_365", 142, kind="long", definition="lines in the colour", default="0", low=1),
    Def("share_365", 142, kind="double", definition="share of lines whose colour is known", low=0, high=1),
    Def(
        "lift_365",
        142,
        kind="double",
        definition="share, smoothed by colour_prior_lines, over the population's share",
        low=0,
        leak_note="the population's shares are of the same snapshot and saved with it",
    ),
    Def(
        "recency_days",
        142,
        kind="int",
        definition="days from the last line in the colour to the cut",
        default="0",
        low=1,
    ),
    Def(
        "days_since_first",
        142,
        kind="int",
        definition="days from the first line in the colour to the cut",
        default="0",
        low=1,
    ),
)

CONTRACT = feature_contract(
    "customer_colour_features",
    "Which colours each customer bought in the last 365 days, and how that differs from others.",
    (Column("colour", "string", "colour in lower case"),),
    DEFINITIONS,
)


def rows(facts: Facts) -> DataFrame:
    """One row per customer and colour."""
    prior = facts.params.fashion.colour_prior_lines
    return with_customer_ids(facts, with_colour_shares(colour_counts(facts), colour_shares(facts), prior))


def fitted(facts: Facts) -> list[DataFrame]:
    """The population's share of each colour."""
    return [colour_shares(facts)]


def colour_counts(facts: Facts) -> DataFrame:
    """`as_attribute_counts` of colours, kept."""
    return facts.kept("colour_counts", lambda: as_attribute_counts(garment_lines(facts), "colour"))


def colour_shares(facts: Facts) -> DataFrame:
    """`fit_shares` of colours, kept."""
    return facts.kept("colour_shares", lambda: fit_shares(colour_counts(facts), "colour", SHARE))


def as_attribute_counts(lines: DataFrame, attribute: str) -> DataFrame:
    """customer_no, attribute, n_lines_365, recency_days, days_since_first of `as_garment_lines` that state it."""
    return (
        lines.where(F.col(attribute).isNotNull() & within(365))
        .groupBy("customer_no", attribute)
        .agg(
            F.count(F.lit(1)).alias("n_lines_365"),
            F.min("days_ago").alias("recency_days"),
            F.max("days_ago").alias("days_since_first"),
        )
    )


def fit_shares(counts: DataFrame, attribute: str, feature: str) -> DataFrame:
    """The population's share of lines of each value of an attribute, as rows of `feature_parameters`."""
    everything = Window.partitionBy(F.lit(1))
    return (
        counts.groupBy(attribute)
        .agg(F.sum("n_lines_365").alias("_n"))
        .select(
            F.lit(feature).alias("feature"),
            F.col(attribute).alias("subject"),
            F.lit(0).alias("position"),
            (F.col("_n").cast("double") / F.sum("_n").over(everything).cast("double")).alias("value"),
        )
    )


def with_colour_shares(counts: DataFrame, shares: DataFrame, prior_lines: float) -> DataFrame:
    """Adds share_365 and lift_365, the latter by the population's shares."""
    totals = counts.groupBy("customer_no").agg(F.sum("n_lines_365").alias("_total"))
    population = shares.select(F.col("subject").alias("colour"), F.col("value").alias("_population"))
    found = totals.join(F.broadcast(population).join(counts, "colour", how="inner"), "customer_no", how="inner")
    return found.select(
        *counts.columns,
        ratio(F.col("n_lines_365"), F.col("_total")).alias("share_365"),
        smoothed_lift("n_lines_365", "_total", "_population", prior_lines).alias("lift_365"),
    )


def smoothed_lift(n: str, total: str, population: str, prior: float) -> SparkColumn:
    """A customer's share over the population's, with the latter weighing `prior` lines in the former."""
    share = (F.col(n) + F.lit(prior) * F.col(population)) / (F.col(total) + F.lit(prior))
    return rounded(share / F.col(population))
