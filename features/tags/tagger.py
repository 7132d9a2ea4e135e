"""From texts to tags: the automaton finds words, rules and guards judge them.

Most posts hold no word of the lexicon, and only those that may hold one are normalised and judged; that they are all
found is a property of `normalise.lightly`, and tested.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from features.tags.clocks import by_rule, happens_on
from features.tags.guards import Context, Hit, Judges
from features.tags.lexicon import INTEREST, LIFE_EVENT, LOSS, ClockRule, Lexicon, Rule
from features.tags.matcher import Matcher
from features.tags.normalise import Own, normalise, own_words
from features.tags.sentiment import MoodReader

TIME_ZONE = "Asia/Shanghai"
SELF_RAISES = 0.5  # who speaks of herself halves the doubt that is left
TOPIC_FACTOR = 0.8  # a #topic# is chosen from a list more often than it is said
MENTION = "mention"  # drops an interest that is only named
_BRANDS = ("own_brand", "rival_brand")


@dataclass(frozen=True)
class Tag:
    """What a post says of its author. `happens_on` is the day of a life event, where the post tells it.

    `dropped_by` names the guard that found it is not so; such tags are for counting only.
    """

    tag: str
    tag_kind: str
    confidence: float
    happens_on: date | None
    rule: str
    sentiment: float | None = None
    dropped_by: str | None = None


def tag_texts(
    texts: list[str], posted: list[datetime], lexicon: Lexicon, time_zone: str = TIME_ZONE
) -> list[list[Tag]]:
    """The tags of each text, one per tag name, by name. `posted` are aware UTC moments."""
    tagger = tagger_of(lexicon)
    zone = ZoneInfo(time_zone)
    found: list[list[Tag]] = [[] for _ in texts]
    for position, own in tagger.candidates(texts):
        tags = tagger.judged(own, posted[position].astimezone(zone).date())
        found[position] = [t for t in tags if t.dropped_by is None]
    return found


@lru_cache(maxsize=4)
def _build(digest: str, hold: _Held) -> Tagger:
    return Tagger(hold.lexicon)


class _Held:
    """A lexicon that is equal to another of the same digest, so that a cache need not hash all of it."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and (
            other.lexicon is self.lexicon or (bool(self.lexicon.digest) and other.lexicon.digest == self.lexicon.digest)
        )

    def __hash__(self) -> int:
        return hash(self.lexicon.digest)


def tagger_of(lexicon: Lexicon) -> Tagger:
    """The tagger of a lexicon, built once per process."""
    return _build(lexicon.digest, _Held(lexicon))


