"""Parameters of what the shop records beside trips and contacts: orders, looking around, loyalty, service.

They stand apart from the code that uses them because a world carries them and that code reads worlds.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class OrderParams:
    """What becomes of orders, and when it is known."""

    refund_rate: float = 0.035  # share of paid online lines that come back
    refund_rate_sized: float = 0.11  # the same where there are sizes
    refund_rate_store: float = 0.012  # of lines bought in a store
    late_refund_share: float = 0.15  # share of refunds that come weeks later instead of days
    fail_rate: float = 0.03  # share of online payments that fail once before they pass
    unpaid_failed_share: float = 0.25  # share of unpaid orders with a failed payment

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value <= 1:
                raise ValueError(f"{name} must lie within 0 and 1; found {value}")


@dataclass(frozen=True)
class BrowseParams:
    """How much people look. Counts are for who lives half online and has middling curiosity."""

    idle_sessions: float = 10.0  # a year, about nothing that is bought that day
    event_sessions: float = 5.0  # about one life event
    curiosity_sigma: float = 0.8  # spread of the log of idle looking
    stray_share: float = 0.2  # share of idle sessions about what everybody looks at
    trip_views: float = 4.0  # mean views of an online trip beside those of its lines
    idle_views: float = 4.0  # mean views of any other session
    earlier_share: float = 0.2  # share of trips, stores included, looked up earlier that day
    revisit_share: float = 0.35  # share of trips without a purchase that are looked at again within days
    run_out_share: float = 0.2  # share of consumables looked at when they run out
    category_view_share: float = 0.1  # views of a category's page instead of a product
    search_share: float = 0.3  # sessions with a search
    favourite_share: float = 0.03  # product views that end among the favourites

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            high = 1.0 if name.endswith("_share") else 1000.0
            if not 0 <= value <= high:
                raise ValueError(f"{name} must lie within 0 and {high:g}; found {value}")


@dataclass(frozen=True)
class LoyaltyParams:
    """The loyalty programme."""

    tier_amounts: tuple[float, float, float] = (1000.0, 3000.0, 8000.0)  # yearly spend of silver, gold, platinum
    burn_steps: tuple[int, int, int] = (500, 1000, 2000)  # points that people like to spend at once
    burner_share: float = 0.45  # share of members who ever spend points
    opening_expiry: float = 0.3  # share of opening balances that end in the simulated days

    def __post_init__(self) -> None:
        for name in ("burner_share", "opening_expiry"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie within 0 and 1; found {getattr(self, name)}")
        if min(self.burn_steps) < 1 or list(self.tier_amounts) != sorted(self.tier_amounts):
            raise ValueError("burn_steps must be at least 1 and tier_amounts must rise")


@dataclass(frozen=True)
class ServiceParams:
    """Customer service and reviews."""

    question_rate: float = 0.01  # questions to service per online order
    late_case_rate: float = 0.35  # share of late parcels about which somebody calls
    return_case_rate: float = 0.5  # share of refunds with a case
    review_rate: float = 0.05  # reviews per paid line

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value <= 1:
                raise ValueError(f"{name} must lie within 0 and 1; found {value}")
