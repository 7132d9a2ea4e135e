"""What a feature is on paper, and the numbers that features share.

Definitions stand beside the code of their family; `features/catalogue.py` gathers them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from features.family_params import (
    AcquisitionParams,
    BrowsingParams,
    CartParams,
    ContactHistoryParams,
    CouponParams,
    FashionParams,
    HolidayParams,
    InfluenceParams,
    InterestParams,
    LifecycleParams,
    LifetimeParams,
    MembershipParams,
    ReturnParams,
    SalesChannelParams,
    UnpaidOrderParams,
)

# Days before the cut. They are part of column names, so they belong to the contract and not to the settings.
WINDOWS = (7, 30, 90, 180, 365)
LIFE = None  # the window "everything known before the cut"

ORDERS = ("transactions",)
CATEGORIES = ("transactions", "products.category")


@dataclass(frozen=True)
class FeatureParams:
    """Numbers that change values of features but no column. They are part of the spec hash."""

    rhythm_gaps: int = 20  # the last so many gaps between order days describe a customer's rhythm
    top_value_share: float = 0.8  # percentile of 365-day amount from which a customer counts as top value
    discount_threshold: float = 0.1  # a line is discounted when it is cheaper than shelf price by more than this share
    short_half_life_days: float = 14.0  # half-life of the fast category affinity
    long_half_life_days: float = 60.0  # half-life of the slow category affinity
    buy_weight: float = (
        10.0  # weight of an order in category affinity (a view is 1, a cart 4, once there are such logs)
    )
    lift_prior_weight: float = 0.1  # weight of the population's category shares, in amounts of an average customer
    cell_min_events: int = 5  # support below which a weekday and daypart is not called a habit
    cell_min_lift: float = 1.5  # lift over the population below which it is not called a habit
    contact_history: ContactHistoryParams = field(default_factory=ContactHistoryParams)
    influence: InfluenceParams = field(default_factory=InfluenceParams)
    membership: MembershipParams = field(default_factory=MembershipParams)
    acquisition: AcquisitionParams = field(default_factory=AcquisitionParams)
    coupons: CouponParams = field(default_factory=CouponParams)
    returns: ReturnParams = field(default_factory=ReturnParams)
    fashion: FashionParams = field(default_factory=FashionParams)
    holidays: HolidayParams = field(default_factory=HolidayParams)
    sales_channels: SalesChannelParams = field(default_factory=SalesChannelParams)
    carts: CartParams = field(default_factory=CartParams)
    unpaid_orders: UnpaidOrderParams = field(default_factory=UnpaidOrderParams)
    browsing: BrowsingParams = field(default_factory=BrowsingParams)
    lifecycle: LifecycleParams = field(default_factory=LifecycleParams)
    lifetime: LifetimeParams = field(default_factory=LifetimeParams)
    interests: InterestParams = field(default_factory=InterestParams)

    def __post_init__(self) -> None:
        """Refuses values for which a feature has no meaning."""
        positive = ("rhythm_gaps", "short_half_life_days", "long_half_life_days", "buy_weight", "lift_prior_weight")
        faults = [f"{name} must be above 0" for name in positive if getattr(self, name) <= 0]
        shares = ("top_value_share", "discount_threshold")
        faults += [f"{name} must lie between 0 and 1" for name in shares if not 0 <= getattr(self, name) <= 1]
        if faults:
            raise ValueError("; ".join(faults))


@dataclass(frozen=True)
class FeatureDef:
    """One feature: a column of `customer_features`, or of its bucketed companion.

    `number` is the row of the catalogue, `family` its heading. `kind` is a kind of `features.contract`. `default`
    is the value where nothing happened: "0", "false" or "null". `low` and `high` bound its range, inclusive.
    `sources` are "table" or "table.column". `purpose` is the consent purpose that the value needs.
    """

    name: str
    number: int
    family: str
    kind: str
    definition: str
    sources: tuple[str, ...] = ORDERS
    window: str = "life"
    default: str = "null"
    low: float | None = None
    high: float | None = None
    leak_note: str = "facts before the cut only"
    purpose: str = "personalisation"

    @property
    def bounds(self) -> str:
        """The range in words.

        >>> FeatureDef("n", 1, "A", "int", "orders", low=0).bounds
        'from 0'
        """
        low = "" if self.low is None else f"from {self.low:g}"
        return low if self.high is None else f"{low} to {self.high:g}".strip()


def label(window: int | None) -> str:
    """The suffix of a window in column names.

    >>> label(90), label(LIFE)
    ('90', 'l')
    """
    return "l" if window is None else str(window)


def words(window: int | None) -> str:
    """The window in words.

    >>> words(90)
    'last 90 days'
    """
    return "life" if window is None else f"last {window} days"


def per_window(
    stem: str,
    number: int,
    family: str,
    kind: str,
    definition: str,
    windows: Iterable[int | None] = WINDOWS,
    *,
    sources: tuple[str, ...] = ORDERS,
    default: str = "null",
    low: float | None = None,
    high: float | None = None,
    leak_note: str = FeatureDef.leak_note,
) -> tuple[FeatureDef, ...]:
    """One definition per window, called `<stem>_<window>`."""
    return tuple(
        FeatureDef(
            f"{stem}_{label(w)}", number, family, kind, definition, sources, words(w), default, low, high, leak_note
        )
        for w in windows
    )