class Tagger:
    """A lexicon made ready: automaton, compiled guards and expressions."""

    def __init__(self, lexicon: Lexicon) -> None:
        """Compiles everything; `re.error` or `ValueError` for a lexicon that cannot be used."""
        self._lexicon = lexicon
        self._matcher = Matcher(lexicon)
        self._judges = Judges(lexicon.guards)
        self._needs = [re.compile(r.needs) if r.needs else None for r in lexicon.rules]
        self._unless = [re.compile(r.unless) if r.unless else None for r in lexicon.rules]
        self._self = re.compile(lexicon.self_markers) if lexicon.self_markers else None
        self._engaged = re.compile(lexicon.engaged) if lexicon.engaged else None
        self._mood = MoodReader(lexicon.mood)
        self._clocks: dict[str, list[tuple[re.Pattern[str], ClockRule]]] = {}
        for clock in lexicon.clocks:
            self._clocks.setdefault(clock.event, []).append((re.compile(clock.pattern), clock))

    def candidates(self, texts: Sequence[str]) -> list[tuple[int, Own]]:
        """(position, own words) of the texts that may have a tag, ascending."""
        texts = list(texts)
        plain, special = self._matcher.prefilter.find(texts)
        found = [(i, own_words(texts[i], light)) for i, light in plain.items()]
        # what was special is in one spelling now; topics may hold words too
        own = [normalise(texts[i]) for i in special]
        words, unclear = self._matcher.prefilter.find(["\n".join((o.text, *o.topics)) for o in own])
        found += [(special[k], own[k]) for k in (*words, *unclear)]
        return sorted(found, key=lambda pair: pair[0])

    def judged(self, own: Own, day: date) -> list[Tag]:
        """All tags of own words written on a local day, the dropped ones too, one per tag name, by name."""
        best: dict[str, Tag] = {}
        context = Context(own.text, own.emotions, own.chain)
        for position, hit in self._matcher.hits(own.text):
            known = best.get(self._lexicon.rules[position].tag)
            if known is not None and known.dropped_by is None and known.tag_kind == INTEREST:
                continue  # a second hit of an interest says nothing new
            self._keep(best, self._judge(position, hit, context, own, day))
        for topic in own.topics:
            about = Context(topic)
            for position, hit in self._matcher.hits(topic):
                if self._lexicon.rules[position].tag_kind in (INTEREST, *_BRANDS):
                    self._keep(best, self._judge(position, hit, context, own, day, about))
        return [best[name] for name in sorted(best)]

    @staticmethod
    def _keep(best: dict[str, Tag], tag: Tag | None) -> None:
        """One tag per name: a loss before the event, what stands before what was dropped, the surest first."""
        if tag is None:
            return
        other = best.get(tag.tag)
        if other is None or _rank(tag) > _rank(other):
            best[tag.tag] = tag

    def _judge(
        self, position: int, hit: Hit, context: Context, own: Own, day: date, topic: Context | None = None
    ) -> Tag | None:
        """The tag of a hit, or None where the rule does not hold. In a topic the guards of the post still count."""
        rule = self._lexicon.rules[position]
        around = topic or context
        if rule.only_engaged and not self._is_engaged(context, hit, topic):
            return Tag(rule.tag, rule.tag_kind, 0.0, None, rule.name, None, MENTION)
        needs, unless = self._needs[position], self._unless[position]
        if needs is not None and needs.search(around.sentence(hit)) is None:
            return None
        if unless is not None and unless.search(context.text) is not None:
            return None
        verdict = self._judges.judge(around, hit, rule.tag_kind, rule.off)
        if topic is not None and verdict.dropped_by is None:
            # the end of the post stands for the topic
            end = Hit(len(context.text), len(context.text))
            verdict = self._judges.judge(context, end, rule.tag_kind, rule.off)
        confidence = rule.confidence * verdict.factor * (TOPIC_FACTOR if topic is not None else 1.0)
        dropped = verdict.dropped_by
        dated = rule.tag_kind == LIFE_EVENT
        sentence = around.sentence(hit) if dated else ""
        if dropped is None and dated and self._self is not None and self._self.search(sentence):
            confidence = 1 - (1 - confidence) * SELF_RAISES
        if dropped is None and confidence < self._lexicon.least_confidence:
            dropped = "unsure"
        return Tag(
            rule.tag,
            rule.tag_kind,
            round(confidence, 6),
            self._day_of(rule, sentence, own.text, day) if dated and dropped is None else None,
            rule.name,
            self._mood.read(own.text, own.emotions) if rule.tag_kind in _BRANDS else None,
            dropped,
        )

    def _is_engaged(self, context: Context, hit: Hit, topic: Context | None) -> bool:
        """Whether the clause says that the author likes, buys or does something; a topic of her own says so."""
        return topic is not None or self._engaged is None or self._engaged.search(context.clause(hit)) is not None

    def _day_of(self, rule: Rule, sentence: str, text: str, day: date) -> date | None:
        """The event's own clock first, then dates in its sentence, then dates anywhere in a short post."""
        for pattern, clock in self._clocks.get(rule.tag, ()):
            m = pattern.search(text)
            if m is not None:
                return by_rule(m, day, clock.base_days, clock.unit_days)
        return happens_on(sentence, day, rule.clock) or happens_on(text, day, rule.clock)


def _rank(tag: Tag) -> tuple[bool, bool, float, str]:
    return tag.dropped_by is None, tag.tag_kind == LOSS, tag.confidence, tag.rule


def untouched(texts: Sequence[str], days: Sequence[date], lexicon: Lexicon) -> Iterator[list[Tag]]:
    """The tags of each text by the full path alone: what `candidates` must not change. For tests."""
    tagger = tagger_of(lexicon)
    for text, day in zip(texts, days, strict=True):
        yield [t for t in tagger.judged(normalise(text), day) if t.dropped_by is None]
