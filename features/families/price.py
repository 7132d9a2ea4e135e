"""Family D: price band and discounts.

46 and 47 (promotions) are in `promotion`, 48 and 50 (coupons) in `coupons`. 42 looks back 365 days, the window of the
price reference, and not over life, in which prices drift. 45 is about the new season: of products that state their
first day on sale, only lines until new_season_days after it count, since what is left of last season at its shelf
price says little; of products that do not state it, all lines do.
"""

from __future__ import annotations

from functools import partial

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.definitions import WINDOWS, FeatureDef, per_window
from features.facts import Facts
from features.rounding import rounded
from features.windows import ratio, when_within, within

FAMILY = "D price and discounts"
YEAR = "last 365 days"
SHELF = ("transactions.list_amount",)
BANDS = 5
PCTL_UNITS = 10**9  # percentiles are summed in billionths
POPULATION = "reference prices are lines of the same snapshot; the band limits are saved with it"
InBand = partial(FeatureDef, family=FAMILY, sources=(*SHELF, "products.category"), window=YEAR, leak_note=POPULATION)

DEFINITIONS = (
    *[
        InBand(
            f"price_band_share_{b}",
            39,
            kind="double",
            definition=f"share of lines in quintile {b} of shelf prices in their category, 1 is cheapest",
            low=0,
            high=1,
        )
        for b in range(1, BANDS + 1)
    ],
    InBand(
        "price_band_mode", 40, kind="int", definition="band with most lines, the cheaper of equals", low=1, high=BANDS
    ),
    InBand(
        "price_pctl_mean",
        41,
        kind="double",
        definition="mean percentile of the shelf price within its category",
        low=0,
        high=1,
    ),
    InBand("max_price_pctl", 42, kind="double", definition="highest percentile bought: the ceiling", low=0, high=1),
    *per_window(
        "discount_depth",
        43,
        FAMILY,
        "double",
        "1 - paid / shelf value, of lines with a shelf price",
        sources=SHELF,
        high=1,
    ),
    *per_window(
        "discounted_line_share",
        44,
        FAMILY,
        "double",
        "share of lines cheaper than shelf price by more than discount_threshold",
        sources=SHELF,
        low=0,
        high=1,
    ),
    FeatureDef(
        "full_price_share",
        45,
        FAMILY,
        "double",
        "share of lines sold at shelf price, without lines bought after a product's new_season_days",
        SHELF,
        YEAR,
        low=0,
        high=1,
    ),
    FeatureDef(
        "coupon_amt_share",
        49,
        FAMILY,
        "double",
        "amount settled by coupons / amount; null when no order states coupons",
        ("transactions.coupon_amount",),
        YEAR,
        low=0,
    ),
)


NEEDS: tuple[str, ...] = ()


def features(facts: Facts) -> list[DataFrame]:
    """Features 39 to 45 and 49."""
    return [
        discount_features(facts.orders),
        price_band_features(facts.numbered_lines, price_percentiles(facts)),
    ]


def fitted(facts: Facts) -> list[DataFrame]:
    """The limits of the price bands."""
    return [fit_price_bands(price_percentiles(facts))]


def price_percentiles(facts: Facts) -> DataFrame:
    """`as_price_percentiles` of the snapshot, kept."""
    return facts.kept("price_percentiles", lambda: as_price_percentiles(facts.numbered_lines, facts.category_names))


def discount_features(orders: DataFrame) -> DataFrame:
    """One row per customer of `orders` (see `as_orders`): features 43 to 45 and 49."""
    summed = ("listed_list", "listed_paid", "n_listed", "n_discounted")
    found = orders.groupBy("customer_no").agg(
        *[F.sum(when_within(F.col(c), w)).alias(f"_{c}_{w}") for c in summed for w in WINDOWS],
        *[
            F.sum(when_within(F.col(c), 365)).alias(f"_{c}")
            for c in ("n_listed_new", "n_full_price_new", "coupon_amount", "amount")
        ],
    )
    return found.select(
        "customer_no",
        *[
            ratio(_col("listed_list", w) - _col("listed_paid", w), _col("listed_list", w)).alias(f"discount_depth_{w}")
            for w in WINDOWS
        ],
        *[ratio(_col("n_discounted", w), _col("n_listed", w)).alias(f"discounted_line_share_{w}") for w in WINDOWS],
        ratio(F.col("_n_full_price_new"), F.col("_n_listed_new")).alias("full_price_share"),
        ratio(F.col("_coupon_amount"), F.col("_amount")).alias("coupon_amt_share"),
    )


