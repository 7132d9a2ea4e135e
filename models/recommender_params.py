"""Parameters of the recommender's models, apart from the libraries that fit them, so that settings load quickly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.errors import ModelError


@dataclass(frozen=True)
class AlsParams:
    """What the factorisation needs; `alpha` and `regularization` matter most (Rendle et al. 2021)."""

    factors: int = 64  # learned dimensions, bias columns not counted
    regularization: float = 60.0  # added to the diagonal of every normal equation
    alpha: float = 5.0  # confidence of a purchase is 1 + alpha * weight
    iterations: int = 12
    half_life_days: float | None = 120.0  # a purchase this old counts half; None: all count the same
    weight: str = "log1p"  # of the decayed number of orders: "log1p" or "capped"
    cap: float = 5.0  # upper bound of the weight when "capped"
    bias: bool = True  # a constant column on both sides, so that popularity is not squeezed into the factors
    seed: int = 0
    threads: int = 0  # 0: all cores

    def __post_init__(self) -> None:
        if self.weight not in ("log1p", "capped"):
            raise ModelError(f"als.weight must be log1p or capped, got {self.weight!r}")
        low = {"factors": 1, "iterations": 1, "regularization": 0.0, "alpha": 1e-9, "cap": 1e-9}
        for name, least in low.items():
            if not np.isfinite(getattr(self, name)) or getattr(self, name) < least:
                raise ModelError(f"als.{name} must be a number of at least {least:g}, got {getattr(self, name)!r}")
        if self.half_life_days is not None and not self.half_life_days > 0:
            raise ModelError(f"als.half_life_days must be positive or empty, got {self.half_life_days!r}")

    @property
    def columns(self) -> int:
        """Columns of the stored factors: the learned ones and two bias columns, if any."""
        return self.factors + 2 * self.bias


@dataclass(frozen=True)
class EaseParams:
    """Settings of the item-item model; memory is `max_products` squared x 8 bytes while it is fitted."""

    regularization: float = 500.0  # on the diagonal of the item-item counts
    max_products: int = 6000  # the most bought ones; the others never score
    half_life_days: float | None = None  # decay of the weights; None: all count the same
    weight: str = "binary"  # of a customer and product: "binary" or "log1p" of the decayed orders


@dataclass(frozen=True)
class RankerParams:
    """How the second stage is learned."""

    windows: int = 3  # label windows learned from, back to back, before the calibration window
    trees: int = 150
    learning_rate: float = 0.1
    leaves: int = 31
    min_child: int = 100  # pairs per leaf
    l2: float = 5.0
    feature_fraction: float = 0.7  # features tried per tree
    negatives: float = 0.1  # share of the pairs not bought that is learned from, each weighted by its inverse
    max_customers: int = 20000  # more are sampled, by hash of their id
    min_positives: int = 200  # bought pairs below which nothing is learned and the heuristic stays
    seed: int = 0
