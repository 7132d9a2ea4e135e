"""Settings of audiences. Light to import: settings are built of this."""

from __future__ import annotations

from dataclasses import dataclass

from features.errors import SettingsError


@dataclass(frozen=True)
class AudienceParams:
    """How large an audience may be, and what stands in for a product that was never sold."""

    max_size: int = 100_000  # rows of an audience at most
    size_without_value: int = 1_000  # rows where no contact is expected to pay, unless --size says otherwise
    neighbours: int = 50  # products that stand in for one without sales, and products of an offer that count
    margin_days: int = 365  # days of sales from which the margin of a purchase is averaged
    curve_points: int = 60  # sizes of the curve

    def __post_init__(self) -> None:
        """Refuses values that make no sense, all named at once."""
        faults = [f"{name} must be at least 1, found {value}" for name, value in vars(self).items() if value < 1]
        if faults:
            raise SettingsError("\n".join(f"audiences.{fault}" for fault in faults))
