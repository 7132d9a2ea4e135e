"""Thresholds of the tag sheet."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TagParams:
    """From where on a customer is called something. Changing one changes who has a tag, not what a feature is."""

    habit_min_events: int = 5  # active hours in a weekday and daypart
    min_lift: float = 1.5  # share over the population's share, for habits and colours
    taste_min_lift: float = 2.0  # the same for categories
    taste_min_orders: int = 3  # orders of a category, a brand or a price band
    colour_min_lines: int = 4  # lines of a colour
    size_min_lines: int = 3  # lines kept of a type of garment
    main_share: float = 0.5  # share from which something is the customer's main size, brand or price band
    deal_share: float = 0.5  # share of discounted lines of a deal hunter
    full_price_share: float = 0.9  # share of lines at shelf price of a full-price buyer
    want_min_score: float = 3.0  # decayed views and carts not bought; a view is 1, a cart 4
    influence_percentile: float = 0.9  # of influence_score
    return_rate: float = 0.3  # of a frequent returner
    wallet_loss: float = 0.5  # a category's last 90 days below this part of its usual pace, while interest goes on
    wallet_min_views: int = 5  # views of the category in 90 days that show the interest
    interest_min_score: float = 0.3  # decayed confidence from which posts make a tag
    burn_rate: float = 0.3  # points spent of points earned, below which there is a chance to make them burn
    targeting_precision: float = 0.8  # of a tag from posts, measured on labelled posts, from which it may target
    targeting_min_tagged: int = 5  # labelled posts with the tag that such a measurement needs
    top_tags: int = 5  # categories, colours, brands per customer at most

    def __post_init__(self) -> None:
        """Check ranges."""
        counts = (
            "habit_min_events", "taste_min_orders", "colour_min_lines", "size_min_lines", "wallet_min_views",
            "top_tags", "targeting_min_tagged",
        )  # fmt: skip
        shares = (
            "main_share", "deal_share", "full_price_share", "influence_percentile", "return_rate", "wallet_loss",
            "interest_min_score", "burn_rate", "targeting_precision",
        )  # fmt: skip
        faults = [f"{n} must be at least 1" for n in counts if getattr(self, n) < 1]
        faults += [f"{n} must lie between 0 and 1" for n in shares if not 0 <= getattr(self, n) <= 1]
        faults += [f"{n} must be at least 1" for n in ("min_lift", "taste_min_lift") if getattr(self, n) < 1]
        if faults:
            raise ValueError("; ".join(faults))
