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
        faults += [] if self.fit_reasons else ["fit_reasons must name a reason"]
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


@dataclass(frozen=True)
class FestivalParams:
    """A festival: what the calendar calls it, and which days around its date are bought for it."""

    events: tuple[str, ...]  # names of `calendar.event` that are this festival
    days_before: int = 7  # days before its date that belong to it
    days_after: int = 0  # days after its date that do

    def __post_init__(self) -> None:
        """Refuses windows that are no days, or that swallow a year."""
        if not (0 <= self.days_before <= 90 and 0 <= self.days_after <= 90):
            raise ValueError("days_before and days_after must lie between 0 and 90")


@dataclass(frozen=True)
class HolidayParams:
    """Festivals with a lift, and how much the population's lift counts for."""

    spring_festival: FestivalParams = FestivalParams(("spring_festival", "chinese_new_year", "春节"), 21)
    national_day: FestivalParams = FestivalParams(("national_day", "国庆", "国庆节"), 0, 6)
    qixi: FestivalParams = FestivalParams(("qixi", "七夕"))
    mothers_day: FestivalParams = FestivalParams(("mothers_day", "母亲节"))
    prior_orders: float = 5.0  # orders that the population's lift counts for

    def __post_init__(self) -> None:
        """Refuses a prior without weight: who never bought on other days would have no lift."""
        if self.prior_orders <= 0:
            raise ValueError("prior_orders must be above 0")


@dataclass(frozen=True)
class SalesChannelParams:
    """Which sales are offline, and how long looking in one place counts for buying in another."""

    offline: tuple[str, ...] = ("store",)  # values of `transactions.sales_channel` that are not online
    app: tuple[str, ...] = ("app",)  # values that are the app
    mini_program: tuple[str, ...] = ("mini_program",)  # values that are a mini program
    look_days: int = 14  # local days before a purchase in which looking elsewhere led to it
    prior_purchases: float = 5.0  # purchases that the population's rate counts for

    def __post_init__(self) -> None:
        """Refuses values for which a rate has no meaning."""
        faults = [] if 1 <= self.look_days <= 90 else ["look_days must lie between 1 and 90"]
        faults += [] if self.prior_purchases > 0 else ["prior_purchases must be above 0"]
        if faults:
            raise ValueError("; ".join(faults))


@dataclass(frozen=True)
class CartParams:
    """When a cart is open and when it was left."""

    open_days: int = 30  # what was put in longer ago is forgotten, in local days; at most the 90 that are replayed
    idle_hours: float = 24.0  # a cart in which nothing happens for longer was left
    prior_carts: float = 5.0  # carts that the population's rate of leaving counts for

    def __post_init__(self) -> None:
        """Refuses values for which a cart has no meaning."""
        faults = [] if 1 <= self.open_days <= 90 else ["open_days must lie between 1 and 90"]
        faults += [f"{n} must be above 0" for n in ("idle_hours", "prior_carts") if getattr(self, n) <= 0]
        if faults:
            raise ValueError("; ".join(faults))


@dataclass(frozen=True)
class UnpaidOrderParams:
    """When an order placed and not paid counts as such."""

    late_hours: float = 1.0  # an order not paid within so many hours was left unpaid; payment after that is a recovery
    recovery_days: float = 7.0  # a recovery happens within so many days of 24 hours; younger orders are in no rate
    prior_orders: float = 5.0  # unpaid orders that the population's rate of recovery counts for

    def __post_init__(self) -> None:
        """Refuses values for which a rate has no meaning."""
        faults = [
            f"{n} must be above 0" for n in ("late_hours", "recovery_days", "prior_orders") if getattr(self, n) <= 0
        ]
        faults += [] if self.recovery_days * 24 > self.late_hours else ["recovery_days must be longer than late_hours"]
        if faults:
            raise ValueError("; ".join(faults))


@dataclass(frozen=True)
class BrowsingParams:
    """Views, carts and searches (family H and its companions)."""

    dwell_cap_seconds: float = 600.0  # a page left open counts for no longer than this
    view_weight: float = 1.0  # of a view in affinities and in what was wanted; an order weighs buy_weight
    cart_weight: float = 4.0  # of a product put into a cart
    wanted_half_life_days: float = 30.0  # half-life of what was wanted and not bought
    style_half_life_days: float = 30.0  # half-life of the decayed shares of styles
    search_half_life_days: float = 14.0  # half-life of a search
    search_terms: int = 20  # terms kept per customer
    search_min_customers: int = 3  # a term searched for by fewer customers is private and left out
    price_drop: float = 0.1  # part by which a viewed product must have become cheaper
    funnel_days: int = 7  # a view leads to a cart, a cart to an order, an order to payment within so many days
    funnel_prior_weight: float = 10.0  # cases that the population's rate counts for

    def __post_init__(self) -> None:
        """Refuses values for which a feature has no meaning."""
        positive = (
            "dwell_cap_seconds",
            "wanted_half_life_days",
            "style_half_life_days",
            "search_half_life_days",
            "search_terms",
            "search_min_customers",
            "funnel_days",
            "funnel_prior_weight",
        )
        faults = [f"{name} must be above 0" for name in positive if getattr(self, name) <= 0]
        faults += [f"{n} must not be negative" for n in ("view_weight", "cart_weight") if getattr(self, n) < 0]
        faults += [] if 0 < self.price_drop < 1 else ["price_drop must lie between 0 and 1"]
        if faults:
            raise ValueError("; ".join(faults))


