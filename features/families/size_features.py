"""The companion about sizes: one row per customer and type of garment of which she kept a size in 730 days (145).

Lines that came back as known before the cut are taken out: what was sent back did not fit, or was not wanted. A
return that is not known yet still counts as kept. The type is the product's, and its category where it has none.
"""

from __future__ import annotations

from functools import partial

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from features.browsed import with_customer_ids
from features.contract import Column
from features.definitions import FeatureDef
from features.facts import Facts
from features.families.garment_lines import garment_lines
from features.feature_contract import feature_contract
from features.windows import ratio

FAMILY = "M colour and size"
NEEDS: tuple[str, ...] = ()
SIZED = ("transactions", "products.size")
Def = partial(
    FeatureDef, family=FAMILY, sources=SIZED, window="last 730 days", leak_note="returns known before the cut"
)

DEFINITIONS: tuple[FeatureDef, ...] = (
    Def("size_mode", 145, kind="string", definition="size of most lines kept; of equals the one bought last"),
    Def("size_share", 145, kind="double", definition="lines kept in size_mode / lines kept in any size", low=0, high=1),
    Def("n_kept_lines_730", 145, kind="long", definition="lines kept in any size", default="0", low=1),
    Def("n_mode_lines_730", 145, kind="long", definition="lines kept in size_mode", default="0", low=1),
    Def("recency_days", 145, kind="int", definition="days from the last line kept in size_mode", default="0", low=1),
    Def(
        "days_since_first", 145, kind="int", definition="days from the first line kept in size_mode", default="0", low=1
    ),
)

CONTRACT = feature_contract(
    "customer_size_features",
    "Which size each customer keeps, per type of garment.",
    (Column("product_type", "string", "type of garment; the category of products without one"),),
    DEFINITIONS,
)


def rows(facts: Facts) -> DataFrame:
    """One row per customer and type of garment."""
    return with_customer_ids(facts, customer_sizes(facts))


def customer_sizes(facts: Facts) -> DataFrame:
    """`as_customer_sizes` of the snapshot, kept."""
    return facts.kept("customer_sizes", lambda: as_customer_sizes(garment_lines(facts)))


def as_customer_sizes(lines: DataFrame) -> DataFrame:
    """customer_no, product_type and the columns of DEFINITIONS, from `as_garment_lines`."""
    kept = lines.where(F.col("size").isNotNull() & F.col("product_type").isNotNull() & ~F.col("returned"))
    sizes = kept.groupBy("customer_no", "product_type", "size").agg(
        F.count(F.lit(1)).alias("_n"), F.min("days_ago").alias("_last"), F.max("days_ago").alias("_first")
    )
    garment = Window.partitionBy("customer_no", "product_type")
    ranked = sizes.withColumn("_rank", F.row_number().over(garment.orderBy(F.col("_n").desc(), "_last", "size")))
    mode = F.col("_rank") == 1
    return (
        ranked.groupBy("customer_no", "product_type")
        .agg(
            F.max(F.when(mode, F.col("size"))).alias("size_mode"),
            F.sum("_n").cast("bigint").alias("n_kept_lines_730"),
            F.max(F.when(mode, F.col("_n"))).cast("bigint").alias("n_mode_lines_730"),
            F.max(F.when(mode, F.col("_last"))).alias("recency_days"),
            F.max(F.when(mode, F.col("_first"))).alias("days_since_first"),
        )
        .withColumn("size_share", ratio(F.col("n_mode_lines_730"), F.col("n_kept_lines_730")))
    )
