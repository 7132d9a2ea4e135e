"""Numbers of single feature families; each is a section under `features:` in the settings.

They change values of features but no column, and are part of the spec hash.
"""

from __future__ import annotations

from dataclasses import dataclass


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
