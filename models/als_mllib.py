"""Item factors by MLlib's ALS, for purchases that one machine cannot hold. Classic Spark only.

The same objective as `models/als.py` (Hu, Koren, Volinsky 2008) but for the regularization, which MLlib multiplies by
the number of a row's purchases (Zhou et al. 2008), so that a value tuned for one is wrong for the other; and without
bias columns.
"""

from __future__ import annotations

from datetime import date

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.errors import ModelError
from models.als import AlsModel, as_histories
from models.recommender_params import AlsParams

CUSTOMERS = 2**31 - 1  # MLlib numbers rows by int; two customers of millions may share a number, which does no harm


def collect_mllib_factors(purchase_days: DataFrame, day: date, params: AlsParams, blocks: int = 10) -> AlsModel:
    """Factors of the products bought before `day`, learned by the engine; only item factors come to this process.

    `purchase_days` as in `models.als.as_histories`, with its weights; `blocks` of customers and of items. Raises
    `ModelError` with nothing before the day.
    """
    from pyspark.ml.recommendation import ALS  # needs a Java session

    lists = as_histories(purchase_days, day, params)
    pairs = lists.select("customer_id", F.explode(F.arrays_zip("product_ids", "weights")).alias("pair")).select(
        F.pmod(F.xxhash64("customer_id"), F.lit(CUSTOMERS)).cast("int").alias("customer"),
        F.col("pair.product_ids").alias("product_id"),
        F.col("pair.weights").cast("float").alias("weight"),
    )
    ids = sorted(r["product_id"] for r in pairs.select("product_id").distinct().collect())
    if not ids:
        raise ModelError("no purchases before the cut")
    numbers = purchase_days.sparkSession.createDataFrame(list(enumerate(ids)), "product int, product_id string")
    ratings = pairs.join(F.broadcast(numbers), on="product_id", how="inner").select("customer", "product", "weight")
    als = ALS(
        rank=params.factors,
        maxIter=params.iterations,
        regParam=params.mllib_regularization,
        alpha=params.alpha,
        implicitPrefs=True,
        seed=params.seed,
        numUserBlocks=blocks,
        numItemBlocks=blocks,
        userCol="customer",
        itemCol="product",
        ratingCol="weight",
    )
    rows = als.fit(ratings).itemFactors.collect()
    factors = np.zeros((len(ids), params.factors), dtype=np.float32)
    for row in rows:
        factors[row["id"]] = row["features"]
    if not np.isfinite(factors).all():
        raise ModelError("the factors are not finite; raise als.mllib_regularization or lower als.alpha")
    return AlsModel(params, np.array(ids, dtype=object), factors)
