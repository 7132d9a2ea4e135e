"""Family C: how wide, and how loyal to categories and brands, a customer buys.

26, 30 and 31 are per category, see `features/families/category_features.py`; 37 and 38 are per style, see
`features/families/style_bands.py`. Lines whose category or brand is unknown are left out of the features about it.
"""

from __future__ import annotations

from functools import partial

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.as_of import AsOf
from features.definitions import CATEGORIES, WINDOWS, FeatureDef, per_window
from features.facts import Facts
from features.families.category_features import numbered_categories
from features.rounding import rounded
from features.windows import MONEY, neighbours, packed, ratio, unpacked, within

FAMILY = "C categories and brands"
YEAR = "last 365 days"
BRANDS = ("transactions", "products.brand")
TOP = 3
NAME_BITS = 20  # categories or brands up to a million share a number with an amount
ByCategory = partial(FeatureDef, family=FAMILY, sources=CATEGORIES, window=YEAR)
ByBrand = partial(FeatureDef, family=FAMILY, sources=BRANDS, window=YEAR)

DEFINITIONS = (
    *per_window(
        "cat_entropy",
        27,
        FAMILY,
        "double",
        "- sum p ln p over shares of amount by category",
        (90, 365),
        sources=CATEGORIES,
        low=0,
    ),
    *per_window("n_cats", 28, FAMILY, "int", "distinct categories", WINDOWS, sources=CATEGORIES, default="0", low=0),
    *[
        ByCategory(f"top_cat_{i}", 29, kind="string", definition=f"category number {i} by amount")
        for i in range(1, TOP + 1)
    ],
    *[
        ByCategory(f"top_cat_{i}_share", 29, kind="double", definition=f"share of amount of top_cat_{i}", low=0, high=1)
        for i in range(1, TOP + 1)
    ],
    ByCategory(
        "new_cat_rate_365",
        32,
        kind="double",
        definition="share of lines in a category's first order",
        low=0,
        high=1,
    ),
    ByBrand("top_brand", 33, kind="string", definition="brand with the largest amount"),
    ByBrand("brand_share_top1", 33, kind="double", definition="share of amount of top_brand", low=0, high=1),
    ByBrand("brand_hhi", 34, kind="double", definition="sum of squared shares of amount by brand", low=0, high=1),
    ByBrand(
        "brand_switch_rate",
        35,
        kind="double",
        definition="share of lines of another brand than the line before in the category; one moment by brand",
        sources=("transactions", "products.brand", "products.category"),
        low=0,
        high=1,
    ),
    FeatureDef(
        "own_brand_share",
        36,
        FAMILY,
        "double",
        "amount of own-label lines / amount of lines whose label is known",
        ("transactions", "products.own_brand"),
        YEAR,
        low=0,
        high=1,
    ),
)


NEEDS: tuple[str, ...] = ()


def features(facts: Facts) -> list[DataFrame]:
    """Features 27 to 29 and 32 to 36."""
    return [
        category_width_features(numbered_categories(facts), facts.category_names),
        brand_features(facts.numbered_lines, facts.brand_names),
        brand_switch_features(facts.numbered_lines, facts.as_of),
        own_brand_features(facts.orders),
    ]


def category_width_features(categories: DataFrame, names: DataFrame) -> DataFrame:
    """One row per customer of `as_customer_categories`: features 27, 28, 29 and 32."""
    cents = (F.col("amt_365") * 100).cast("bigint")
    # larger amounts first, the smaller name of equals
    ranked = packed((cents, 63 - NAME_BITS), (F.lit(2**NAME_BITS - 1) - F.col("category_no"), NAME_BITS))
    found = categories.groupBy("customer_no").agg(
        *[x for w in (90, 365) for x in _entropy_sums(w)],
        *[F.count(F.when(F.col("recency_days") <= w, 1)).cast("int").alias(f"n_cats_{w}") for w in WINDOWS],
        F.sort_array(F.collect_list(F.when(cents > 0, ranked)), asc=False).alias("_ranked"),
        F.sum("new_lines_365").alias("_new"),
        F.sum("n_lines_365").alias("_lines"),
    )
    for i in range(1, TOP + 1):
        found = found.withColumn(f"_top_{i}", F.get("_ranked", F.lit(i - 1)))
        found = _with_name(found, f"_top_{i}", names.toDF("_no", f"top_cat_{i}"))
    return found.select(
        "customer_no",
        *[f"n_cats_{w}" for w in WINDOWS],
        *[f"top_cat_{i}" for i in range(1, TOP + 1)],
        *[_entropy(w) for w in (90, 365)],
        *[
            ratio(unpacked(F.col(f"_top_{i}"), 63 - NAME_BITS, NAME_BITS) / 100, F.col("_total_365")).alias(
                f"top_cat_{i}_share"
            )
            for i in range(1, TOP + 1)
        ],
        ratio(F.col("_new"), F.col("_lines")).alias("new_cat_rate_365"),
    )