def as_price_percentiles(lines: DataFrame, names: DataFrame) -> DataFrame:
    """Where each shelf price stands within its category: category, category_no, unit_cents, `pctl` and `band`.

    From the last 365 days of `numbered_lines` and the names of categories; lines without `unit_cents` say nothing
    about a price. The percentile is the mid-rank: the share of lines that are cheaper plus half of those that cost
    the same, so a category with one price is at 0.5 and in the middle band.
    """
    priced = lines.where(F.col("unit_cents").isNotNull() & within(365))
    counted = priced.groupBy("category_no", "unit_cents").agg(F.count(F.lit(1)).alias("n"))
    prices = F.broadcast(names).join(counted, "category_no", how="inner")
    up_to = (
        Window.partitionBy("category_no")
        .orderBy("unit_cents")
        .rowsBetween(Window.unboundedPreceding, Window.currentRow)
    )
    total = F.sum("n").over(Window.partitionBy("category_no"))
    middle = 2 * F.sum("n").over(up_to) - F.col("n")
    ranked = prices.select(
        "category", "category_no", "unit_cents", middle.alias("_middle"), (total * 2).alias("_whole")
    )
    return ranked.select(
        "category",
        "category_no",
        "unit_cents",
        (F.col("_middle") / F.col("_whole")).alias("pctl"),
        # middle < whole always, so the band is 1 to 5
        (F.floor(F.col("_middle") * BANDS / F.col("_whole")) + 1).cast("int").alias("band"),
    )


def fit_price_bands(percentiles: DataFrame) -> DataFrame:
    """The dearest price in each band of each category: feature, subject (category), position (band), value (money)."""
    return (
        percentiles.groupBy("category", "band")
        .agg(F.max("unit_cents").alias("_cents"))
        .select(
            F.lit("price_band_limit").alias("feature"),
            F.col("category").alias("subject"),
            F.col("band").alias("position"),
            (F.col("_cents") / 100).alias("value"),
        )
    )


def price_band_features(lines: DataFrame, percentiles: DataFrame) -> DataFrame:
    """One row per customer of `numbered_lines` with a price in 365 days: features 39 to 42."""
    n_band = [F.col(f"_band_{b}") for b in range(1, BANDS + 1)]
    # whole numbers, so that the order of summing cannot show
    exact = F.floor(F.col("pctl") * PCTL_UNITS + 0.5).cast("bigint")
    limits = percentiles.select("category_no", "unit_cents", "band", exact.alias("_pctl"))
    priced = lines.where(F.col("unit_cents").isNotNull() & within(365)).select(
        "customer_no", "category_no", "unit_cents"
    )
    found = (
        F.broadcast(limits)
        .join(priced, ["category_no", "unit_cents"], how="inner")
        .groupBy("customer_no")
        .agg(
            F.count(F.lit(1)).alias("_lines"),
            *[F.count(F.when(F.col("band") == b, 1)).alias(f"_band_{b}") for b in range(1, BANDS + 1)],
            F.sum("_pctl").alias("_pctl"),
            F.max("_pctl").alias("_max"),
        )
    )
    most = F.greatest(*n_band)
    return found.select(
        "customer_no",
        *[ratio(c, F.col("_lines")).alias(f"price_band_share_{b}") for b, c in enumerate(n_band, 1)],
        F.coalesce(*[F.when(c == most, b) for b, c in enumerate(n_band, 1)]).cast("int").alias("price_band_mode"),
        ratio(F.col("_pctl"), F.col("_lines") * PCTL_UNITS).alias("price_pctl_mean"),
        rounded(F.col("_max") / PCTL_UNITS).alias("max_price_pctl"),
    )


def _col(name: str, window: int) -> Column:
    return F.col(f"_{name}_{window}")
