"""Family D, the part about coupons: given, used, and how close to their threshold.

Coupons go by their number. What does not add up:

- Used after its expiry: the shop let it pass, but a coupon's outcome is settled when it ends, so 48 counts it as
  not used (else the rate of old coupons would drift up); 50 looks at the basket and counts it.
- Used but never issued, or issued only after the cut: there is no coupon to divide by and no threshold, so neither
  48 nor 50 counts it.
- Used by another customer than it was given to: she did not use it, and 48 says so; for 50 the basket is the user's.
"""

from __future__ import annotations

from decimal import Decimal

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.as_of import known_before
from features.definitions import FeatureDef
from features.facts import Facts
from features.windows import ratio

FAMILY = "D price and discounts"
NEEDS: tuple[str, ...] = ("coupons_issued", "coupons_redeemed")
YEAR = "last 365 days"
MATURED = "only coupons whose validity, or open_days without one, ended before the cut"

DEFINITIONS: tuple[FeatureDef, ...] = (
    FeatureDef(
        "n_coupons_matured_365",
        48,
        FAMILY,
        "int",
        "coupons given that ended before the cut",
        ("coupons_issued",),
        YEAR,
        "0",
        low=0,
        leak_note=MATURED,
    ),
    FeatureDef(
        "coupon_redeem_rate",
        48,
        FAMILY,
        "double",
        "(used in time + redeem_prior x prior_weight) / (coupons that ended + prior_weight)",
        NEEDS,
        YEAR,
        low=0,
        high=1,
        leak_note=MATURED,
    ),
    FeatureDef(
        "min_basket_for_coupon_hit",
        50,
        FAMILY,
        "double",
        "share of coupons used whose order reached the threshold by at most threshold_margin of it",
        ("transactions", "coupons_issued.min_amount", "coupons_redeemed.order_id"),
        YEAR,
        low=0,
        high=1,
    ),
)


def features(facts: Facts) -> list[DataFrame]:
    """Features 48 and 50."""
    return [redeem_rate_features(facts), threshold_features(facts)]


def redeem_rate_features(facts: Facts) -> DataFrame:
    """One row per customer with a coupon of 365 days that ended before the cut: feature 48."""
    p = facts.params.coupons
    issued = facts.log("coupons_issued", "coupon_id", "expires_ts", days=365)
    ended = F.when(F.col("expires_ts").isNull(), F.col("days_ago") > p.open_days).otherwise(
        F.col("expires_ts") < F.lit(facts.as_of.ts)
    )
    used = facts.log("coupons_redeemed", "coupon_id").select(
        "customer_id", "coupon_id", F.col("event_ts").alias("_used_ts"), F.col("days_ago").alias("_used_ago")
    )
    in_time = F.when(F.col("expires_ts").isNull(), F.col("days_ago") - F.col("_used_ago") <= p.open_days).otherwise(
        F.col("_used_ts") <= F.col("expires_ts")
    )
    n, n_used = F.col("n_coupons_matured_365"), F.col("_used")
    return (
        issued.where(ended)
        .join(used, ["customer_id", "coupon_id"], how="left")
        .groupBy("customer_id")
        .agg(F.count(F.lit(1)).cast("int").alias("n_coupons_matured_365"), F.count(F.when(in_time, 1)).alias("_used"))
        .select(
            "customer_id",
            n,
            ratio(n_used + p.redeem_prior * p.prior_weight, n + F.lit(p.prior_weight)).alias("coupon_redeem_rate"),
        )
    )


def threshold_features(facts: Facts) -> DataFrame:
    """One row per customer who used a coupon with a threshold in a known order of 365 days: feature 50."""
    used = facts.log("coupons_redeemed", "coupon_id", "order_id", days=365)
    thresholds = (
        known_before(facts.tables["coupons_issued"], facts.as_of)
        .where(F.col("min_amount") > 0)
        .select("coupon_id", "min_amount")
    )
    baskets = facts.orders.select("customer_id", "order_id", "amount")
    found = (
        used.where(F.col("order_id").isNotNull())
        .join(thresholds, "coupon_id", how="inner")
        .join(baskets, ["customer_id", "order_id"], how="inner")
        .groupBy("customer_id")
        .agg(
            F.count(F.lit(1)).alias("_n"),
            F.count(F.when(_close(facts.params.coupons.threshold_margin), 1)).alias("_hit"),
        )
    )
    return found.select("customer_id", ratio(F.col("_hit"), F.col("_n")).alias("min_basket_for_coupon_hit"))


def _close(margin: float) -> Column:
    """Whether `amount` lies between `min_amount` and so much above it, both included; exact in decimals."""
    limit = F.col("min_amount") * F.lit(Decimal(str(1 + margin)).quantize(Decimal("0.0001")))
    return (F.col("amount") >= F.col("min_amount")) & (F.col("amount") <= limit)
