"""Parameters of the population."""

from __future__ import annotations

from dataclasses import dataclass

_RANGES = {
    "orders_per_year": (0.5, 100.0),
    "rate_sigma": (0.0, 2.0),
    "lines_per_order": (1.0, 20.0),
    "basket_sigma": (0.0, 1.5),
    "taste_sigma": (0.0, 2.5),
    "favourites": (0, 12),
    "favourite_boost": (1.0, 50.0),
    "follower_share": (0.0, 0.9),
    "joined_before": (0.0, 1.0),
    "leave_rate": (0.0, 5.0),
    "wallet_share": (0.05, 0.95),
    "store_only_share": (0.0, 1.0),
    "migrating_share": (0.0, 1.0),
    "household_share": (0.0, 1.0),
    "social_share": (0.0, 1.0),
    "persuadable": (0.0, 1.0),
    "sure_thing": (0.0, 1.0),
    "sleeping_dog": (0.0, 1.0),
    "predictable_share": (0.0, 1.0),
    "persuasion": (0.0, 3.0),
    "open_sigma": (0.0, 2.0),
    "unsubscribe_rate": (0.0, 0.2),
    "fatigue_tolerance": (0.5, 100.0),
}


@dataclass(frozen=True)
class PeopleParams:
    """How persons differ. Shares are of all persons unless it says otherwise."""

    orders_per_year: float = 10.0  # mean paid orders a year in this shop of who is not a mere follower
    rate_sigma: float = 1.2  # spread of the log of shopping frequency
    lines_per_order: float = 2.2  # mean lines of an order
    basket_sigma: float = 0.35  # spread of the log of further lines
    taste_sigma: float = 1.15  # spread of the log of a person's demand per category
    favourites: int = 4  # categories lifted for each person
    favourite_boost: float = 9.0  # by what factor
    follower_share: float = 0.15  # persons who follow and never buy
    joined_before: float = 0.6  # persons who appeared before the first day
    leave_rate: float = 0.2  # leaves for good a year, mean of the hazard
    wallet_share: float = 0.45  # median share of her demand that this shop gets
    store_only_share: float = 0.2  # persons who never shop online
    migrating_share: float = 0.15  # persons who move from stores to online on some day of the world
    household_share: float = 0.35  # persons who live with another person of the world
    social_share: float = 0.4  # buyers who post on social networks
    persuadable: float = 0.25  # persons who buy because of a contact
    sure_thing: float = 0.3  # persons who buy anyway
    sleeping_dog: float = 0.1  # persons whom contacts put off; the rest are lost causes
    predictable_share: float = 0.6  # share of the variance behind these types that observable habits explain
    persuasion: float = 0.9  # median log factor of a persuadable person for an offer kind she likes
    open_sigma: float = 0.6  # spread of the log of a person's open rate around the channel's
    unsubscribe_rate: float = 0.004  # median chance per opened message when rested
    fatigue_tolerance: float = 6.0  # median sends in memory at which opening halves

    def __post_init__(self) -> None:
        """Check ranges, all at once."""
        faults = [
            f"{name} must be in [{low}, {high}], found {getattr(self, name)}"
            for name, (low, high) in _RANGES.items()
            if not low <= getattr(self, name) <= high
        ]
        if self.persuadable + self.sure_thing + self.sleeping_dog > 1:
            faults.append("persuadable, sure_thing and sleeping_dog must not exceed 1 together")
        if faults:
            raise ValueError("; ".join(faults))
