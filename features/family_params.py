"""Numbers of single feature families; each is a section under `features:` in the settings.

They change values of features but no column, and are part of the spec hash.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class CouponParams:
    """What a coupon that did not yet run out says, and how close to its threshold is close."""

    open_days: int = 30  # a coupon without an end counts as unused when it was not used in so many days
    redeem_prior: float = 0.05  # ASSUMPTION: share of coupons used by a customer of whom nothing is known
    prior_weight: float = 10.0  # coupons that this assumption counts for
    threshold_margin: float = 0.1  # part above a coupon's threshold up to which a basket was filled up for it

    def __post_init__(self) -> None:
        """Refuses values for which a rate has no meaning."""
        faults = [f"{n} must be above 0" for n in ("open_days", "prior_weight") if getattr(self, n) <= 0]
        faults += [] if 0 < self.redeem_prior < 1 else ["redeem_prior must lie between 0 and 1"]
        faults += [] if self.threshold_margin >= 0 else ["threshold_margin must not be negative"]
        if faults:
            raise ValueError("; ".join(faults))


@dataclass(frozen=True)
class ReturnParams:
    """What counts as a return, and how much the population's rate counts for."""

    return_days: int = 30  # a line comes back within so many days, or it is kept; younger lines are not counted yet
    prior_weight: float = 10.0  # lines that the population's rate of return counts for
    fit_reasons: tuple[str, ...] = ("size", "fit")  # reasons of `order_status` that are about size or fit

    def __post_init__(self) -> None:
        """Refuses values for which a rate has no meaning."""
        faults = [f"{n} must be above 0" for n in ("return_days", "prior_weight") if getattr(self, n) <= 0]
        if faults:
            raise ValueError("; ".join(faults))


@dataclass(frozen=True)
class FashionParams:
    """Colours, sizes and seasons."""

    white_names: tuple[str, ...] = ("white", "off-white", "ivory", "白", "白色", "米白", "米白色", "象牙白", "乳白色")
    colour_prior_lines: float = 5.0  # lines that the population's shares count for in lifts of colours
    outfit_min_orders: int = 2  # orders with two colours together from which they are called a match
    outfit_max_colours: int = 8  # an order with more colours is stock for a shop, not an outfit
    new_season_days: int = 90  # days from a product's first day on sale in which its shelf price is the new season's

    def __post_init__(self) -> None:
        """Refuses values for which a feature has no meaning."""
        least = {"colour_prior_lines": 0, "outfit_min_orders": 1, "outfit_max_colours": 2, "new_season_days": 0}
        faults = [f"{name} must be at least {low}" for name, low in least.items() if getattr(self, name) < low]
        faults += [] if self.colour_prior_lines else ["colour_prior_lines must be above 0"]
        if faults:
            raise ValueError("; ".join(faults))


@dataclass(frozen=True)
class ContactHistoryParams:
    """Contacts and what came of them (family J). A rate counts only sends whose time for an answer is over.

    The priors bear the names and values of `channel_scores` and `response_priors`, whose assumptions they are.
    """

    answer_days: int = 7  # an open or a click answers a send within so many days of 24 hours
    convert_days: int = 28  # so does a redemption or a purchase
    fatigue_half_life_days: float = 7.0  # a send's weight in fatigue halves every so many days
    prior_weight: float = 25.0  # how many sends an assumption, or the rate of all, counts for
    open_prior: dict[str, float] = field(default_factory=dict)  # assumed P(opens | delivered) per channel
    open_prior_default: float = 0.02  # of a channel that has no entry
    click_prior: dict[str, float] = field(default_factory=dict)  # assumed P(clicks | delivered) per channel
    click_prior_default: float = 0.005  # of a channel that has no entry
    conv_prior: dict[str, float] = field(default_factory=dict)  # assumed P(redeems or buys | delivered) per channel
    conv_prior_default: float = 0.02  # of a channel, or a kind of offer, that has no entry
    best_hour_support: int = 5  # opens of a customer in a channel from which her best hour is told
    visit_days: int = 365  # as in the section reach
    parcel_days: int = 35  # as in the section reach

    def __post_init__(self) -> None:
        """Refuses values for which a rate or a weight has no meaning."""
        positive = ("answer_days", "convert_days", "fatigue_half_life_days", "prior_weight", "best_hour_support")
        faults = [f"{name} must be above 0" for name in positive if getattr(self, name) <= 0]
        for kind in ("open", "click", "conv"):
            per_channel = getattr(self, f"{kind}_prior")
            assumed = {f"{kind}_prior_default": getattr(self, f"{kind}_prior_default")} | {
                f"{kind}_prior.{channel}": value for channel, value in per_channel.items()
            }
            faults += [f"{name} must lie between 0 and 1" for name, value in assumed.items() if not 0 <= value <= 1]
        if faults:
            raise ValueError("; ".join(faults))


@dataclass(frozen=True)
class InfluenceParams:
    """What makes a customer influential (family K): weights of logarithms, so that no unit drowns the others."""

    followers_weight: float = 1.0  # of log1p of followers
    engagement_weight: float = 1.0  # of log1p of dealings with the brand in 90 days
    referral_weight: float = 1.0  # of log1p of the amount bought by those she brought

    def __post_init__(self) -> None:
        """Refuses weights that would make influence count against a customer."""
        weights = (self.followers_weight, self.engagement_weight, self.referral_weight)
        if min(weights) < 0 or max(weights) == 0:
            raise ValueError("weights of influence must be at least 0, and one above 0")


@dataclass(frozen=True)
class MembershipParams:
    """Points (family L)."""

    lowest_reward_points: int = 100  # points that the cheapest reward costs

    def __post_init__(self) -> None:
        """Refuses a reward that costs nothing."""
        if self.lowest_reward_points <= 0:
            raise ValueError("lowest_reward_points must be above 0")


@dataclass(frozen=True)
class AcquisitionParams:
    """The first contact, and what sources of customers are worth (family N)."""

    first_contact_hours: float = 24.0  # a follower who is no member is in the first contact for so many hours
    min_cohort: int = 30  # customers of a source below which its value is not told

    def __post_init__(self) -> None:
        """Refuses values for which there is no first contact, or no cohort."""
        if self.first_contact_hours <= 0 or self.min_cohort < 1:
            raise ValueError("first_contact_hours must be above 0 and min_cohort at least 1")
