"""The card for store staff."""

from typing import Any

from jobs.visit_card import card_lines


def test_the_card_says_what_is_known_and_nothing_sensitive() -> None:
    """Wishes and purchases, strongest first, and what to show; a sensitive tag is not there."""
    tables: dict[str, list[dict[str, Any]]] = {
        "customer_features": [{"lifecycle_stage": "loyal", "price_band_mode": 5, "has_open_complaint": True}],
        "customer_tags": [
            {"tag": "wants:tea", "score": 0.4, "purpose": "profiling"},
            {"tag": "life_event:pregnant", "score": 0.9, "purpose": "sensitive"},
        ],
        "customer_category_interest": [
            {"category": "tea", "wanted_not_bought": 3.0},
            {"category": "coffee", "wanted_not_bought": 5.0},
            {"category": "milk", "wanted_not_bought": 0.0},
        ],
        "next_best_products": [{"product_id": "p1", "category": "tea"}],
    }
    assert card_lines(lambda name: tables.get(name, [])) == [
        ("stage", "loyal"),
        ("looked at and did not buy", "coffee, tea"),
        ("price band", "the dearest fifth"),
        ("show her", "p1 (tea)"),
        ("known for", "wants:tea"),
        ("mind", "an open complaint: listen first, sell nothing"),
    ]


def test_a_stranger_has_an_empty_card() -> None:
    """Without any table there is nothing to say."""
    assert card_lines(lambda name: []) == []
