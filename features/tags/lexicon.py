"""What the lexicon holds, as plain frozen data: it goes to workers in a closure and is read from files by `jobs`."""

from __future__ import annotations

from dataclasses import dataclass, field

LIFE_EVENT, LOSS, INTEREST, OWN_BRAND, RIVAL_BRAND = "life_event", "loss", "interest", "own_brand", "rival_brand"
KINDS = (LIFE_EVENT, LOSS, INTEREST, OWN_BRAND, RIVAL_BRAND)
WHERE = ("left", "right", "near", "before", "clause", "sentence", "post", "chain")


@dataclass(frozen=True)
class Sentences:
    """A rule's own tests: texts that must give its tag and texts that must not."""

    gives: tuple[str, ...] = ()
    spares: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """One way in which a tag is said.

    `words` are found by the automaton. `needs` must be found in the hit's sentence, `unless` must not be in the
    post; both are regular expressions, empty for none. `clock` tells where the day of the event lies from the post:
    ahead, past or near. `off` names guards that do not judge this rule. With `only_engaged` the
    hit's clause must also say that the author likes, buys or does something: the word is named too often to tell.
    """

    name: str
    tag: str
    tag_kind: str
    words: tuple[str, ...]
    confidence: float
    needs: str = ""
    unless: str = ""
    clock: str = "near"
    off: tuple[str, ...] = ()
    only_engaged: bool = False
    sentences: Sentences = Sentences()


@dataclass(frozen=True)
class Guard:
    """Why a hit is not what it seems, or is less sure.

    `where` is the stretch in which `pattern` is looked for: `within` characters left or right of the hit in its
    clause, or on both sides of it (near), its sentence before it, its clause, its sentence, the whole post, or the
    chain that the post passes on.
    A match of `unless` in the same stretch takes the guard back.
    `factor` multiplies the confidence: 0 drops the hit. `kinds` are the kinds of tag it judges. `blocks` and
    `passes` are its tests, as (tag, text).
    """

    name: str
    where: str
    pattern: str
    kinds: tuple[str, ...]
    within: int = 0
    unless: str = ""
    factor: float = 0.0
    blocks: tuple[tuple[str, str], ...] = ()
    passes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class ClockRule:
    """A way to tell an event's day that only this event has.

    The day is the post's plus `base_days` plus n times `unit_days`, where n is the number in the group `n`.
    """

    event: str
    pattern: str
    base_days: float = 0.0
    unit_days: float = 0.0


@dataclass(frozen=True)
class Mood:
    """Words of praise and complaint, and those that turn them round when they stand just before."""

    good: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()
    turning: tuple[str, ...] = ()


@dataclass(frozen=True)
class Interest:
    """An interest: its meaning and the categories of products that it may lead to."""

    tag: str
    gloss: str
    categories: tuple[str, ...]


@dataclass(frozen=True)
class Lexicon:
    """All rules and guards. `digest` names the content: equal digests, equal tags."""

    rules: tuple[Rule, ...]
    guards: tuple[Guard, ...] = ()
    masks: tuple[str, ...] = ()  # longer words that hold a word of ours and mean something else
    self_markers: str = ""  # who speaks of herself is more sure; a regular expression
    engaged: str = ""  # what makes of a word that is named an interest; a regular expression
    clocks: tuple[ClockRule, ...] = ()
    mood: Mood = Mood()
    interests: tuple[Interest, ...] = ()
    least_confidence: float = 0.5
    digest: str = ""


@dataclass(frozen=True)
class BrandNames:
    """Settings of the step: names that posts are searched for beside the lexicon."""

    own_brands: tuple[str, ...] = field(default=())
    rival_brands: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        """A brand is the shop's or a rival's, and has a name that can be found."""
        both = set(self.own_brands) & set(self.rival_brands)
        faults = [f"{b!r} is named as own and as rival brand" for b in sorted(both)]
        faults += [f"{b!r} is too short to be found" for b in (*self.own_brands, *self.rival_brands) if len(b) < 2]
        if faults:
            raise ValueError("; ".join(faults))


@dataclass(frozen=True)
class EventOffer:
    """What may be offered around a life event, and how.

    `stage` is one of the event's stages (see `life_event_kinds`). `forbidden` categories are never shown in it.
    `never_named`: a message must not tell that the event is known.
    """

    event: str
    stage: str
    categories: tuple[str, ...]
    forbidden: tuple[str, ...]
    tone: str
    purpose: str
    never_named: bool
