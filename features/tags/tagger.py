"""From texts to tags: the automaton finds words, rules and guards judge them.

Most posts hold no word of the lexicon, and only those that may hold one are normalised and judged; that they are all
found is a property of `normalise.lightly`, and tested.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from features.tags.clocks import FORM_PATTERNS, by_rule, happens_on
from features.tags.guards import Context, Hit, Judges, Panel
from features.tags.lexicon import INTEREST, LIFE_EVENT, LOSS, ClockRule, Lexicon, Rule
from features.tags.matcher import Matcher, starts_of
from features.tags.normalise import Own, normalise, own_words
from features.tags.screens import EVERY, Screens
from features.tags.sentiment import MoodReader

TIME_ZONE = "Asia/Shanghai"
SELF_RAISES = 0.5  # who speaks of herself halves the doubt that is left
TOPIC_FACTOR = 0.8  # a #topic# is chosen from a list more often than it is said
MENTION = "mention"  # drops an interest that is only named
_BRANDS = ("own_brand", "rival_brand")


class Tag(NamedTuple):
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
    for position, tags in tagger.tags_of(texts, lambda p: posted[p].astimezone(zone).date()):
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


class _Ready(NamedTuple):
    """A rule made ready. Its bits tell in a post's mask whether an expression may match."""

    rule: Rule
    tag: str
    needs: re.Pattern[str] | None
    needs_bit: int
    unless: re.Pattern[str] | None
    unless_bit: int
    panel: Panel
    dated: bool
    clocks: tuple[tuple[re.Pattern[str], int, ClockRule], ...]


