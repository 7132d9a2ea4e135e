"""Numbers of the asset cube and of the sales tables."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CubeParams:
    """What the cube's tables show. They describe; no model reads them."""

    margin_rate: float = 0.25  # ASSUMPTION: margin as a share of amount, to set against the cost of winning customers
    ranking_size: int = 200  # products per window in product_ranking
    pair_days: int = 90  # orders of so many days make the pairs of categories
    pair_min_orders: int = 20  # pairs in fewer orders than this are left out
    cohort_months: int = 24  # months of first orders that are followed

    def __post_init__(self) -> None:
        """Check ranges."""
        counts = ("ranking_size", "pair_days", "pair_min_orders", "cohort_months")
        faults = [f"{name} must be at least 1" for name in counts if getattr(self, name) < 1]
        if not -1 <= self.margin_rate <= 1:
            faults.append("margin_rate must lie between -1 and 1")
        if faults:
            raise ValueError("; ".join(faults))
