"""Family K, the part about reach, engagement, reviews and referrals.

Every source is optional: each feature comes from those that are delivered. Several accounts of one person: the
followers of the largest, verified when any is. One utterance can be in two logs (a post that says something of the
brand, and the mention that the network reports), which cannot be told apart, so 124 is the larger of the two counts.
Posts are read as far as consent goes (`tagged_posts`), mentions are the network's word and need none.

127 and 128: a customer counts for the one who referred her first; who refers herself, through another account, counts
for nobody. The orders of a referred customer count from the referral on.
"""

from __future__ import annotations

from functools import partial

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from features.as_of import known_before
from features.definitions import FeatureDef
from features.facts import Facts
from features.families.post_evidence import tagged_posts
from features.rounding import rounded
from features.tags.lexicon import OWN_BRAND
from features.windows import MONEY, count_within, ratio, within

FAMILY = "K social"
SEASON, YEAR = 90, 365  # days
ENGAGED = ("like", "comment", "share")
Def = partial(FeatureDef, family=FAMILY)

DEFINITIONS: tuple[FeatureDef, ...] = (
    Def(
        "sentiment_brand_90",
        120,
        kind="double",
        definition="mean mood of her posts about the brand; noisy, not to be used alone",
        sources=("post_tags",),
        window="last 90 days",
        low=-1,
        high=1,
        purpose="profiling",
    ),
    Def(
        "followers_log",
        121,
        kind="double",
        definition="log1p of followers, last known, of her largest account",
        sources=("social_stats.followers",),
        low=0,
        leak_note="reach as of the cut",
        purpose="profiling",
    ),
    Def(
        "verified",
        122,
        kind="bool",
        definition="whether a network verified any of her accounts, last known",
        sources=("social_stats.is_verified",),
        default="false",
        leak_note="reach as of the cut",
        purpose="profiling",
    ),
    Def(
        "engagement_brand_n_90",
        123,
        kind="int",
        definition="likes, comments and shares of the brand's posts",
        sources=("social_interactions",),
        window="last 90 days",
        default="0",
        low=0,
    ),
    Def(
        "ugc_n",
        124,
        kind="int",
        definition="own posts about the brand, or mentions of it, whichever are more",
        sources=("social_interactions", "post_tags"),
        window="last 365 days",
        default="0",
        low=0,
    ),
    Def(
        "review_n",
        125,
        kind="int",
        definition="reviews",
        sources=("reviews",),
        window="last 365 days",
        default="0",
        low=0,
    ),
    Def(
        "review_avg",
        126,
        kind="double",
        definition="mean rating of reviews that give one",
        sources=("reviews.rating",),
        window="last 365 days",
        low=1,
        high=5,
    ),
    Def(
        "referral_n",
        127,
        kind="int",
        definition="customers whom she was the first to refer",
        sources=("referrals",),
        window="last 365 days",
        default="0",
        low=0,
    ),
    Def(
        "referral_net_amt",
        128,
        kind="money",
        definition="net amount of orders in the window of all whom she was ever the first to refer, since then",
        sources=("referrals", "transactions"),
        window="last 365 days",
        default="0",
        low=0,
    ),
)

NEEDS: tuple[str, ...] = ()


def features(facts: Facts) -> list[DataFrame]:
    """Features 120 to 128, those whose sources are delivered."""
    found = [reach_features(facts)] if facts.has("social_stats") else []
    if facts.has("social_interactions"):
        found.append(engagement_features(facts))
    if facts.has("post_tags"):
        found.append(sentiment_features(facts))
    if facts.has("social_interactions") or facts.has("post_tags"):
        found.append(ugc_features(facts))
    if facts.has("reviews"):
        found.append(review_features(facts))
    if facts.has("referrals"):
        found.append(referral_features(facts))
    return found


def reach_features(facts: Facts) -> DataFrame:
    """One row per customer with a look at an account: 121 and 122.

    Each is the last that an account's rows state: a look that could not see the followers does not undo the one before.
    """
    looks = known_before(facts.tables["social_stats"], facts.as_of)
    followers, verified = (_last_stated(looks, name) for name in ("followers", "is_verified"))
    accounts = followers.join(verified, "account_id", how="full").join(facts.accounts, "account_id", how="inner")
    return accounts.groupBy("customer_id").agg(
        rounded(F.log1p(F.max("followers").cast("double"))).alias("followers_log"),
        (F.max(F.coalesce(F.col("is_verified"), F.lit(False)).cast("int")) == 1).alias("verified"),
    )


