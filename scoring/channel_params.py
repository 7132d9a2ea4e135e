"""What channel scores can be told. Light to import: settings are built of this."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ChannelParams:
    """How channel scores are made."""

    default_channel: str = "direct_mail"  # channel of offers that name none
    reasons: int = 3  # reasons per row
    best_time_support: int = 5  # opens and clicks of a customer in a channel from which her best time is told
    rate_maturity_days: int = 7  # sends younger than this are not counted in rates of opens, clicks and refusals
    # assumed P(opens | delivered) per channel until its own opens speak
    open_prior: dict[str, float] = field(default_factory=dict)
    open_prior_default: float = 0.02
    click_prior: float = 0.005  # assumed P(clicks | delivered)
    unsubscribe_prior: float = 0.001  # assumed P(unsubscribes | delivered)
