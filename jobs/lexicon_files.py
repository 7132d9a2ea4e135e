"""The lexicon from its files in `conf/lexicon`: words and sentences are data, checked here and handed down frozen.

In `words`, braces list alternatives: `搬{进,去}新{家,房}` are four words. In patterns, `<name>` stands for a part of
`parts.yaml`.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from features.errors import SettingsError
from features.tags.lexicon import (
    INTEREST,
    LOSS,
    OWN_BRAND,
    RIVAL_BRAND,
    BrandNames,
    ClockRule,
    EventOffer,
    Guard,
    Interest,
    Lexicon,
    Mood,
    Rule,
    Sentences,
)
from features.tags.life_event_kinds import KINDS_OF_EVENTS
from features.tags.normalise import normalise

BRAND_CONFIDENCE = 0.9
_BRACES = re.compile(r"\{([^{}]*)\}")
_PART = re.compile(r"<([a-z_]+)>")


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _RuleEntry(_Entry):
    words: list[str]
    confidence: float = Field(default=0.8, gt=0, le=1)
    needs: str = ""
    unless: str = ""
    clock: str = Field(default="near", pattern="^(ahead|past|near)$")
    without_guards: list[str] = []
    only_engaged: bool = False
    gives: list[str] = []
    spares: list[str] = []


class _TagEntry(_Entry):
    gloss: str
    categories: list[str] = []
    rules: dict[str, _RuleEntry] = {}
    # a tag with one rule may say it here
    words: list[str] = []
    confidence: float = Field(default=0.75, gt=0, le=1)
    needs: str = ""
    unless: str = ""
    without_guards: list[str] = []
    only_engaged: bool = False
    gives: list[str] = []
    spares: list[str] = []


class _TagFile(_Entry):
    kind: str = Field(pattern="^(life_event|loss|interest)$")
    tags: dict[str, _TagEntry]


class _GuardEntry(_Entry):
    gloss: str
    where: str = Field(pattern="^(left|right|near|before|clause|sentence|post|chain)$")
    kinds: list[str]
    pattern: str
    within: int = Field(default=0, ge=0)
    unless: str = ""
    factor: float = Field(default=0.0, ge=0, le=1)
    blocks: dict[str, list[str]] = {}
    passes: dict[str, list[str]] = {}


class _GuardFile(_Entry):
    self_markers: str
    engaged: str
    least_confidence: float = Field(ge=0, le=1)
    guards: dict[str, _GuardEntry]
    masks: list[str]


class _ClockEntry(_Entry):
    pattern: str
    base_days: float = 0.0
    unit_days: float = 0.0


class _OfferEntry(_Entry):
    categories: list[str]
    forbidden: list[str] = []
    tone: str
    purpose: str = Field(pattern="^(profiling|sensitive)$")
    never_named: bool = False


def load_lexicon(params: BrandNames | None = None, folder: Traversable | None = None) -> Lexicon:
    """The lexicon of the files, and the brands of the settings; `SettingsError` listing every fault."""
    where = folder or resources.files("conf").joinpath("lexicon")
    files = {f.name: f.read_text("utf-8") for f in where.iterdir() if f.name.endswith(".yaml")}
    faults: list[str] = []
    parsed = {name: _parse(name, text, faults) for name, text in sorted(files.items())}
    parts = _parts(parsed.pop("parts.yaml", {}))
    guards = _checked(_GuardFile, "guards.yaml", parsed.pop("guards.yaml", {}), faults)
    clocks = _clocks(parsed.pop("clocks.yaml", {}), parts, faults)
    mood = parsed.pop("mood.yaml", {})
    parsed.pop("event_offers.yaml", None)
    rules: list[Rule] = []
    interests: list[Interest] = []
    for name, tree in parsed.items():
        found = _checked(_TagFile, name, tree, faults)
        if found is not None:
            rules += _rules(name, found, parts, faults)
            if found.kind == INTEREST:
                interests += [Interest(t, e.gloss, tuple(e.categories)) for t, e in found.tags.items()]
    params = params or BrandNames()
    rules += [*_brand_rules(OWN_BRAND, params.own_brands), *_brand_rules(RIVAL_BRAND, params.rival_brands)]
    if faults or guards is None:
        raise SettingsError("\n".join(["the lexicon cannot be used:", *[f"  - {f}" for f in faults]]))
    return Lexicon(
        rules=tuple(rules),
        guards=tuple(_guard(name, g, parts) for name, g in guards.guards.items()),
        masks=tuple(w for mask in guards.masks for w in expanded(mask)),
        self_markers=_filled(guards.self_markers, parts),
        engaged=_filled(guards.engaged, parts),
        clocks=tuple(clocks),
        mood=Mood(*[tuple(mood.get(key, ())) for key in ("good", "bad", "turning")]),
        interests=tuple(interests),
        least_confidence=guards.least_confidence,
        digest=lexicon_digest(params, folder),
    )


def load_event_offers(folder: Traversable | None = None) -> tuple[EventOffer, ...]:
    """The table from life event to offer; `SettingsError` for an event or stage that is not known."""
    where = folder or resources.files("conf").joinpath("lexicon")
    faults: list[str] = []
    tree = _parse("event_offers.yaml", where.joinpath("event_offers.yaml").read_text("utf-8"), faults)
    offers = []
    for event, stages in tree.items():
        known = KINDS_OF_EVENTS.get(event)
        for stage, entry in stages.items():
            if known is None or stage not in [s.name for s in known.stages]:
                faults.append(f"event_offers.yaml: there is no stage {stage} of {event}")
                continue
            found = _checked(_OfferEntry, f"event_offers.yaml, {event} {stage}", entry, faults)
            if found is not None:
                offers.append(
                    EventOffer(
                        event,
                        stage,
                        tuple(found.categories),
                        tuple(found.forbidden),
                        found.tone,
                        found.purpose,
                        found.never_named,
                    )
                )
    if faults:
        raise SettingsError("\n".join(faults))
    return tuple(offers)


def lexicon_digest(params: BrandNames | None = None, folder: Traversable | None = None) -> str:
    """16 hex digits of SHA-256 over the files and the brands: equal digests, equal tags."""
    where = folder or resources.files("conf").joinpath("lexicon")
    digest = hashlib.sha256()
    for file in sorted((f for f in where.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    params = params or BrandNames()
    digest.update(repr((params.own_brands, params.rival_brands)).encode())
    return digest.hexdigest()[:16]


def expanded(word: str) -> list[str]:
    """The words that braces stand for.

    >>> expanded("搬{进,去}新{家,房}了")
    ['搬进新家了', '搬进新房了', '搬去新家了', '搬去新房了']
    """
    pieces = _BRACES.split(word)
    choices = [p.split(",") if i % 2 else [p] for i, p in enumerate(pieces)]
    return ["".join(c).strip() for c in itertools.product(*choices)]


def _parse(name: str, text: str, faults: list[str]) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as e:
        faults.append(f"{name} is not valid YAML: {e}")
        return {}
    return tree if isinstance(tree, dict) else {}


def _checked(model: type[Any], name: str, tree: object, faults: list[str]) -> Any:
    try:
        return model.model_validate(tree)
    except ValidationError as e:
        faults += [f"{name}: {'.'.join(map(str, f['loc']))}: {f['msg']}" for f in e.errors()]
        return None


def _parts(tree: dict[str, Any]) -> dict[str, str]:
    """Named parts of patterns: a list of words, or a pattern; later ones may use earlier ones."""
    parts: dict[str, str] = {}
    for name, value in tree.items():
        if isinstance(value, list):
            words = sorted({w for v in value for w in expanded(str(v))}, key=lambda w: (-len(w), w))
            parts[name] = "(?:" + "|".join(map(re.escape, words)) + ")"
        else:
            parts[name] = "(?:" + _filled(str(value), parts) + ")"
    return parts


def _filled(pattern: str, parts: dict[str, str]) -> str:
    return _PART.sub(lambda m: parts.get(m.group(1), m.group()), pattern)


def _rules(name: str, file: _TagFile, parts: dict[str, str], faults: list[str]) -> Iterator[Rule]:
    for tag, entry in file.tags.items():
        if file.kind != INTEREST and tag not in KINDS_OF_EVENTS:
            faults.append(f"{name}: {tag} is no life event")
            continue
        rules = dict(entry.rules)
        if entry.words:
            about = entry.model_dump(
                include={"words", "confidence", "needs", "unless", "without_guards", "only_engaged", "gives", "spares"}
            )
            rules["said"] = _RuleEntry.model_validate(about)
        for rule_name, rule in rules.items():
            yield _rule(f"{tag}.{'loss.' if file.kind == LOSS else ''}{rule_name}", tag, file.kind, rule, parts, faults)


def _rule(name: str, tag: str, kind: str, entry: _RuleEntry, parts: dict[str, str], faults: list[str]) -> Rule:
    words = tuple(dict.fromkeys(w for pattern in entry.words for w in expanded(pattern) if w))
    faults += [f"{name}: {w!r} is not as normalised text spells it" for w in words if normalise(w).text != w]
    faults += [f"{name}: {w!r} is not letters and digits" for w in words if not w.isalnum()]
    needs, unless = _filled(entry.needs, parts), _filled(entry.unless, parts)
    for pattern in (needs, unless):
        try:
            re.compile(pattern)
        except re.error as e:
            faults.append(f"{name}: {pattern!r} is not a pattern: {e}")
        if _PART.search(pattern):
            faults.append(f"{name}: {pattern!r} names a part that is not in parts.yaml")
    sentences = Sentences(tuple(entry.gives), tuple(entry.spares))
    off = tuple(entry.without_guards)
    return Rule(
        name, tag, kind, words, entry.confidence, needs, unless, entry.clock, off, entry.only_engaged, sentences
    )


def _guard(name: str, g: _GuardEntry, parts: dict[str, str]) -> Guard:
    return Guard(
        name,
        g.where,
        _filled(g.pattern, parts),
        tuple(g.kinds),
        g.within,
        _filled(g.unless, parts),
        g.factor,
        tuple((tag, text) for tag, texts in g.blocks.items() for text in texts),
        tuple((tag, text) for tag, texts in g.passes.items() for text in texts),
    )


def _clocks(tree: dict[str, Any], parts: dict[str, str], faults: list[str]) -> Iterator[ClockRule]:
    for event, entries in tree.items():
        if event not in KINDS_OF_EVENTS:
            faults.append(f"clocks.yaml: {event} is no life event")
            continue
        for entry in entries:
            found = _checked(_ClockEntry, f"clocks.yaml, {event}", entry, faults)
            if found is not None:
                yield ClockRule(event, _filled(found.pattern, parts), found.base_days, found.unit_days)


def _brand_rules(kind: str, brands: Sequence[str]) -> Iterator[Rule]:
    for brand in brands:
        # a name of several words is found by its first one, and must stand whole
        name = normalise(brand).text.strip()
        first = re.split(r"\W+", name)[0]
        needs = "" if first == name else re.escape(name)
        yield Rule(f"{kind}.{name}", brand, kind, (first,), BRAND_CONFIDENCE, needs)
