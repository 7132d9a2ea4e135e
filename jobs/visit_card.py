"""The card that store staff read before a customer comes: her wishes, what fits, what she has, what to show.

Nothing sensitive is on it: tags that need that consent are left out, whoever reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jobs.console import say

Rows = Callable[[str], list[dict[str, Any]]]
TOP = 5
BANDS = {1: "the cheapest fifth", 2: "below the middle", 3: "the middle", 4: "above the middle", 5: "the dearest fifth"}


def card_lines(rows: Rows) -> list[tuple[str, str]]:
    """What the card says, as (heading, text); headings without anything to say are left out.

    `rows` gives the customer's rows of a table by its name, none where there is no such table.
    """
    wide = next(iter(rows("customer_features")), {})
    tags = [t for t in rows("customer_tags") if t["purpose"] != "sensitive"]
    looked = _top(rows("customer_category_interest"), "wanted_not_bought", "category")
    owned = _top(rows("customer_category_features"), "n_orders_l", "category")
    show = [f"{r['product_id']} ({r['category']})" for r in rows("next_best_products")[:TOP]]
    sizes = [f"{r['product_type']} {r['size_mode']}" for r in rows("customer_size_features") if r["size_mode"]]
    band = wide.get("price_band_mode")
    parts = (
        ("stage", wide.get("lifecycle_stage") or ""),
        ("looked at and did not buy", ", ".join(looked)),
        ("price band", BANDS.get(band, "") if band is not None else ""),
        ("size", ", ".join(sizes[:TOP])),
        ("colour", wide.get("top_colour") or ""),
        ("has bought", ", ".join(owned)),
        ("show her", ", ".join(show)),
        ("known for", ", ".join(t["tag"] for t in sorted(tags, key=lambda t: -t["score"])[:TOP])),
        ("mind", "an open complaint: listen first, sell nothing" if wide.get("has_open_complaint") else ""),
    )
    return [(heading, text) for heading, text in parts if text]


def show_card(rows: Rows) -> None:
    """Prints the card."""
    lines = card_lines(rows)
    for heading, text in lines:
        say(f"{heading}: {text}")
    if not lines:
        say("nothing is known of her yet")


def _top(found: list[dict[str, Any]], column: str, name: str) -> list[str]:
    """The names of the largest values above 0."""
    kept = [r for r in found if r[column]]
    return [r[name] for r in sorted(kept, key=lambda r: (-r[column], r[name]))[:TOP]]
