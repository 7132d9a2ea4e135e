"""Rules of the tags of `scoring/tag_days.py`, from the lexicon and the table of what may be offered around an event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from features.family_params import InterestParams
from features.tags.lexicon import EventOffer, Interest
from features.tags.life_event_kinds import LIFE_EVENT_KINDS, SENSITIVE, LifeEventKind
from recommend.tag_rules import TagRule


def tag_rules(
    offers: Iterable[EventOffer], interests: Iterable[Interest], params: InterestParams
) -> Mapping[str, TagRule]:
    """Rules by name. Tags without one, such as those given by networks, count like interests of unknown meaning."""
    rules: dict[str, TagRule] = {}
    for interest in interests:
        rules[f"post:{interest.tag}"] = TagRule(params.half_life_days, params.expiry_days, True, interest.categories)
    by_event: dict[str, list[EventOffer]] = {}
    for offer in offers:
        by_event.setdefault(offer.event, []).append(offer)
    for kind in LIFE_EVENT_KINDS:
        rules |= _event_rules(kind, {o.stage: o for o in by_event.get(kind.event, [])})
    return rules


def _event_rules(kind: LifeEventKind, offers: Mapping[str, EventOffer]) -> dict[str, TagRule]:
    """The event itself, whose stages tell where it leads, and each of its stages."""
    secret = kind.purpose == SENSITIVE or any(o.never_named for o in offers.values())
    over = [(f"loss:{event}", kind.suppress_days) for event in (kind.event, *kind.losses_of)]
    over += [(f"told:{event}", 0) for event in kind.ended_by] + [(f"end:{kind.event}", 0)]
    event = TagRule(kind.half_life_days, kind.expiry_days, True, never_named=secret, closed_by=tuple(over))
    rules = {f"post:{kind.event}": event}
    for place, stage in enumerate(kind.stages):
        offer = offers.get(stage.name)
        for start, proposes in (("post:", True), ("spare:", False)):
            later = [(f"{start}{kind.event}@{s.name}", 0) for s in kind.stages[place + 1 :]]
            rules[f"{start}{kind.event}@{stage.name}"] = TagRule(
                kind.half_life_days,
                min(kind.expiry_days, stage.last - stage.first + 1),
                proposes,
                offer.categories if offer and proposes else (),
                offer.forbidden if offer else (),
                secret,
                tuple(over + later),
            )
    return rules
