"""Rules about prices, wishes, open matters, value and risk."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from features.rounding import rounded
from features.tag_sheet.tag_params import TagParams
from features.tag_sheet.tag_rule import TagRule


def _today() -> Column:
    return F.lit(1)


def price_rules(p: TagParams) -> tuple[TagRule, ...]:
    """What she pays."""

    def orders() -> Column:
        return F.col("n_orders_365")

    def enough() -> Column:
        return orders() >= p.taste_min_orders

    bands = tuple(
        TagRule(
            name,
            "price",
            "customer_features",
            f"at least {p.main_share:.0%} of lines in the {words} fifth of shelf prices of their category, in "
            f"{p.taste_min_orders} orders of a year; score the share",
            lambda band=band: (F.col(f"price_band_share_{band}") >= p.main_share) & enough(),  # type: ignore[misc]
            lambda band=band: F.col(f"price_band_share_{band}"),  # type: ignore[misc]
            orders,
            180,
            (f"price_band_share_{band}",),
        )
        for name, band, words in (("buys_cheapest", 1, "cheapest"), ("buys_dearest", 5, "dearest"))
    )
    return (
        *bands,
        TagRule(
            "deal_hunter",
            "price",
            "customer_features",
            f"at least {p.deal_share:.0%} of lines discounted, in {p.taste_min_orders} orders of a year; "
            "score the share",
            lambda: (F.col("discounted_line_share_365") >= p.deal_share) & enough(),
            lambda: F.col("discounted_line_share_365"),
            orders,
            180,
            ("discounted_line_share_365", "promo_day_share", "coupon_amt_share"),
        ),
        TagRule(
            "full_price_buyer",
            "price",
            "customer_features",
            f"at least {p.full_price_share:.0%} of lines at shelf price (of new-season lines, where known), "
            f"in {p.taste_min_orders} orders of a year; score the share",
            lambda: (F.col("full_price_share") >= p.full_price_share) & enough(),
            lambda: F.col("full_price_share"),
            orders,
            180,
            ("full_price_share",),
        ),
    )


def want_rules(p: TagParams) -> tuple[TagRule, ...]:
    """What she looked at and did not buy."""
    return (
        TagRule(
            "wants",
            "want",
            "customer_category_interest",
            f"views and carts of the category that no order answered, halved as they age, of at least "
            f"{p.want_min_score:g}; score x / (x + {p.want_min_score:g})",
            lambda: (F.col("wanted_not_bought") >= p.want_min_score) & (F.col("views_90") + F.col("carts_30") > 0),
            lambda: rounded(F.col("wanted_not_bought") / (F.col("wanted_not_bought") + p.want_min_score)),
            lambda: F.col("views_90") + F.col("carts_30"),
            30,
            ("wanted_not_bought", "views_30", "carts_30"),
            lambda: F.col("category"),
            lambda: F.col("days_since_first"),
            lambda: F.col("recency_days"),
            purpose="profiling",
            is_limited=True,
        ),
    )


def state_rules(p: TagParams) -> tuple[TagRule, ...]:
    """What is open at the cut."""
    return (
        TagRule(
            "open_cart",
            "state",
            "customer_features",
            "something in the cart; score 1 - hours / 720",
            lambda: F.col("open_cart_n") > 0,
            lambda: rounded(F.greatest(1 - F.col("open_cart_age_h") / 720, F.lit(0.0))),
            lambda: F.col("open_cart_n"),
            30,
            ("open_cart_n", "open_cart_value"),
            first=lambda: F.greatest(F.ceil(F.col("open_cart_age_h") / 24), F.lit(1)),
            last=lambda: F.greatest(F.ceil(F.col("open_cart_age_h") / 24), F.lit(1)),
        ),
        TagRule(
            "unpaid_order",
            "state",
            "customer_features",
            "an order placed and not paid; score 1 - hours / 720",
            lambda: F.col("unpaid_order_n") > 0,
            lambda: rounded(F.greatest(1 - F.col("hours_since_unpaid") / 720, F.lit(0.0))),
            lambda: F.col("unpaid_order_n"),
            30,
            ("unpaid_order_n", "unpaid_order_value"),
            first=lambda: F.greatest(F.ceil(F.col("hours_since_unpaid") / 24), F.lit(1)),
            last=lambda: F.greatest(F.ceil(F.col("hours_since_unpaid") / 24), F.lit(1)),
        ),
        TagRule(
            "points_to_burn",
            "state",
            "customer_features",
            f"points pay for a reward, and either less than {p.burn_rate:.0%} of points earned were spent or some end "
            "within 30 days; score 1 - burn rate",
            lambda: (
                F.col("can_redeem_lowest")
                & ((F.coalesce("burn_rate", F.lit(0.0)) < p.burn_rate) | (F.col("points_expiring_30") > 0))
            ),
            lambda: rounded(F.least(F.greatest(1 - F.coalesce("burn_rate", F.lit(0.0)), F.lit(0.0)), F.lit(1.0))),
            lambda: F.lit(1),
            30,
            ("points_balance", "points_expiring_30", "burn_rate"),
            first=_today,
            last=_today,
        ),
        TagRule(
            "first_contact_window",
            "state",
            "customer_features",
            "follows since at most features.acquisition.first_contact_hours and is no member yet; "
            "score 1 - hours / 24, at least 0",
            lambda: F.col("in_first_contact_window"),
            lambda: rounded(F.greatest(1 - F.col("hours_since_follow") / 24, F.lit(0.0))),
            lambda: F.lit(1),
            2,
            ("hours_since_follow",),
            first=_today,
            last=_today,
            purpose="profiling",
        ),
    )


def value_rules(p: TagParams) -> tuple[TagRule, ...]:
    """What she is worth, and what she costs."""
    return (
        TagRule(
            "vip_by_value",
            "value",
            "customer_features",
            "in the top share of the year's amounts (setting features.top_value_share); score the percentile",
            lambda: F.col("is_top20_value"),
            lambda: F.col("share_of_value_pct"),
            lambda: F.col("n_orders_365"),
            90,
            ("net_amt_365", "share_of_value_pct"),
        ),
        TagRule(
            "vip_by_influence",
            "value",
            "customer_features",
            f"influence_score of at least {p.influence_percentile:g}: reach, engagement, referrals; "
            "score the percentile",
            lambda: F.col("influence_score") >= p.influence_percentile,
            lambda: F.col("influence_score"),
            lambda: F.greatest(F.col("engagement_brand_n_90") + F.col("referral_n"), F.lit(1)),
            90,
            ("followers_log", "engagement_brand_n_90", "referral_n"),
            first=_today,
            last=_today,
            purpose="profiling",
        ),
        TagRule(
            "often_returns",
            "risk",
            "customer_features",
            f"at least {p.return_rate:.0%} of lines old enough came back, drawn to the population where there are few, "
            f"in {p.taste_min_orders} orders of a year; score the share",
            lambda: (F.col("return_rate") >= p.return_rate) & (F.col("n_orders_365") >= p.taste_min_orders),
            lambda: F.least(F.col("return_rate"), F.lit(1.0)),
            lambda: F.col("n_orders_365"),
            365,
            ("return_rate", "return_reason_mode"),
        ),
    )
