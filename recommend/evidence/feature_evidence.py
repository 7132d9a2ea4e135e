"""What each feature of a pair is evidence of: the one place that a new feature must be added to.

A reason is true when the row's score falls once its evidence is gone. So for every feature it must be known which
evidence it stands on: without it the feature takes the value of a customer of whom nothing is known.
"""

from __future__ import annotations

from collections.abc import Mapping

from recommend.catalogue import LEVELS
from recommend.pair_features import FEATURES, GROUP, OWN

# reasons in the order in which equal ones are given
REASONS = (
    "rhythm",  # her purchases of the item
    "looks",  # looks at it, carts
    "tag",  # a tag of hers
    "taste",  # her purchases of the cited items
    "complement",  # her purchases of a type that leads to the item's
    "habit",  # her purchases of the item's type or category
    "browsing",  # looks at the item's category
    "launch",  # that it is new
    "store",  # sales in her store
    "segment",  # sales among customers like her
    "popularity",  # how many buy it
)

# scores that purchases add up to, and those in units of the customer's spread
SCALED = {name: f"{name}_scaled" for name in ("als", "similar", "similar_recent")}
SCALED_AND_NOT = (*SCALED, *SCALED.values())

_NAMES: Mapping[str, tuple[str, ...]] = {
    # her purchases of the item
    "item": (*OWN, "due_p", "due_gap", "due_ratio"),
    # her purchases of the item's type, category or brand
    **{level: tuple(f"{level}_{name}" for name in (*GROUP, "due_p", "due_ratio")) for level in LEVELS},
    "pull": ("type_pull",),
    # all her purchases, by factors and item-item weights: what each of them adds is known
    "purchases": SCALED_AND_NOT,
    # what she bought lately of other types
    "complement": ("complement",),
    # looks at the item and carts; looks at anything of its category
    "looks": ("viewed", "carted"),
    "browsing": ("viewed_category",),
    # her tags; where she shops; her attributes
    "tags": ("event",),
    "store": ("store_pop28",),
    "segment": ("segment_pop28",),
    # that the item is new, and of the kinds she likes
    "launch": ("launch",),
    # how many buy the item
    "popularity": (
        *(f"item_{name}" for name in ("pop7", "pop28", "pop56", "new28", "buyers", "trend", "adoption")),
        "type_share",
    ),
    # what the item is: no evidence for one customer rather than another
    "item itself": (
        *(f"item_{name}" for name in ("again", "item_gap", "price", "since")),
        *(name for name in FEATURES if name.startswith("offer_") and name != "offer_customer"),
    ),
    # how much, how dearly and how often she buys: no evidence for one item rather than another
    "customer": (
        *(name for name in FEATURES if name.startswith("customer_")),
        "price_ratio",
        "offer_customer",
    ),
}
EVIDENCE: Mapping[str, tuple[str, ...]] = {
    evidence: tuple(name for name in names if name in FEATURES) for evidence, names in _NAMES.items()
}
