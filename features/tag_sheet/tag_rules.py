"""All rules of the tag sheet that look at one feature table."""

from __future__ import annotations

from features.tag_sheet.state_rules import price_rules, state_rules, value_rules, want_rules
from features.tag_sheet.tag_params import TagParams
from features.tag_sheet.tag_rule import TagRule
from features.tag_sheet.taste_rules import habit_rules, taste_rules


def tag_rules(p: TagParams) -> tuple[TagRule, ...]:
    """The rules, with the thresholds filled in."""
    return (
        *habit_rules(p),
        *taste_rules(p),
        *price_rules(p),
        *want_rules(p),
        *state_rules(p),
        *value_rules(p),
    )
