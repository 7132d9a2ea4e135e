"""Family M: colour, size, fit, season.

142 is per colour, 145 per type of garment and 148 per pair of colours: see the companions `colour_features`,
`size_features` and `outfit_features`. All attributes are those that a product stated when it was bought.
"""

from __future__ import annotations

from functools import partial

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from features.browsed import with_customer_ids
from features.definitions import FeatureDef
from features.facts import Facts
from features.families.colour_features import colour_counts, colour_shares, smoothed_lift
from features.families.garment_lines import garment_lines
from features.families.returns import fit_return_rate, with_return_rate
from features.families.size_features import SIZED, customer_sizes
from features.family_params import FashionParams
from features.windows import ratio

FAMILY = "M colour and size"
NEEDS: tuple[str, ...] = ()
FIT_RATE = "fit_issue_rate_mean"
YEAR, TWO_YEARS = "last 365 days", "last 730 days"
ByColour = partial(FeatureDef, family=FAMILY, sources=("transactions", "products.colour"), window=YEAR)

DEFINITIONS: tuple[FeatureDef, ...] = (
    ByColour("top_colour", 143, kind="string", definition="colour of most lines, the first of equals"),
    ByColour("top_colour_share", 143, kind="double", definition="share of lines in it", low=0, high=1),
    ByColour("n_coloured_lines_365", 144, kind="long", definition="lines whose colour is known", default="0", low=0),
    ByColour("n_white_lines_365", 144, kind="long", definition="lines in one of white_names", default="0", low=0),
    ByColour(
        "white_lift",
        144,
        kind="double",
        definition="share of white, smoothed by colour_prior_lines, over the population's",
        low=0,
        leak_note="the population's shares are of the same snapshot and saved with it",
    ),
    FeatureDef(
        "size_consistency",
        146,
        FAMILY,
        "double",
        "lines kept in the size_mode of their type of garment / lines kept in any size",
        SIZED,
        TWO_YEARS,
        low=0,
        high=1,
        leak_note="returns known before the cut",
    ),
    FeatureDef(
        "fit_issue_rate",
        147,
        FAMILY,
        "double",
        "share of lines with a size that came back within return_days for fit_reasons, shrunk to the population's",
        (*SIZED, "order_status.reason"),
        TWO_YEARS,
        low=0,
        high=1,
        leak_note="only lines older than return_days; the population's rate is saved with the snapshot",
    ),
    FeatureDef(
        "season_lead_days",
        149,
        FAMILY,
        "double",
        "mean days from the first day on sale to purchase, of products made for a season; below 0 is ordered ahead",
        ("transactions", "products.launched_on", "products.season"),
        TWO_YEARS,
    ),
)


def features(facts: Facts) -> list[DataFrame]:
    """Features 143, 144, 146, 147 and 149."""
    frames = [
        top_colour_features(colour_counts(facts)),
        white_features(colour_counts(facts), colour_shares(facts), facts.params.fashion),
        size_consistency_features(customer_sizes(facts)),
        season_features(garment_lines(facts)),
    ]
    if facts.has("order_status"):
        weight = facts.params.returns.prior_weight
        frames.append(with_return_rate(fit_counts(facts), fit_return_rate(fit_counts(facts)), weight, "fit_issue_rate"))
    return [with_customer_ids(facts, frame) for frame in frames]


def fitted(facts: Facts) -> list[DataFrame]:
    """The population's rate of fit issues."""
    return [fit_return_rate(fit_counts(facts), FIT_RATE)] if facts.has("order_status") else []


def fit_counts(facts: Facts) -> DataFrame:
    """`as_fit_counts` of the snapshot, kept."""
    days = facts.params.returns.return_days
    return facts.kept("fit_counts", lambda: as_fit_counts(garment_lines(facts), days))


def top_colour_features(counts: DataFrame) -> DataFrame:
    """One row per customer of `colour_counts`: feature 143."""
    most = Window.partitionBy("customer_no").orderBy(F.col("n_lines_365").desc(), "colour")
    ranked = counts.withColumn("_rank", F.row_number().over(most))
    first = F.col("_rank") == 1
    found = ranked.groupBy("customer_no").agg(
        F.max(F.when(first, F.col("colour"))).alias("top_colour"),
        F.max(F.when(first, F.col("n_lines_365"))).alias("_top"),
        F.sum("n_lines_365").alias("_total"),
    )
    return found.select("customer_no", "top_colour", ratio(F.col("_top"), F.col("_total")).alias("top_colour_share"))


def white_features(counts: DataFrame, shares: DataFrame, params: FashionParams) -> DataFrame:
    """One row per customer of `colour_counts`: feature 144 and its support. No lift where nobody buys white."""
    names = [n.strip().lower() for n in params.white_names]
    white = F.when(F.col("colour").isin(names), F.col("n_lines_365")).otherwise(0)
    population = shares.agg(F.sum(F.when(F.col("subject").isin(names), F.col("value"))).alias("_population"))
    found = counts.groupBy("customer_no").agg(
        F.sum("n_lines_365").alias("n_coloured_lines_365"), F.sum(white).alias("n_white_lines_365")
    )
    lift = smoothed_lift("n_white_lines_365", "n_coloured_lines_365", "_population", params.colour_prior_lines)
    return found.join(F.broadcast(population), how="cross").select(*found.columns, lift.alias("white_lift"))


def size_consistency_features(sizes: DataFrame) -> DataFrame:
    """One row per customer of `as_customer_sizes`: feature 146."""
    found = sizes.groupBy("customer_no").agg(
        F.sum("n_mode_lines_730").alias("_mode"), F.sum("n_kept_lines_730").alias("_kept")
    )
    return found.select("customer_no", ratio(F.col("_mode"), F.col("_kept")).alias("size_consistency"))


def as_fit_counts(lines: DataFrame, return_days: int) -> DataFrame:
    """customer_no, n_lines (with a size, older than `return_days`), n_back (of these, back within them for fit)."""
    age = F.col("days_ago")
    back = F.col("about_fit") & (age - F.col("back_days_ago") <= return_days)
    return (
        lines.where(F.col("size").isNotNull() & (age > return_days))
        .groupBy("customer_no")
        .agg(F.count(F.lit(1)).alias("n_lines"), F.count(F.when(back, 1)).alias("n_back"))
    )


def season_features(lines: DataFrame) -> DataFrame:
    """One row per customer who bought a product made for a season that states its first day on sale: feature 149."""
    seasonal = lines.where(F.col("season").isNotNull() & F.col("launched_ago").isNotNull())
    found = seasonal.groupBy("customer_no").agg(
        F.sum(F.col("launched_ago") - F.col("days_ago")).alias("_days"), F.count(F.lit(1)).alias("_n")
    )
    return found.select("customer_no", ratio(F.col("_days"), F.col("_n")).alias("season_lead_days"))