@dataclass(frozen=True)
class LifecycleParams:
    """When silence means something, in multiples of a customer's own gap between order days: see `features.stages`."""

    usual_gap_weight: float = 2.0  # gaps that the population's usual gap counts for against a customer's own
    at_risk: float = 2.0  # own gaps of silence from which a customer is at risk
    calm: float = 1.5  # an order in less than so many own gaps says that the risk is over; below at_risk
    lapsed: float = 4.0  # own gaps of silence from which a customer has lapsed
    min_at_risk_days: float = 28.0  # nobody is at risk sooner
    min_lapsed_days: float = 90.0  # nobody has lapsed sooner
    max_lapsed_days: float = 730.0  # after so many days of silence everybody has
    loyal_orders: int = 4  # order days within loyal_days from which a customer is loyal
    loyal_keep_orders: int = 2  # order days within loyal_days below which she is no longer; below loyal_orders
    loyal_days: int = 365  # the window of both
    settle_orders: int = 2  # orders after the one that ended a lapse, from which a calm one settles the customer

    def __post_init__(self) -> None:
        """Refuses thresholds that contradict each other."""
        faults = [] if self.usual_gap_weight > 0 else ["usual_gap_weight must be above 0"]
        faults += [] if 0 < self.calm < self.at_risk < self.lapsed else ["0 < calm < at_risk < lapsed must hold"]
        if not 1 <= self.min_at_risk_days <= self.min_lapsed_days <= self.max_lapsed_days:
            faults.append("1 <= min_at_risk_days <= min_lapsed_days <= max_lapsed_days must hold")
        faults += (
            [] if 1 <= self.loyal_keep_orders < self.loyal_orders else ["loyal_keep_orders must be below loyal_orders"]
        )
        faults += [f"{n} must be at least 1" for n in ("loyal_days", "settle_orders") if getattr(self, n) < 1]
        if faults:
            raise ValueError("; ".join(faults))


@dataclass(frozen=True)
class LifetimeParams:
    """What the fitted models of lifetime, spend and churn are told: see `jobs/lifetime_scores.py`."""

    margin_rate: float = 0.25  # ASSUMPTION: margin as a share of amount, in clv_365
    yearly_discount: float = 0.1  # what money is worth less in a year
    max_correlation: float = 0.3  # of spend and frequency, in logarithms, above which Gamma-Gamma is not used
    min_repeaters: int = 50  # customers with a second order day below which spend is a shrunken mean
    spend_customers: int = 1000000  # customers, about, that spend is fitted to: a sample by hash above
    churn_customers: int = 40000  # customers, about, that the churn hazard learns from: a sample by hash
    churn_cuts: int = 2  # earlier cuts, 90 days apart, that it learns at
    churn_min_rows: int = 500  # customers and cuts below which it is not trained
    churn_trees: int = 60  # trees of it

    def __post_init__(self) -> None:
        """Refuses values for which there is nothing to fit."""
        faults = [] if 0 <= self.margin_rate <= 1 else ["margin_rate must lie between 0 and 1"]
        faults += [] if 0 <= self.yearly_discount < 10 else ["yearly_discount must lie between 0 and 10"]
        faults += [] if 0 < self.max_correlation <= 1 else ["max_correlation must lie between 0 and 1"]
        counts = ("min_repeaters", "spend_customers", "churn_customers", "churn_cuts", "churn_min_rows", "churn_trees")
        faults += [f"{n} must be at least 1" for n in counts if getattr(self, n) < 1]
        if faults:
            raise ValueError("; ".join(faults))


@dataclass(frozen=True)
class InterestParams:
    """How long what posts and networks tell of interests counts."""

    half_life_days: float = 30.0  # the weight of a post halves in so many days
    expiry_days: int = 180  # and counts no longer after so many
    given_weight: float = 0.5  # weight of a tag that a network gave, where it states no score

    def __post_init__(self) -> None:
        """Refuses values for which a score has no meaning."""
        faults = [f"{n} must be above 0" for n in ("half_life_days", "expiry_days") if getattr(self, n) <= 0]
        faults += [] if 0 <= self.given_weight <= 1 else ["given_weight must lie between 0 and 1"]
        if faults:
            raise ValueError("; ".join(faults))
