"""What channel scores can be told. Light to import: settings are built of this."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ChannelParams:
    """How channel scores are made."""

    default_channel: str = "direct_mail"  # channel of offers that name none
    reasons: int = 3  # reasons per row
    best_time_support: int = 5  # opens and clicks of a customer in a channel from which her best time is told
