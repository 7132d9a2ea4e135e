"""What a response was worth and what it cost, measured on past redemptions, per offer kind."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.as_of import AsOf, known_before, with_local_time
from features.rounding import rounded
from scoring.decision_params import DecisionParams


def redeemed_lines(responses: DataFrame, transactions: DataFrame, offer_products: DataFrame, as_of: AsOf) -> DataFrame:
    """`customer_id, offer_id, order_id, line_no, product_id, coupon_amount`: order lines on which an offer was used.

    A redemption does not name its order, so it is matched to the customer's couponed lines of the same local day
    with a product of the coupon. Redemptions without such a line are left out.
    """
    used = (
        known_before(responses, as_of)
        .where(F.col("response_kind") == "redeem")
        .transform(with_local_time, as_of.time_zone)
        .select("customer_id", "local_day", "offer_id", "coupon_id")
        .distinct()
    )
    lines = (
        known_before(transactions, as_of)
        .where(F.col("coupon_amount") > 0)
        .transform(with_local_time, as_of.time_zone)
        .select("customer_id", "local_day", "order_id", "line_no", "product_id", "amount", "coupon_amount")
    )
    return (
        used.join(lines, on=["customer_id", "local_day"], how="inner")
        .join(offer_products, on=["offer_id", "coupon_id", "product_id"], how="left_semi")
        .select("customer_id", "offer_id", "order_id", "line_no", "product_id", "amount", "coupon_amount")
        .distinct()
    )


def response_values(
    lines: DataFrame,
    transactions: DataFrame,
    products: DataFrame,
    offers: DataFrame,
    as_of: AsOf,
    params: DecisionParams,
) -> DataFrame:
    """`offer_kind, responders, response_margin, response_incentive`: averages per customer who redeemed an offer.

    lines: what `redeemed_lines` gives. The margin is that of the whole orders in which she redeemed, or of the
    couponed lines alone (`response_value`), at the products' own margin rate where they have one. The row with a
    null kind averages over all kinds. Averages are sums of decimals over counts, so engines agree.
    """
    rates = products.groupBy("product_id").agg(F.max("margin_rate").alias("margin_rate"))
    rate = F.coalesce(F.col("margin_rate"), F.lit(params.margin_rate)).cast("decimal(9,6)")
    margin = (F.col("amount").cast("decimal(18,2)") * rate).cast("decimal(24,6)")
    if params.response_value == "order":
        orders = lines.select("order_id").distinct()
        sold = known_before(transactions, as_of).join(orders, on=["order_id"], how="left_semi")
        order_margin = (
            sold.join(rates, on=["product_id"], how="left").groupBy("order_id").agg(F.sum(margin).alias("margin"))
        )
        brought = (
            lines.select("customer_id", "offer_id", "order_id")
            .distinct()
            .join(order_margin, on=["order_id"], how="inner")
        )
    else:
        brought = lines.join(rates, on=["product_id"], how="left").withColumn("margin", margin)
    key = ["customer_id", "offer_id"]
    margins = brought.groupBy(*key).agg(F.sum("margin").alias("margin"))
    incentives = lines.groupBy(*key).agg(F.sum("coupon_amount").alias("incentive"))
    responders = margins.join(incentives, on=key, how="inner").join(
        offers.select("offer_id", "offer_kind"), on=["offer_id"], how="inner"
    )
    every = responders.agg(*_averages()).withColumn("offer_kind", F.lit(None).cast("string"))
    columns = ["offer_kind", "responders", "response_margin", "response_incentive"]
    return responders.groupBy("offer_kind").agg(*_averages()).select(columns).unionByName(every.select(columns))


def _averages() -> list[Column]:
    n = F.count(F.lit(1))
    mean = {name: F.sum(name).cast("decimal(28,6)").cast("double") / n for name in ("margin", "incentive")}
    return [n.alias("responders"), *[rounded(v).alias(f"response_{k}") for k, v in mean.items()]]