class Tagger:
    """A lexicon made ready: automaton, compiled guards and expressions."""

    def __init__(self, lexicon: Lexicon) -> None:
        """Compiles everything; `re.error` or `ValueError` for a lexicon that cannot be used."""
        self._least = lexicon.least_confidence
        self._matcher = Matcher(lexicon)
        self._self = re.compile(lexicon.self_markers) if lexicon.self_markers else None
        self._engaged = re.compile(lexicon.engaged) if lexicon.engaged else None
        self._mood = MoodReader(lexicon.mood)
        self._screens = screens = Screens(
            [
                *(g.pattern for g in lexicon.guards),
                *(p for r in lexicon.rules for p in (r.needs, r.unless)),
                *(c.pattern for c in lexicon.clocks),
                *(lexicon.self_markers, lexicon.engaged, *FORM_PATTERNS),
            ]
        )
        self._self_bit, self._engaged_bit = screens.bit(lexicon.self_markers), screens.bit(lexicon.engaged)
        self._forms = [(n, screens.bit(p)) for n, p in enumerate(FORM_PATTERNS)]
        judges = Judges(lexicon.guards, screens)
        self._rules = [self._ready(r, lexicon, judges) for r in lexicon.rules]

    def _ready(self, rule: Rule, lexicon: Lexicon, judges: Judges) -> _Ready:
        clocks = [c for c in lexicon.clocks if c.event == rule.tag]
        return _Ready(
            rule,
            rule.tag,
            re.compile(rule.needs) if rule.needs else None,
            self._screens.bit(rule.needs),
            re.compile(rule.unless) if rule.unless else None,
            self._screens.bit(rule.unless),
            judges.panel(rule.tag_kind, rule.off),
            rule.tag_kind == LIFE_EVENT,
            tuple((re.compile(c.pattern), self._screens.bit(c.pattern), c) for c in clocks),
        )

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

    def tags_of(self, texts: Sequence[str], day_of: Callable[[int], date]) -> Iterator[tuple[int, list[Tag]]]:
        """(position, tags) of the texts that have some, the dropped ones too: `judged`, for many at once.

        `day_of` gives the local day of the text at a position; it is asked where a tag needs it.
        """
        candidates = self.candidates(texts)
        owns = [own for _, own in candidates]
        segments, topics, masks = self._screened(owns)
        hits = self._matcher.hits_of_all(segments)
        for k, (position, own) in enumerate(candidates):
            here = hits.get(k)
            about = [(own.topics[n], hits[at]) for n, at in enumerate(topics[k]) if at in hits] if k in topics else []
            if here or about:
                tags = self._judged(own, here or [], about, masks[k], lambda p=position: day_of(p))  # type: ignore[misc]
                if tags:
                    yield position, tags

    def _screened(self, owns: list[Own]) -> tuple[list[str], dict[int, range], list[int]]:
        """Texts and topics, where each post's topics are among them, and each post's mask."""
        segments = [own.text for own in owns]
        extra: list[str] = []
        topics: dict[int, range] = {}
        of_extra: list[int] = []
        for k, (text, about, emotions, chain) in enumerate(owns):
            if about:
                topics[k] = range(len(segments), len(segments) + len(about))
                segments += about
            if emotions or chain:
                # as guards of the whole post see them
                extra.append("".join([text[-1:], *(f" [{e}]" for e in emotions), "\n", chain]))
                of_extra.append(k)
        every = [*segments, *extra]
        masks = self._screens.masks("\n".join(every) + "\n", starts_of(every)) if every else []
        for k, where in topics.items():
            for at in where:
                masks[k] |= masks[at]
        for at, k in enumerate(of_extra, len(segments)):
            masks[k] |= masks[at]
        return segments, topics, masks

    def judged(self, own: Own, day: date) -> list[Tag]:
        """All tags of own words written on a local day, the dropped ones too, one per tag name, by name.

        Nothing is screened: what `tags_of` must give, too.
        """
        about = [(topic, list(self._matcher.hits(topic))) for topic in own.topics]
        return self._judged(own, list(self._matcher.hits(own.text)), about, EVERY, lambda: day)

    def _judged(
        self,
        own: Own,
        hits: list[tuple[int, Hit]],
        topics: list[tuple[str, list[tuple[int, Hit]]]],
        present: int,
        day: Callable[[], date],
    ) -> list[Tag]:
        best: dict[str, Tag] = {}
        context: Context | None = None
        for position, hit in hits:
            ready = self._rules[position]
            if not ready.needs_bit & present and not ready.rule.only_engaged:
                continue
            known = best.get(ready.tag)
            if known is not None and known.dropped_by is None and known.tag_kind == INTEREST:
                continue  # a second hit of an interest says nothing new
            if context is None:
                context = Context(own.text, own.emotions, own.chain)
            self._keep(best, self._judge(ready, hit, context, own, day, present))
        for topic, found in topics:
            about = Context(topic)
            context = context or Context(own.text, own.emotions, own.chain)
            for position, hit in found:
                ready = self._rules[position]
                if ready.rule.tag_kind in (INTEREST, *_BRANDS):
                    self._keep(best, self._judge(ready, hit, context, own, day, present, about))
        return [best[name] for name in sorted(best)] if len(best) > 1 else list(best.values())

    @staticmethod
    def _keep(best: dict[str, Tag], tag: Tag | None) -> None:
        """One tag per name: a loss before the event, what stands before what was dropped, the surest first."""
        if tag is None:
            return
        other = best.get(tag.tag)
        if other is None or _rank(tag) > _rank(other):
            best[tag.tag] = tag

    def _judge(
        self,
        ready: _Ready,
        hit: Hit,
        context: Context,
        own: Own,
        day: Callable[[], date],
        present: int,
        topic: Context | None = None,
    ) -> Tag | None:
        """The tag of a hit, or None where the rule does not hold. In a topic the guards of the post still count."""
        rule = ready.rule
        around = topic or context
        if rule.only_engaged and not self._is_engaged(context, hit, topic, present):
            return Tag(rule.tag, rule.tag_kind, 0.0, None, rule.name, None, MENTION)
        if ready.needs is not None and (
            not ready.needs_bit & present or ready.needs.search(around.sentence(hit)) is None
        ):
            return None
        if ready.unless is not None and ready.unless_bit & present and ready.unless.search(context.text) is not None:
            return None
        verdict = ready.panel.judge(around, hit, present)
        if topic is not None and verdict.dropped_by is None:
            # the end of the post stands for the topic
            end = Hit(len(context.text), len(context.text))
            verdict = ready.panel.judge(context, end, present)
        confidence = rule.confidence * verdict.factor * (TOPIC_FACTOR if topic is not None else 1.0)
        dropped, dated = verdict.dropped_by, ready.dated
        sentence = around.sentence(hit) if dated else ""
        if dropped is None and dated and self._speaks_of_self(sentence, present):
            confidence = 1 - (1 - confidence) * SELF_RAISES
        if dropped is None and confidence < self._least:
            dropped = "unsure"
        return Tag(
            rule.tag,
            rule.tag_kind,
            round(confidence, 6),
            self._day_of(ready, sentence, own.text, day, present) if dated and dropped is None else None,
            rule.name,
            self._mood.read(own.text, own.emotions) if rule.tag_kind in _BRANDS else None,
            dropped,
        )

    def _speaks_of_self(self, sentence: str, present: int) -> bool:
        return self._self is not None and bool(self._self_bit & present) and self._self.search(sentence) is not None

    def _is_engaged(self, context: Context, hit: Hit, topic: Context | None, present: int) -> bool:
        """Whether the clause says that the author likes, buys or does something; a topic of her own says so."""
        if topic is not None or self._engaged is None:
            return True
        return bool(self._engaged_bit & present) and self._engaged.search(context.clause(hit)) is not None

    def _day_of(self, ready: _Ready, sentence: str, text: str, day: Callable[[], date], present: int) -> date | None:
        """The event's own clock first, then dates in its sentence, then dates anywhere in a short post."""
        for pattern, bit, clock in ready.clocks:
            m = pattern.search(text) if bit & present else None
            if m is not None:
                return by_rule(m, day(), clock.base_days, clock.unit_days)
        forms = [n for n, bit in self._forms if bit & present]
        if not forms:
            return None
        posted, kind = day(), ready.rule.clock
        return happens_on(sentence, posted, kind, forms) or happens_on(text, posted, kind, forms)


def _rank(tag: Tag) -> tuple[bool, bool, float, str]:
    return tag.dropped_by is None, tag.tag_kind == LOSS, tag.confidence, tag.rule
