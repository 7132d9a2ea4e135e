"""Parameters of the decision: rules, assumptions of value, limits, arms."""

from __future__ import annotations

from dataclasses import dataclass, field

from features.errors import SettingsError

ARMS = ("nba", "random_eligible", "propensity_only", "global_holdout")


@dataclass(frozen=True)
class ArmParams:
    """Shares of the experiment arms; they sum to 1. A new salt deals every customer anew."""

    salt: str = "arms-1"  # never change while an experiment runs
    nba: float = 0.90  # the best candidates by priority
    random_eligible: float = 0.04  # any candidate worth sending, each as likely as the next
    propensity_only: float = 0.04  # the likeliest responses, whatever they bring
    global_holdout: float = 0.02  # nothing at all, logged with what nba would have sent

    def __post_init__(self) -> None:
        """Refuses shares that are no distribution."""
        if min(self.shares) < 0 or abs(sum(self.shares) - 1) > 1e-9:
            raise SettingsError(f"decisions.arms: the shares must be at least 0 and sum to 1, found {self.shares}")

    @property
    def shares(self) -> tuple[float, ...]:
        """Shares in the order of `ARMS`."""
        return (self.nba, self.random_eligible, self.propensity_only, self.global_holdout)

    @property
    def explores(self) -> bool:
        """Whether any arm may send something else than nba would."""
        return self.random_eligible > 0 or self.propensity_only > 0


@dataclass(frozen=True)
class ChannelTerms:
    """What a channel asks and allows; None where nothing is said (see `scoring/channel_terms.py`)."""

    address_kind: str | None = None
    contact_cost: float | None = None
    daily_capacity: int | None = None  # contacts a day
    monthly_limit: int | None = None  # contacts per customer in 30 days
    hour_from: int | None = None  # first local hour of sending
    hour_to: int | None = None  # local hour at which sending ends


@dataclass(frozen=True)
class DecisionParams:
    """Settings of `decide-offers`. Amounts are in the `currency` of the settings."""

    # eligibility and contact policy
    recently_ended_days: int = 14  # ended offers stay visible in the funnel and in explain this long
    min_days_left: int = 3  # an offer needs this many days left, the day of the decision included
    complaint_pause_days: int = 30  # no selling this long after a complaint
    cool_down_days: int = 90  # the same offer is not sent again within so many days
    cap_7_days: int = 1  # contacts per customer in any channel: the last 7 days and those being decided
    cap_30_days: int = 2
    # value; every one an assumption until data says otherwise
    incrementality_prior: float = 0.2  # share of responses that would not have come without the contact
    margin_rate: float = 0.25  # margin as a share of amount, for products that have none of their own
    response_value: str = "order"  # what a response brings: the whole "order", or its couponed "lines"
    response_amount: float = 40.0  # amount of one response where too few redemptions were seen
    incentive_value: float = 1.0  # cost of one redemption, where neither the offer nor the data tells it
    incentive_share: float = 1.0  # share of the incentive that the shop bears; 0 when the maker pays
    min_support: int = 20  # responders below which an offer kind's own averages are not used
    contact_cost: dict[str, float] = field(default_factory=dict)  # per channel
    contact_cost_default: float = 0.3  # for a channel that is not listed
    remaining_lifetime_value: float = 200.0  # lost when a customer unsubscribes
    response_scale_low: float = 0.25  # a measured margin is scaled by p_response over its mean, within these bounds
    response_scale_high: float = 4.0
    count_incrementality: bool = True  # factors of the priority; false leaves one out
    count_contact_cost: bool = True
    count_incentive: bool = True
    count_unsubscribe: bool = True
    min_priority: float = 0.0  # candidates below are never sent
    # limits
    per_customer: int = 1  # decisions per customer and run
    budget: float | None = None  # cost of all decisions of a run
    # when, where, how
    sending_hour_from: int = 9  # local hours of sending
    sending_hour_to: int = 20
    send_within_days: int = 7  # length of the window in which a tool may send
    products_per_offer: int = 5
    popularity_days: int = 28  # fills product lists with what most customers bought in so many days
    address_kind: dict[str, str] = field(default_factory=dict)  # per channel
    channels: dict[str, ChannelTerms] = field(default_factory=dict)  # per channel; the source table `channels` wins
    default_incentive: str = "coupons in the mailing"
    reason_with_products: str = "Chosen for you: it includes products like those you shop for."
    reason_plain: str = "One of our current offers, chosen for you."
    arms: ArmParams = field(default_factory=ArmParams)

    def __post_init__(self) -> None:
        """Refuses values that make no sense, all named at once."""
        at_least = {
            "recently_ended_days": 0,
            "min_days_left": 1,
            "complaint_pause_days": 0,
            "cool_down_days": 0,
            "cap_7_days": 0,
            "cap_30_days": 0,
            "response_amount": 0,
            "incentive_value": 0,
            "contact_cost_default": 0,
            "remaining_lifetime_value": 0,
            "min_support": 1,
            "min_priority": 0,
            "per_customer": 0,
            "sending_hour_from": 0,
            "send_within_days": 1,
            "products_per_offer": 1,
            "popularity_days": 1,
        }
        faults = [
            f"{k} must be at least {v}, found {getattr(self, k)}" for k, v in at_least.items() if getattr(self, k) < v
        ]
        shares = {k: getattr(self, k) for k in ("incrementality_prior", "incentive_share", "margin_rate")}
        faults += [f"{k} must lie in 0 to 1, found {v}" for k, v in shares.items() if not 0 <= v <= 1]
        if not 0 <= self.response_scale_low <= 1 <= self.response_scale_high:
            faults.append("response_scale_low must lie in 0 to 1, response_scale_high must be at least 1")
        for name, t in self.channels.items():
            numbers = (t.contact_cost, t.daily_capacity, t.monthly_limit)
            faults += [f"channels.{name} must not hold negative numbers" for n in numbers if n is not None and n < 0]
            first, last = self.sending_hours(name)
            if not 0 <= first < last <= 24:
                faults.append(f"channels.{name}: hour_to must be later than hour_from and at most 24")
        faults += [f"contact_cost.{k} must be at least 0, found {v}" for k, v in self.contact_cost.items() if v < 0]
        if self.budget is not None and self.budget < 0:
            faults.append(f"budget must be at least 0 or null, found {self.budget}")
        if not self.sending_hour_from < self.sending_hour_to <= 23:
            faults.append("sending_hour_to must be later than sending_hour_from and at most 23")
        if self.response_value not in ("order", "lines"):
            faults.append(f"response_value must be order or lines, found {self.response_value!r}")
        if faults:
            raise SettingsError("\n".join(f"decisions.{fault}" for fault in faults))

    def sending_hours(self, channel: str) -> tuple[int, int]:
        """First local hour of sending in the channel, and the hour at which sending ends."""
        terms = self.channels.get(channel, ChannelTerms())
        first = self.sending_hour_from if terms.hour_from is None else terms.hour_from
        return first, self.sending_hour_to if terms.hour_to is None else terms.hour_to

    def limits(self, name: str) -> dict[str, int]:
        """`daily_capacity` or `monthly_limit` of the channels that have one, sorted by channel."""
        found = {channel: getattr(terms, name) for channel, terms in sorted(self.channels.items())}
        return {channel: limit for channel, limit in found.items() if limit is not None}
