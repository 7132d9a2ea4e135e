"""Family L, the part that fitted models give: who is still a customer, and what is to come.

The models are fitted on the facts before the cut by `jobs/lifetime_scores.py`, which adds these columns; their
parameters are saved with the snapshot in `feature_parameters`, with a status that says which model could be fitted.
All of it counts order days: orders of one day are one occasion. Feature 24 belongs to family B and is fitted here.
"""

from __future__ import annotations

from features.definitions import CATEGORIES, ORDERS, FeatureDef

FAMILY = "L lifecycle and lifetime"
RHYTHM = "B rhythm of buying"
FITTED = "fitted on facts before the cut; parameters are saved with it"
BUYING = "BG/NBD, or the simpler model that parameter bgnbd_status names"
HORIZONS = (28, 90, 365)


def _fitted(name: str, number: int, kind: str, definition: str, low: float, high: float | None = None) -> FeatureDef:
    return FeatureDef(name, number, FAMILY, kind, definition, low=low, high=high, leak_note=FITTED)


DEFINITIONS = (
    FeatureDef(
        "second_order_hazard",
        24,
        RHYTHM,
        "double",
        "P(a second order day within 30 days) of a customer with one, by days since the first and its main category",
        CATEGORIES,
        low=0,
        high=1,
        leak_note="fitted on first orders and what followed them before the cut",
    ),
    _fitted(
        "p_alive",
        131,
        "double",
        f"P(still a customer): {BUYING}; 1 by construction for one order day, where second_order_hazard tells more",
        0,
        1,
    ),
    *[
        _fitted(f"exp_orders_{h}", 132, "double", f"expected order days in the {h} days from the cut: {BUYING}", 0)
        for h in HORIZONS
    ],
    _fitted(
        "exp_order_value",
        133,
        "money",
        "expected net amount of an order day: Gamma-Gamma, or a shrunken mean where parameter spend_status says so",
        0,
    ),
    _fitted(
        "clv_365",
        133,
        "money",
        "expected margin of the 365 days from the cut, discounted: expected order days x exp_order_value x margin rate "
        "(setting features.lifetime)",
        0,
    ),
    *[
        FeatureDef(
            f"churn_hazard_{h}",
            134,
            FAMILY,
            "double",
            f"P(no order day in the {h} days from the cut) of a customer with an order",
            ORDERS,
            low=0,
            high=1,
            leak_note="learned at earlier cuts whose 90 days were over before this one",
        )
        for h in (30, 90)
    ],
)
