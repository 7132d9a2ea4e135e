"""The companion of the wide row: one row per customer and category with what the customer did there.

Holds the bucketed features 19, 20 (rhythm per category), 26 (share), 30 (decayed affinity) and 31 (lift). A category
without a row was never bought. Amounts are as paid: a refund is of an order, and what it was for is often not said.
30 is about orders here; with views and carts it is in `category_interest`.
"""

from __future__ import annotations

from functools import partial

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from features.contract import Column
from features.definitions import CATEGORIES, LIFE, FeatureDef, FeatureParams, per_window
from features.facts import Facts
from features.feature_contract import feature_contract
from features.order_lines import as_numbered_category_orders
from features.rounding import rounded
from features.windows import MONEY, count_within, neighbours, percentile_of_sorted, ratio, sum_within

FAMILY = "category of a customer"
WINDOWS = (90, 365)
DECAY_UNITS = 10**9  # decayed weights are summed in billionths
LINES_MAX = 2**20  # more lines of one category in one order are counted as this many less 1
Def = partial(FeatureDef, family=FAMILY, sources=CATEGORIES)

DEFINITIONS = (
    *per_window(
        "n_orders",
        26,
        FAMILY,
        "int",
        "orders with the category",
        (*WINDOWS, LIFE),
        sources=CATEGORIES,
        default="0",
        low=0,
    ),
    *per_window(
        "amt", 26, FAMILY, "money", "amount in the category", (*WINDOWS, LIFE), sources=CATEGORIES, default="0", low=0
    ),
    Def("n_lines_365", 32, kind="long", definition="lines", window="last 365 days", default="0", low=0),
    Def(
        "new_lines_365",
        32,
        kind="long",
        definition="lines of the first order with it; of several that day, of the largest",
        window="last 365 days",
        default="0",
        low=0,
    ),
    Def(
        "recency_days",
        20,
        kind="int",
        definition="days from the last day with the category to the cut",
        default="0",
        low=1,
    ),
    Def(
        "days_since_first", 20, kind="int", definition="days from the first day with it to the cut", default="0", low=1
    ),
    Def("ipt_n", 19, kind="int", definition="gaps between days with the category", default="0", low=0),
    Def("ipt_median", 19, kind="double", definition="median of these gaps in days, exact", low=1),
    Def("overdue_ratio", 20, kind="double", definition="recency_days / ipt_median", low=0),
    *per_window(
        "share",
        26,
        FAMILY,
        "double",
        "amount in the category / amount in any",
        WINDOWS,
        sources=CATEGORIES,
        low=0,
        high=1,
    ),
    Def(
        "lift_365",
        31,
        kind="double",
        definition="share_365 over the population's share, both smoothed towards the population by lift_prior_weight",
        window="last 365 days",
        low=0,
        leak_note="population share of the same snapshot, saved with it",
    ),
    Def(
        "affinity_short",
        30,
        kind="double",
        definition="buy_weight per order, halved every short_half_life_days",
        default="0",
        low=0,
    ),
    Def(
        "affinity_long",
        30,
        kind="double",
        definition="buy_weight per order, halved every long_half_life_days",
        default="0",
        low=0,
    ),
)


NEEDS: tuple[str, ...] = ()
CONTRACT = feature_contract(
    "customer_category_features",
    "What each customer did in each category bought from before the cut.",
    (Column("category", "string", "category"),),
    DEFINITIONS,
)


def rows(facts: Facts) -> DataFrame:
    """One row per customer and category."""
    return with_category_shares(numbered_categories(facts), category_shares(facts), facts.category_names).join(
        F.broadcast(facts.customers), "customer_no", how="inner"
    )


def fitted(facts: Facts) -> list[DataFrame]:
    """The population's shares, and the weight of that prior."""
    return [category_shares(facts)]


def numbered_categories(facts: Facts) -> DataFrame:
    """`as_customer_categories` of the snapshot, kept."""
    return facts.kept(
        "customer_categories",
        lambda: as_customer_categories(as_numbered_category_orders(facts.numbered_lines), facts.params),
    )


def customer_categories(facts: Facts) -> DataFrame:
    """`numbered_categories` with customer_id and category."""
    named = F.broadcast(facts.category_names).join(numbered_categories(facts), "category_no", how="inner")
    return F.broadcast(facts.customers).join(named, "customer_no", how="inner")


def category_shares(facts: Facts) -> DataFrame:
    """`fit_category_shares` of the snapshot, kept."""
    return facts.kept(
        "category_shares",
        lambda: fit_category_shares(numbered_categories(facts), facts.category_names, facts.params),
    )