def brand_features(lines: DataFrame, names: DataFrame) -> DataFrame:
    """One row per customer with a line of a known brand in 365 days: features 33 and 34."""
    branded = lines.where(F.col("brand_no").isNotNull() & within(365))
    amounts = branded.groupBy("customer_no", "brand_no").agg(F.sum("amount").cast(MONEY).alias("_amount"))
    amount, cents = F.col("_amount").cast("double"), (F.col("_amount") * 100).cast("bigint")
    ranked = packed((cents, 63 - NAME_BITS), (F.lit(2**NAME_BITS - 1) - F.col("brand_no"), NAME_BITS))
    found = amounts.groupBy("customer_no").agg(
        F.sum("_amount").alias("_total"),
        F.max("_amount").alias("_top"),
        F.max(F.when(cents > 0, ranked)).alias("_ranked"),
        F.sum(amount * amount).alias("_squares"),
    )
    total = F.col("_total").cast("double")
    return _with_name(found, "_ranked", names.toDF("_no", "top_brand")).select(
        "customer_no",
        "top_brand",
        ratio(F.col("_top"), F.col("_total")).alias("brand_share_top1"),
        F.when(total > 0, F.least(rounded(F.col("_squares") / (total * total)), F.lit(1.0))).alias("brand_hhi"),
    )


def _with_name(df: DataFrame, ranked: str, names: DataFrame) -> DataFrame:
    """Adds the name whose number is in the last bits of a packed rank; `names` is (_no, name)."""
    numbered = df.withColumn("_no", F.lit(2**NAME_BITS - 1) - unpacked(F.col(ranked), NAME_BITS))
    return F.broadcast(names).join(numbered, "_no", how="right").drop("_no")


def brand_switch_features(lines: DataFrame, as_of: AsOf) -> DataFrame:
    """One row per customer: feature 35, over lines of known brand and category in 365 days.

    Lines follow one another in time, and lines of one moment in the order of their brands, so that no tie can flip.
    """
    known = lines.where(F.col("brand_no").isNotNull() & F.col("category_no").isNotNull() & within(365))
    start = F.lit(int(as_of.plus(-366).ts.timestamp()) * 1_000_000)
    # a year of microseconds takes 45 bits
    moment = packed((F.unix_micros("event_ts") - start, 45), (F.col("brand_no"), 63 - 45))
    brands = known.groupBy("customer_no", "category_no").agg(F.sort_array(F.collect_list(moment)).alias("_lines"))
    switched = F.filter(
        neighbours(F.col("_lines")), lambda pair: unpacked(pair["0"], 63 - 45) != unpacked(pair["1"], 63 - 45)
    )
    found = (
        brands.select("customer_no", (F.size("_lines") - 1).alias("_pairs"), F.size(switched).alias("_switches"))
        .groupBy("customer_no")
        .agg(F.sum("_pairs").alias("_pairs"), F.sum("_switches").alias("_switches"))
    )
    return found.select("customer_no", ratio(F.col("_switches"), F.col("_pairs")).alias("brand_switch_rate"))


def own_brand_features(orders: DataFrame) -> DataFrame:
    """One row per customer of `orders`: feature 36."""
    found = (
        orders.where(within(365))
        .groupBy("customer_no")
        .agg(F.sum("own_amount").alias("_own"), F.sum("branded_amount").alias("_known"))
    )
    own = F.coalesce(F.col("_own"), F.lit(0))
    return found.select("customer_no", ratio(own, F.col("_known")).alias("own_brand_share"))


def _entropy_sums(window: int) -> list[Column]:
    amount = F.col(f"amt_{window}").cast("double")
    return [
        F.sum(f"amt_{window}").cast("double").alias(f"_total_{window}"),
        F.sum(F.when(amount > 0, amount * F.ln(amount))).alias(f"_log_{window}"),
    ]


def _entropy(window: int) -> Column:
    """ln S - (sum a ln a) / S, which is - sum p ln p for p = a / S without a pass for the shares."""
    total = F.col(f"_total_{window}")
    value = F.ln(total) - F.col(f"_log_{window}") / total
    # a lone category leaves rounding dust, which must not become a negative zero
    return F.when(total > 0, F.when(value > 1e-9, rounded(value)).otherwise(0.0)).alias(f"cat_entropy_{window}")
