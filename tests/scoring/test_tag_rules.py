"""Rules of tags from the lexicon."""

from features.family_params import InterestParams
from features.tags.lexicon import EventOffer, Interest
from features.tags.life_event_kinds import KINDS_OF_EVENTS
from scoring.tag_rules import tag_rules

OFFERS = (
    EventOffer("baby_due", "preparing", ("diapers",), ("slimming",), "calm", "sensitive", True),
    EventOffer("move", "settling", ("bedding",), (), "welcoming", "profiling", False),
)
RULES = tag_rules(OFFERS, (Interest("tea", "drinks tea", ("tea_coffee",)),), InterestParams())


def test_interests_and_stages_lead_where_the_tables_say() -> None:
    """An interest to its categories, a stage to its own; a stage that may not target leads nowhere and still spares."""
    assert RULES["post:tea"].categories == ("tea_coffee",)
    stage, spared = RULES["post:baby_due@preparing"], RULES["spare:baby_due@preparing"]
    assert (stage.categories, stage.forbidden, stage.proposes) == (("diapers",), ("slimming",), True)
    assert (spared.categories, spared.forbidden, spared.proposes) == ((), ("slimming",), False)


def test_sensitive_events_are_never_named() -> None:
    """Neither the event nor its stages; others may be."""
    assert RULES["post:baby_due"].never_named
    assert RULES["post:baby_due@imminent"].never_named
    assert not RULES["post:move@settling"].never_named


def test_events_end_by_losses_later_events_and_their_last_stage() -> None:
    """A loss of the event or of one that shares its losses, the event that takes its place, and the end of its clock;
    a stage by the next one too."""
    ends = dict(RULES["post:baby_due"].closed_by)
    kind = KINDS_OF_EVENTS["baby_due"]
    assert ends["loss:baby_due"] == ends["loss:pregnant"] == kind.suppress_days
    assert ends["told:baby_born"] == ends["end:baby_due"] == 0
    assert dict(RULES["post:baby_due@preparing"].closed_by)["post:baby_due@imminent"] == 0
    assert "post:baby_due@preparing" not in dict(RULES["post:baby_due@imminent"].closed_by)
