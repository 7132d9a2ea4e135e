"""P(no order day within 30, and within 90, days): small trees on what was known at earlier cuts.

A discrete-time hazard with two steps. The label is what happened after a cut, never a feature; both windows are
closed before the day on which the model is made. Trees are few and small, and may only say what common sense does
of recency and frequency: the longer the silence the likelier no order, the more orders the less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from models.purchase_counts import Floats

HORIZONS = (30, 90)
RISING = ("recency_days", "overdue_ratio", "overdue_z")  # more of it, likelier no order
FALLING = ("n_orders_30", "n_orders_90", "n_orders_180", "n_orders_365", "n_orders_l", "active_months_share")
MIN_CLASS = 20  # rows with, and without, an order below which there is nothing to learn
LEAVES, MIN_LEAF, L2, RATE = 8, 50, 5.0, 0.1


@dataclass(frozen=True)
class ChurnModel:
    """Boosters as text by horizon, for matrices with columns `names`; no boosters and a `why` when not trained."""

    names: tuple[str, ...]
    boosters: Mapping[int, str] = field(default_factory=dict)
    rows: int = 0
    rates: Mapping[int, float] = field(default_factory=dict)
    why: str = ""

    @property
    def status(self) -> str:
        """lightgbm, or none."""
        return "lightgbm" if self.boosters else "none"

    def predict(self, x: Floats) -> Floats:
        """(n, len(HORIZONS)): no order in 90 days is never likelier than none in 30."""
        found = [np.asarray(_booster(self.boosters[h]).predict(x, num_threads=1), dtype=np.float64) for h in HORIZONS]
        return np.minimum.accumulate(np.column_stack(found), axis=1)


@lru_cache(maxsize=8)
def _booster(text: str) -> lgb.Booster:
    """Read once per process."""
    return lgb.Booster(model_str=text)


def fit_churn(x: Floats, next_order: Floats, names: Sequence[str], trees: int = 60, min_rows: int = 500) -> ChurnModel:
    """Fits both horizons.

    Args:
        x: (n, len(names)) features of customers at earlier cuts, NaN where unknown.
        next_order: (n,) days from the cut to the next order day, 0 is the cut's own day; NaN when none came in 90.
        names: what the columns are; those of RISING and FALLING are held to that.
    """
    if len(x) < min_rows:
        return ChurnModel(tuple(names), why=f"{len(x):,} customers at earlier cuts, {min_rows:,} are needed")
    boosters, rates = {}, {}
    signs = [1 if n in RISING else -1 if n in FALLING else 0 for n in names]
    for horizon in HORIZONS:
        label: NDArray[np.float64] = (~(next_order < horizon)).astype(np.float64)
        if min(label.sum(), len(label) - label.sum()) < MIN_CLASS:
            return ChurnModel(tuple(names), why=f"fewer than {MIN_CLASS} with, or without, an order in {horizon} days")
        data = lgb.Dataset(x, label=label, feature_name=list(names), free_raw_data=True)
        booster = lgb.train(_params(signs), data, num_boost_round=trees)
        boosters[horizon], rates[horizon] = booster.model_to_string(), float(label.mean())
    return ChurnModel(tuple(names), boosters, len(x), rates)


def _params(signs: list[int]) -> dict[str, object]:
    return {
        "objective": "binary",
        "num_leaves": LEAVES,
        "min_data_in_leaf": MIN_LEAF,
        "lambda_l2": L2,
        "learning_rate": RATE,
        "monotone_constraints": signs,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
        "seed": 0,
    }
