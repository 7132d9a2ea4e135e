"""The snapshot of customer features at a cut: the wide row, its companion per category, and what was fitted for them.

Computed here: families A to F as far as transactions, products and customers carry them. What is missing, and why,
stands in the docs of each family module and in `features.catalogue.WAITING`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features import affinity, basket, category_features, daypart, price, recency, rhythm, value_scores
from features.as_of import AsOf
from features.catalogue import CUSTOMER_CATEGORY_FEATURES, CUSTOMER_FEATURES, FEATURE_PARAMETERS, all_definitions
from features.definitions import FeatureDef, FeatureParams
from features.order_lines import account_customers, as_category_orders, as_orders, customer_lines

Keep = Callable[[str, DataFrame], DataFrame]


@dataclass(frozen=True)
class FeatureSources:
    """The tables a snapshot is computed from. `customers` adds those who have not bought yet."""

    transactions: DataFrame
    products: DataFrame
    customer_map: DataFrame
    customers: DataFrame | None = None


@dataclass(frozen=True)
class FeatureSnapshot:
    """The three tables of a snapshot, each with the columns of its contract."""

    customer_features: DataFrame
    customer_category_features: DataFrame
    feature_parameters: DataFrame


def recomputed(name: str, df: DataFrame) -> DataFrame:
    """Keeps nothing: the engine computes `df` again wherever it is used. For small data."""
    return df


def build_customer_features(
    sources: FeatureSources, as_of: AsOf, params: FeatureParams, keep: Keep = recomputed
) -> FeatureSnapshot:
    """The snapshot at `as_of`.

    `keep(name, frame)` writes an intermediate frame and reads it back, since neither engine can be asked to hold one
    (`cache` does nothing on the embedded one). The result does not depend on it.
    """
    lines = keep("lines", customer_lines(sources.transactions, sources.products, sources.customer_map, as_of))
    orders = keep("orders", as_orders(lines, as_of, params))
    priced = keep("priced_lines", price.as_priced_lines(lines))
    percentiles = keep("price_percentiles", price.as_price_percentiles(priced))
    bought_in = keep("customer_categories", category_features.as_customer_categories(as_category_orders(lines), params))
    shares = keep("category_shares", category_features.fit_category_shares(bought_in, params))
    families = [
        recency.recency_features(orders),
        recency.line_amount_features(lines),
        rhythm.rhythm_features(orders, as_of, params),
        affinity.category_width_features(bought_in),
        affinity.brand_features(lines),
        affinity.brand_switch_features(lines),
        affinity.own_brand_features(orders),
        price.discount_features(orders),
        price.price_band_features(priced, percentiles),
        basket.basket_features(orders, bought_in),
        daypart.daypart_features(orders, as_of, params),
    ]
    rows = keep("family_rows", _join_families(_population(orders, sources, as_of), families))
    cuts = keep("value_cuts", value_scores.fit_value_cuts(rows))
    parameters = reduce(DataFrame.unionByName, [shares, cuts, price.fit_price_bands(percentiles)])
    day = F.lit(as_of.day.isoformat()).cast("date")
    return FeatureSnapshot(
        CUSTOMER_FEATURES.conform(value_scores.with_value_scores(rows, cuts, params).withColumn("as_of", day)),
        CUSTOMER_CATEGORY_FEATURES.conform(
            category_features.with_category_shares(bought_in, shares).withColumn("as_of", day)
        ),
        FEATURE_PARAMETERS.conform(parameters.withColumn("as_of", day)),
    )


def _population(orders: DataFrame, sources: FeatureSources, as_of: AsOf) -> DataFrame:
    """customer_id of everyone with an order or a dated record known before the cut, once each.

    A record of `customers` without `available_ts` adds nobody: it cannot be shown to have been there.
    """
    ids = orders.select("customer_id")
    if sources.customers is not None:
        known = sources.customers.where(F.col("available_ts") < F.lit(as_of.ts)).select("account_id")
        recorded = known.join(account_customers(sources.customer_map, as_of), "account_id", how="inner")
        ids = ids.unionByName(recorded.select("customer_id"))
    return ids.groupBy("customer_id").agg(F.lit(1).alias("_one")).select("customer_id")


def _join_families(population: DataFrame, families: list[DataFrame]) -> DataFrame:
    """The wide row: the population with every family beside it, and defaults where a family has no row."""
    wide = reduce(lambda left, right: left.join(right, "customer_id", how="left"), families, population)
    definitions = [d for d in all_definitions() if d.name in wide.columns]
    return wide.select("customer_id", *[_with_default(d) for d in definitions])


def _with_default(definition: FeatureDef) -> Column:
    column = F.col(definition.name)
    if definition.default == "null":
        return column
    default = F.lit(False) if definition.kind == "bool" else F.lit(int(definition.default))
    return F.coalesce(column, default).alias(definition.name)