def _last_stated(looks: DataFrame, name: str) -> DataFrame:
    """account_id and the last value of column `name` that is stated."""
    last = Window.partitionBy("account_id").orderBy(F.col("event_ts").desc())
    stated = looks.where(F.col(name).isNotNull()).withColumn("_n", F.row_number().over(last))
    return stated.where(F.col("_n") == 1).select("account_id", name)


def engagement_features(facts: Facts) -> DataFrame:
    """One row per customer with a dealing with the brand's posts in 90 days: 123."""
    acts = facts.log("social_interactions", "interaction_kind", days=SEASON)
    engaged = acts.where(F.col("interaction_kind").isin(*ENGAGED))
    return engaged.groupBy("customer_id").agg(F.count(F.lit(1)).cast("int").alias("engagement_brand_n_90"))


def brand_posts(facts: Facts) -> DataFrame:
    """customer_id, post_id, days_ago, sentiment: posts of 365 days about the brand that may be read, one row each."""
    tags = tagged_posts(facts).where((F.col("tag_kind") == OWN_BRAND) & within(YEAR))
    # a post with several names of the brand has several tags, and one mood
    return tags.groupBy("customer_id", "post_id").agg(
        F.max("days_ago").alias("days_ago"), F.max("sentiment").alias("sentiment")
    )


def sentiment_features(facts: Facts) -> DataFrame:
    """One row per customer with a post about the brand in 90 days: 120."""
    posts = brand_posts(facts).where(within(SEASON) & F.col("sentiment").isNotNull())
    # in millionths, whose sum is the same in any order
    millionths = F.floor(F.col("sentiment") * 1000000 + 0.5).cast("bigint")
    return posts.groupBy("customer_id").agg(
        ratio(F.sum(millionths), F.count(F.lit(1)) * 1000000).alias("sentiment_brand_90")
    )


def ugc_features(facts: Facts) -> DataFrame:
    """One row per customer who wrote of the brand in 365 days: 124."""
    none = F.lit(0)
    parts = []
    if facts.has("post_tags"):
        parts.append(brand_posts(facts).select("customer_id", F.lit(1).alias("_post"), none.alias("_mention")))
    if facts.has("social_interactions"):
        acts = facts.log("social_interactions", "interaction_kind", days=YEAR)
        mentions = acts.where(F.col("interaction_kind") == "mention")
        parts.append(mentions.select("customer_id", none.alias("_post"), F.lit(1).alias("_mention")))
    told = parts[0] if len(parts) == 1 else parts[0].unionByName(parts[1])
    return told.groupBy("customer_id").agg(F.greatest(F.sum("_post"), F.sum("_mention")).cast("int").alias("ugc_n"))


def review_features(facts: Facts) -> DataFrame:
    """One row per customer with a review in 365 days: 125 and 126."""
    reviews = facts.log("reviews", "rating", days=YEAR)
    return reviews.groupBy("customer_id").agg(
        F.count(F.lit(1)).cast("int").alias("review_n"),
        ratio(F.sum("rating"), F.count("rating")).alias("review_avg"),
    )


def referral_features(facts: Facts) -> DataFrame:
    """One row per customer who brought another: 127 and 128."""
    referred = facts.accounts.select(
        F.col("account_id").alias("referred_account_id"), F.col("customer_id").alias("_referred")
    )
    told = facts.log("referrals", "referral_id", "referred_account_id").join(
        referred, "referred_account_id", how="inner"
    )
    first = Window.partitionBy("_referred").orderBy("event_ts", "referral_id")
    credited = (
        told.where(F.col("customer_id") != F.col("_referred"))
        .withColumn("_n", F.row_number().over(first))
        .where(F.col("_n") == 1)
        .select("customer_id", "_referred", F.col("event_ts").alias("_since"), "days_ago")
    )
    orders = facts.orders.where(within(YEAR)).select(F.col("customer_id").alias("_referred"), "order_ts", "net_amount")
    brought = (
        credited.join(orders, "_referred", how="inner")
        .where(F.col("order_ts") >= F.col("_since"))
        .groupBy("_referred")
        .agg(F.sum("net_amount").cast(MONEY).alias("_amount"))
    )
    nothing = F.lit(0).cast(MONEY)
    return (
        credited.join(brought, "_referred", how="left")
        .groupBy("customer_id")
        .agg(
            count_within(YEAR).alias("referral_n"),
            F.coalesce(F.sum("_amount"), nothing).cast(MONEY).alias("referral_net_amt"),
        )
    )
