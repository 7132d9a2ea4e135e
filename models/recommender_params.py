"""Parameters of the recommender's models, apart from the libraries that fit them, so that settings load quickly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
    trainer: Literal["implicit", "mllib"] = "implicit"  # in this process, or by classic Spark
    mllib_regularization: float = 0.1  # MLlib multiplies it by a row's purchases: values do not transfer

    def __post_init__(self) -> None:
        if self.trainer == "mllib" and self.bias:
            raise ModelError("als.trainer: mllib has no bias columns; set als.bias: false")
        if self.weight not in ("log1p", "capped"):
            raise ModelError(f"als.weight must be log1p or capped, got {self.weight!r}")
        low = {
            "factors": 1,
            "iterations": 1,
            "regularization": 0.0,
            "alpha": 1e-9,
            "cap": 1e-9,
            "mllib_regularization": 0.0,
        }
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


OBJECTIVES = ("binary", "lambdarank", "blend")


@dataclass(frozen=True)
class RankerParams:
    """How the second stage is learned: one ranker for what the customer bought before, one for what she did not."""

    windows: int = 3  # label windows learned from before the latest one, which first serves calibration and the gate
    step_days: int = 0  # days from one window to the next; 0: the horizon, back to back
    embargo_days: int = 0  # days between the end of a window's history and its first label day, at scoring likewise
    objectives: tuple[str, ...] = (
        "blend",
        "binary",
        "lambdarank",
    )  # the first, unless another beats it before the gate
    trees: int = 160
    learning_rate: float = 0.06
    leaves: int = 31
    min_child: int = 100  # pairs per leaf
    l2: float = 5.0
    feature_fraction: float = 0.5  # features tried per tree
    negatives: float = 0.1  # share of the new items not bought that is learned from, each weighted by its inverse
    negatives_repeat: float = 0.4  # the same of her own items, which are fewer
    max_customers: int = 20000  # more are sampled, by hash of their id
    judged_customers: int = 10000  # of whom all pairs of a window are scored, for calibration and comparisons
    min_positives: int = 200  # bought pairs of a segment below which nothing is learned and a source ranks
    seed: int = 0

    def __post_init__(self) -> None:
        unknown = [name for name in self.objectives if name not in OBJECTIVES]
        if unknown or not self.objectives:
            raise ModelError(f"ranker.objectives must be of {', '.join(OBJECTIVES)}, got {list(self.objectives)!r}")
        least = {"windows": 1, "step_days": 0, "embargo_days": 0, "trees": 1, "leaves": 2, "min_child": 1}
        for name, low in (least | {"max_customers": 1, "judged_customers": 1}).items():
            if getattr(self, name) < low:
                raise ModelError(f"ranker.{name} must be at least {low}, got {getattr(self, name)!r}")
        for name in ("negatives", "negatives_repeat", "feature_fraction"):
            if not 0 < getattr(self, name) <= 1:
                raise ModelError(f"ranker.{name} must lie in (0, 1], got {getattr(self, name)!r}")
