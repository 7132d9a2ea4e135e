"""Rules about habits and tastes: when a customer shops, and what."""

from __future__ import annotations

from pyspark.sql import functions as F

from features.rounding import rounded
from features.tag_sheet.tag_params import TagParams
from features.tag_sheet.tag_rule import YEAR, TagRule, of_lift


def habit_rules(p: TagParams) -> tuple[TagRule, ...]:
    """When and where she shops."""
    return (
        TagRule(
            "shops",
            "habit",
            "customer_daypart_features",
            f"at least {p.habit_min_events} active hours in the weekday and daypart in 180 days, and a share of "
            f"hours of at least {p.min_lift:g} times the population's; score 1 - 1 / lift",
            lambda: (F.col("n_events") >= p.habit_min_events) & (F.col("lift") >= p.min_lift),
            lambda: of_lift("lift"),
            lambda: F.col("n_events"),
            90,
            ("n_events", "lift"),
            lambda: F.concat_ws("_", "weekday", "daypart"),
            lambda: F.col("days_since_first"),
            lambda: F.col("recency_days"),
            is_limited=True,
        ),
        TagRule(
            "weekend_shopper",
            "habit",
            "customer_features",
            f"share of active hours on Saturday and Sunday at least {p.min_lift:g} times 2 / 7, with "
            f"{p.habit_min_events} orders a year; score share of the weekend",
            lambda: (F.col("weekend_ratio") >= p.min_lift) & (F.col("n_orders_365") >= p.habit_min_events),
            lambda: rounded(F.least(F.col("weekend_ratio") * 2 / 7, F.lit(1.0))),
            lambda: F.col("n_orders_365"),
            90,
            ("weekend_ratio",),
        ),
        TagRule(
            "moved_online",
            "habit",
            "customer_features",
            "first bought offline, and mostly online in the last 180 days; score share of online orders in a year",
            lambda: F.col("migrated_off_to_on") & (F.col("offline_order_share") < 1),
            lambda: rounded(1 - F.col("offline_order_share")),
            lambda: F.col("n_orders_365"),
            180,
            ("first_channel", "last_channel", "offline_order_share"),
        ),
        TagRule(
            "researches_online",
            "habit",
            "customer_features",
            f"at least {p.main_share:.0%} of offline purchases were looked at online in the two weeks before; "
            "score the share",
            lambda: (F.col("roto_rate") >= p.main_share) & (F.col("n_orders_365") >= p.taste_min_orders),
            lambda: F.col("roto_rate"),
            lambda: F.col("n_orders_365"),
            180,
            ("roto_rate",),
        ),
    )


def taste_rules(p: TagParams) -> tuple[TagRule, ...]:
    """What she buys."""
    return (
        TagRule(
            "buys",
            "taste",
            "customer_category_features",
            f"share of the year's amount in the category at least {p.taste_min_lift:g} times the population's, in "
            f"{p.taste_min_orders} orders; score 1 - 1 / lift",
            lambda: (F.col("lift_365") >= p.taste_min_lift) & (F.col("n_orders_365") >= p.taste_min_orders),
            lambda: of_lift("lift_365"),
            lambda: F.col("n_orders_365"),
            180,
            ("share_365", "lift_365"),
            lambda: F.col("category"),
            lambda: F.least(F.col("days_since_first"), F.lit(YEAR)),
            is_limited=True,
        ),
        TagRule(
            "wears",
            "taste",
            "customer_colour_features",
            f"at least {p.colour_min_lines} lines of the colour in a year, and a share of {p.min_lift:g} times or more "
            "the population's; score 1 - 1 / lift",
            lambda: (F.col("n_lines_365") >= p.colour_min_lines) & (F.col("lift_365") >= p.min_lift),
            lambda: of_lift("lift_365"),
            lambda: F.col("n_lines_365"),
            365,
            ("share_365", "lift_365"),
            lambda: F.col("colour"),
            lambda: F.col("days_since_first"),
            lambda: F.col("recency_days"),
            is_limited=True,
        ),
        TagRule(
            "size",
            "taste",
            "customer_size_features",
            f"at least {p.main_share:.0%} of at least {p.size_min_lines} lines kept of the type of garment in two "
            "years; score the share",
            lambda: (F.col("n_kept_lines_730") >= p.size_min_lines) & (F.col("size_share") >= p.main_share),
            lambda: F.col("size_share"),
            lambda: F.col("n_kept_lines_730"),
            730,
            ("size_share", "n_mode_lines_730"),
            lambda: F.concat_ws("=", "product_type", "size_mode"),
            lambda: F.col("days_since_first"),
            lambda: F.col("recency_days"),
        ),
        TagRule(
            "brand",
            "taste",
            "customer_brand_features",
            f"at least {p.main_share:.0%} of the year's amount of known brands, in {p.taste_min_orders} orders; "
            "score the share",
            lambda: (F.col("share_365") >= p.main_share) & (F.col("n_orders_365") >= p.taste_min_orders),
            lambda: F.col("share_365"),
            lambda: F.col("n_orders_365"),
            180,
            ("share_365",),
            lambda: F.col("brand"),
            lambda: F.least(F.col("days_since_first"), F.lit(YEAR)),
        ),
        TagRule(
            "early_adopter",
            "taste",
            "customer_features",
            "buys products of a season within 14 days of their launch on average; score 1 - days / 30",
            lambda: (F.col("season_lead_days") <= 14) & (F.col("n_orders_365") >= p.taste_min_orders),
            lambda: rounded(F.least(F.greatest(1 - F.col("season_lead_days") / 30, F.lit(0.0)), F.lit(1.0))),
            lambda: F.col("n_orders_365"),
            365,
            ("season_lead_days",),
        ),
    )