def as_customer_categories(category_orders: DataFrame, params: FeatureParams) -> DataFrame:
    """One row per customer and category from `as_numbered_category_orders`: all columns that need no other customer."""
    amount, n_lines, days = F.col("amount"), F.col("n_lines"), F.col("_days")
    half_lives = {"affinity_short": params.short_half_life_days, "affinity_long": params.long_half_life_days}
    found = category_orders.groupBy("customer_no", "category_no").agg(
        *[count_within(w).alias(f"n_orders_{w or 'l'}") for w in (*WINDOWS, LIFE)],
        *[sum_within(amount, w, MONEY).alias(f"amt_{w or 'l'}") for w in (*WINDOWS, LIFE)],
        sum_within(n_lines, 365).alias("n_lines_365"),
        F.min("days_ago").alias("recency_days"),
        F.sort_array(F.collect_list("days_ago")).alias("_days"),
        # day and lines in one number: the largest is of the first day (structs have no fast maximum)
        F.max(F.col("days_ago").cast("bigint") * LINES_MAX + F.least(n_lines, F.lit(LINES_MAX - 1))).alias("_first"),
        *[rounded(F.sum(_decayed(params.buy_weight, h)) / DECAY_UNITS).alias(name) for name, h in half_lives.items()],
    )
    # several orders of one day are one day: a gap is at least 1
    gaps = F.filter(F.transform(neighbours(days), lambda pair: pair["0"] - pair["1"]), lambda gap: gap > 0)
    first_day = F.floor(F.col("_first") / LINES_MAX).cast("int")
    return (
        found.withColumn("_gaps", F.sort_array(gaps))
        .withColumn("days_since_first", first_day)
        .select(
            *["customer_no", "category_no", "recency_days", "n_lines_365", *half_lives],
            *[f"{name}_{w or 'l'}" for name in ("n_orders", "amt") for w in (*WINDOWS, LIFE)],
            F.when(F.col("days_since_first") <= 365, F.pmod(F.col("_first"), F.lit(LINES_MAX)))
            .otherwise(0)
            .cast("bigint")
            .alias("new_lines_365"),
            "days_since_first",
            F.size("_gaps").alias("ipt_n"),
            percentile_of_sorted(F.col("_gaps"), 0.5).alias("ipt_median"),
        )
        .withColumn("overdue_ratio", ratio(F.col("recency_days"), F.col("ipt_median")))
    )


def fit_category_shares(categories: DataFrame, names: DataFrame, params: FeatureParams) -> DataFrame:
    """The population's share of each category in 365 days, and the weight of that prior in money.

    From `as_customer_categories` and `as_names` to rows feature, subject, position, value, as `feature_parameters`
    keeps them.
    """
    spent = categories.where(F.col("amt_365") > 0)
    everything = Window.partitionBy(F.lit(1))
    by_category = spent.groupBy("category_no").agg(F.sum("amt_365").alias("_amount"))
    shares = (
        F.broadcast(names)
        .join(by_category, "category_no", how="inner")
        .select(
            F.lit("category_share").alias("feature"),
            F.col("category").alias("subject"),
            F.lit(0).alias("position"),
            (F.col("_amount").cast("double") / F.sum("_amount").over(everything).cast("double")).alias("value"),
        )
    )
    mean = F.sum("_amount").cast("double") / F.count(F.lit(1))
    prior = (
        spent.groupBy("customer_no")
        .agg(F.sum("amt_365").alias("_amount"))
        .agg(rounded(mean * params.lift_prior_weight).alias("value"))
        .where(F.col("value").isNotNull())
        .select(
            F.lit("lift_prior_amount").alias("feature"), F.lit("").alias("subject"), F.lit(0).alias("position"), "value"
        )
    )
    return shares.unionByName(prior)


def with_category_shares(categories: DataFrame, parameters: DataFrame, names: DataFrame) -> DataFrame:
    """Adds category, share_90, share_365 and lift_365, the last by the shares saved in `parameters`."""
    share = parameters.where(F.col("feature") == "category_share").select(
        F.col("subject").alias("category"), F.col("value").alias("_population")
    )
    prior = parameters.where(F.col("feature") == "lift_prior_amount").agg(F.max("value").alias("_prior"))
    known = names.join(share, "category", how="left").join(prior, how="cross")
    totals = categories.groupBy("customer_no").agg(*[F.sum(f"amt_{w}").alias(f"_total_{w}") for w in WINDOWS])
    rows = totals.join(F.broadcast(known).join(categories, "category_no", how="inner"), "customer_no", how="inner")
    smoothed = (F.col("amt_365").cast("double") + F.col("_prior") * F.col("_population")) / (
        F.col("_total_365").cast("double") + F.col("_prior")
    )
    return rows.select(
        "category",
        *categories.columns,
        *[ratio(F.col(f"amt_{w}"), F.col(f"_total_{w}")).alias(f"share_{w}") for w in WINDOWS],
        F.when(F.col("_total_365") > 0, rounded(smoothed / F.col("_population"))).alias("lift_365"),
    )


def _decayed(weight: float, half_life: float) -> SparkColumn:
    """An order's weight in whole billionths, so that the order of summing cannot show."""
    value = F.lit(weight) * F.pow(F.lit(2.0), -F.col("days_ago") / F.lit(half_life))
    return F.floor(value * DECAY_UNITS + 0.5).cast("bigint")
