"""Why a response probability is what it is, in words: the model's own contributions put into templates.

`pred_contrib` (Lundberg's TreeSHAP, in LightGBM) says how much each feature moved a row's log odds away from the
average row; the linear part says the same of its terms. The largest few become phrases, strongest first, each with
its direction; of features that tell the same story (see `STORIES`) only the strongest speaks. Reasons describe the
model's view of the past, not causes. Weeks in the phrases are those of the default `contact_features` windows.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models.response import ResponseModel
from models.response_frame import FEATURES

Floats = NDArray[np.float64]

# feature -> (phrase with its value, phrase without one); a phrase None says nothing about it
TEMPLATES: Mapping[str, tuple[str, str]] = {
    "channel": ("sent by {v}", "sent by an unknown channel"),
    "offer_kind": ("the offer is of kind {v}", "the offer's kind is new"),
    "window_days": ("the offer can be used for {v:.0f} days", ""),
    "offer_products": ("the offer covers {v:,.0f} products", ""),
    "offer_coupons": ("the offer has {v:,.0f} coupons", ""),
    "recency_days": ("last order {v:.0f} days before", "no order in the last year"),
    "tenure_days": ("first order {v:.0f} days before", "no order in the last year"),
    "orders_short": ("{v:.0f} orders in 4 weeks", ""),
    "orders_long": ("{v:.0f} orders in 13 weeks", ""),
    "orders": ("{v:.0f} orders in a year", ""),
    "spend_short": ("spent {v:,.0f} in 4 weeks", ""),
    "spend_long": ("spent {v:,.0f} in 13 weeks", ""),
    "spend": ("spent {v:,.0f} in a year", ""),
    "coupon_orders_long": ("{v:.0f} orders with a coupon in 13 weeks", ""),
    "coupon_amount_long": ("coupons worth {v:,.2f} used in 13 weeks", ""),
    "discount_share_long": ("{v:.0%} saved by discounts in 13 weeks", "no list prices known"),
    "categories_long": ("bought in {v:.0f} categories in 13 weeks", ""),
    "offer_products_bought": ("bought {v:.0f} of the offer's products in a year", ""),
    "offer_spend_long": ("spent {v:,.0f} on the offer's products in 13 weeks", ""),
    "offer_spend_share": ("{v:.0%} of spend goes to the offer's products", "no spend in a year"),
    "offer_category_share": ("{v:.0%} of spend is in the offer's categories", "no spend in a year"),
    "offer_recency_days": ("bought the offer's products {v:.0f} days before", "never bought the offer's products"),
    "sends_short": ("{v:.0f} sends in 4 weeks", ""),
    "sends": ("{v:.0f} sends in a year", ""),
    "send_recency_days": ("last send {v:.0f} days before", "not contacted in a year"),
    "fatigue": ("recent sends weigh {v:.1f}", ""),
    "closed_sends": ("{v:.0f} earlier offers have ended", ""),
    "closed_responses": ("answered {v:.0f} earlier offers", ""),
    "closed_kind_sends": ("{v:.0f} earlier offers of this kind have ended", ""),
    "closed_kind_responses": ("answered {v:.0f} earlier offers of this kind", ""),
    "responses": ("redeemed {v:.0f} coupons of offers in a year", ""),
    "response_recency_days": (
        "last redeemed a coupon of an offer {v:.0f} days before",
        "never redeemed an offer's coupon",
    ),
}
DIRECTIONS = ("less likely", "likelier")
# features that tell the same story: a row's reasons take at most one of each group
STORIES: tuple[tuple[str, ...], ...] = (
    ("coupon_orders_long", "coupon_amount_long"),
    ("offer_products_bought", "offer_spend_long", "offer_spend_share", "offer_category_share", "offer_recency_days"),
    ("recency_days", "orders_short", "orders_long", "orders"),
    ("spend_short", "spend_long", "spend"),
    ("sends_short", "sends", "send_recency_days", "fatigue"),
    ("closed_sends", "closed_responses", "closed_kind_sends", "closed_kind_responses", "responses",
     "response_recency_days"),
    ("offer_kind", "offer_products", "offer_coupons"),
)  # fmt: skip
STORY = {feature: story[0] for story in STORIES for feature in story}


def response_reasons(model: ResponseModel, table: pa.Table, top: int = 3) -> list[list[str]]:
    """Per row of contact features up to `top` reasons, strongest first; a rule gives the rate it stands on."""
    if model.booster is None:
        return _rule_reasons(model, table)
    moved = model.contributions(table)
    values = {name: table[name].to_pylist() for name in FEATURES}
    # ties by the feature's place, so that reasons are equal on every engine
    order = np.argsort(-np.round(np.abs(moved), 9), axis=1, kind="stable")
    return [_row(moved[i], order[i], values, i, top) for i in range(table.num_rows)]


def _row(moved: Floats, order: NDArray[np.int64], values: dict[str, list[object]], i: int, top: int) -> list[str]:
    phrases: list[str] = []
    told: set[str] = set()
    for f in order:
        if len(phrases) == top or abs(moved[f]) < 1e-6:
            break
        story = STORY.get(FEATURES[f], FEATURES[f])
        text = phrase(FEATURES[f], values[FEATURES[f]][i])
        if text and story not in told:
            told.add(story)
            phrases.append(f"{text}: {DIRECTIONS[int(moved[f] > 0)]}")
    return phrases


def phrase(feature: str, value: object) -> str:
    """The template of a feature filled in; empty where it has nothing to say.

    >>> phrase("recency_days", 3)
    'last order 3 days before'
    >>> phrase("recency_days", None)
    'no order in the last year'
    """
    known, unknown = TEMPLATES[feature]
    return unknown if value is None else known.format(v=value)


def _rule_reasons(model: ResponseModel, table: pa.Table) -> list[list[str]]:
    """A rule's reasons: the rate of the kind, then the habit that moved the row off it."""
    rates = model.rule.at_kind(table)
    p = model.rule.predict(table)
    learned = {key.split("|")[0] for key in model.rule.rates}
    rows = []
    for i, (channel, kind) in enumerate(zip(table["channel"].to_pylist(), table["offer_kind"].to_pylist())):
        if channel not in learned:
            rows.append([f"no answers by {channel} to learn from yet: an assumed rate of {rates[i]:.2%}"])
            continue
        found = [f"{rates[i]:.1%} answered offers of kind {kind} by {channel}"]
        if p[i] != rates[i]:
            direction = DIRECTIONS[int(p[i] > rates[i])]
            habits = (
                phrase("recency_days", table["recency_days"][i].as_py()),
                phrase("orders_long", table["orders_long"][i].as_py()),
            )
            found.append(f"{', '.join(habits)}: {direction}")
        rows.append(found)
    return rows
