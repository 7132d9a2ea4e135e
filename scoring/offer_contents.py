"""What a decision shows: the offer's products that suit this customer best, best first."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.as_of import AsOf, known_before


def product_popularity(transactions: DataFrame, as_of: AsOf, days: int) -> DataFrame:
    """`product_id, buyers`: customers who bought the product in the last `days` days before the cut."""
    return (
        known_before(transactions, as_of)
        .where((F.col("event_ts") >= F.lit(as_of.plus(-days).ts)) & (F.col("quantity") > 0))
        .select("customer_id", "product_id")
        .distinct()
        .groupBy("product_id")
        .agg(F.count(F.lit(1)).alias("buyers"))
    )


def join_products(
    sends: DataFrame, next_best_products: DataFrame, offer_products: DataFrame, popularity: DataFrame, n: int
) -> DataFrame:
    """Adds `product_ids` (at most n, best first, may be empty) and `is_personal` (her own list gave one of them).

    First those of the offer's products that are in her next-best products, by their rank; then the offer's products
    that most customers bought lately. Ties go by product id.
    """
    of_offer = offer_products.select("offer_id", "product_id").distinct()
    hers = (
        sends.select("customer_id", "offer_id")
        .distinct()
        .join(next_best_products.select("customer_id", "product_id", "rank"), on=["customer_id"], how="inner")
        .join(of_offer, on=["offer_id", "product_id"], how="left_semi")
        .groupBy("customer_id", "offer_id")
        .agg(_in_order("rank").alias("hers"))
    )
    by_buyers = Window.partitionBy("offer_id").orderBy(F.desc("buyers"), "product_id")
    popular = (
        of_offer.join(sends.select("offer_id").distinct(), on=["offer_id"], how="left_semi")
        .join(popularity, on=["product_id"], how="left")
        .withColumn("buyers", F.coalesce(F.col("buyers"), F.lit(0)))
        .withColumn("place", F.row_number().over(by_buyers))
        .where(F.col("place") <= n)
        .groupBy("offer_id")
        .agg(_in_order("place").alias("popular"))
    )
    none = F.array().cast("array<string>")
    listed = F.array_distinct(F.concat(F.coalesce(F.col("hers"), none), F.coalesce(F.col("popular"), none)))
    return (
        sends.join(hers, on=["customer_id", "offer_id"], how="left")
        .join(popular, on=["offer_id"], how="left")
        .withColumns({"product_ids": F.slice(listed, 1, n), "is_personal": F.col("hers").isNotNull()})
        .drop("hers", "popular")
    )


def _in_order(rank: str) -> Column:
    return F.transform(F.sort_array(F.collect_list(F.struct(rank, "product_id"))), lambda row: row["product_id"])
