"""What the measuring of past experiments can be told. Light to import: settings are built of this."""

from __future__ import annotations

from dataclasses import dataclass

from features.errors import SettingsError


@dataclass(frozen=True)
class ExperimentParams:
    """When a comparison of contacted and held-out customers is believed."""

    min_support: int = 200  # effective units on each side of a channel and kind (Kish)
    min_per_campaign: int = 10  # units on each side of a campaign; smaller campaigns are left out
    max_imbalance: float = 0.1  # standard deviations between the sides before the campaign
    covariate_days: int = 90  # spend and orders before the campaign are counted so many days back
    max_customers: int = 50_000  # customers compared at most; more are sampled by hash of their id

    def __post_init__(self) -> None:
        """Refuses values that make no sense, all named at once."""
        low = {"min_support": 2, "min_per_campaign": 1, "covariate_days": 1, "max_customers": 1}
        faults = [f"{k} must be at least {v}, found {getattr(self, k)}" for k, v in low.items() if getattr(self, k) < v]
        if self.max_imbalance <= 0:
            faults.append(f"max_imbalance must be above 0, found {self.max_imbalance}")
        if faults:
            raise SettingsError("\n".join(f"experiments.{fault}" for fault in faults))
