"""What a simulated post can be about: the contents, read from `conf/world_posts/`.

A content is a true life event (`event/<event>`), an interest (`like/<topic>`, `want/<topic>`, `fit/<topic>`), a trap
(`<class>/<event or topic>`), a loss that clears an event (`loss/<event>`) or talk without either (`chatter`, ...).
Each holds families of wording; about a quarter of the families of each are held out of development.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import yaml

from jobs.simulate.errors import WorldError
from jobs.simulate.life_events import EVENTS

WHEN = ("any", "early", "during", "now", "ahead", "since")  # what families of a true event suit: see events_family.yaml
_EVENT_FILES = ("events_family.yaml", "events_home_work.yaml", "events_self.yaml")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # both build plain values only


@dataclass(frozen=True)
class Family:
    """One family of wording."""

    text: str  # the template: literals, {slots} and (one|of|several)
    is_held_out: bool  # never seen in development
    when: str = "any"  # one of WHEN


@dataclass(frozen=True)
class Content:
    """What a post is about, with the truth of it."""

    name: str
    meaning: str
    families: tuple[Family, ...]
    scope: Mapping[str, tuple[str, ...]] = field(repr=False)  # slot fillers of this content, before the common ones
    mood: str = "neutral"  # which endings suit: happy, neutral, sad, plain
    has_head: bool = True  # whether an opener may stand in front
    event: str | None = None  # the life event that the words are about
    interest: str | None = None  # the topic that the words are about
    trap: str | None = None  # why the words mislead
    holds: bool = False  # the event or interest is truly the author's
    is_loss: bool = False  # the event is over or called off: it clears what was said before
    sentiment: int = 0  # about the own brand: 1 praise, -1 complaint


def lines(block: str) -> tuple[str, ...]:
    """Lines of a block of the data files, without the blank ones."""
    return tuple(line.strip() for line in block.splitlines() if line.strip())


def read_data(name: str) -> dict[str, Any]:
    """One data file of `conf/world_posts/`."""
    text = resources.files("conf").joinpath("world_posts", name).read_text("utf-8")
    parsed: dict[str, Any] = yaml.load(text, Loader=_LOADER)  # noqa: S506 - a safe loader, the C one where it is built
    return parsed


def _families(block: str, when: str = "any") -> tuple[Family, ...]:
    return tuple(Family(t.removeprefix("~").strip(), t.startswith("~"), when) for t in lines(block))


@cache
def event_data() -> dict[str, dict[str, Any]]:
    """What the data files hold of each event of `life_events.EVENTS`, in that order."""
    found: dict[str, dict[str, Any]] = {}
    for name in _EVENT_FILES:
        found |= read_data(name)
    if set(found) != set(EVENTS):
        raise WorldError(f"conf/world_posts: events {sorted(set(found) ^ set(EVENTS))} are not in both texts and code")
    return {event: found[event] for event in EVENTS}


def event_contents() -> Iterator[Content]:
    """True events and their losses."""
    for event, data in event_data().items():
        groups = tuple(f for when in WHEN for f in _families(data.get(when, ""), when))
        yield Content(f"event/{event}", data["meaning"], groups, {}, data["mood"], event=event, holds=True)
        loss = _families(data["loss"])
        meaning = f"no longer so: {data['meaning']}"
        yield Content(f"loss/{event}", meaning, loss, {}, "sad", False, event, trap="loss", is_loss=True)


def trap_contents() -> Iterator[Content]:
    """Every trap class with every event that it suits."""
    for trap, data in read_data("traps.yaml").items():
        common = _families(data["families"])
        for event, of_event in event_data().items():
            own = _families(of_event.get("traps", {}).get(trap, ""))
            families = own if event in data.get("except", ()) else common + own
            if families:
                scope = {k: lines(v) for k, v in of_event["phrases"].items()}
                yield Content(
                    f"{trap}/{event}",
                    f"{data['meaning']}: {of_event['meaning']}",
                    families,
                    scope,
                    data["mood"],
                    data.get("head", True),
                    event=event,
                    trap=trap,
                )


def interest_contents() -> Iterator[Content]:
    """Interests and needs, and what only looks like one."""
    data = read_data("interests.yaml")
    for topic, of_topic in data["topics"].items():
        scope = {slot: tuple(of_topic[slot].split("|")) for slot in ("thing", "doing", "size") if slot in of_topic}
        for name, of_class in data["classes"].items():
            if of_class.get("only") and not of_topic.get(of_class["only"]):
                continue
            own = _families("\n".join(of_topic["own"])) if name == "like" else ()
            trap = of_class.get("trap")
            yield Content(
                f"{name}/{topic}",
                f"{of_class['meaning']}: {topic}",
                _families(of_class["families"]) + own,
                scope,
                of_class["mood"],
                of_class.get("head", True),
                interest=topic,
                trap=trap,
                holds=trap is None,
            )


def other_contents() -> Iterator[Content]:
    """Chatter, and talk of the own brand and of rivals."""
    for name, data in read_data("chatter.yaml").items():
        yield Content(
            name,
            data["meaning"],
            _families(data["families"]),
            {},
            data["mood"],
            data["mood"] != "plain",
            trap=data.get("trap"),
            sentiment=data["sentiment"],
        )


def unlisted_traps() -> tuple[str, ...]:
    """Trap classes that the design pages do not name."""
    return tuple(name for name, data in read_data("traps.yaml").items() if not data["page"])


def interest_categories() -> dict[str, str | None]:
    """Topic: the category of the catalogue that it moves, None where the shop sells nothing of it."""
    topics = read_data("interests.yaml")["topics"]
    return {topic: None if data["category"] == "none" else data["category"] for topic, data in topics.items()}


@cache
def slot_fillers() -> dict[str, tuple[str, ...]]:
    """Fillers that all contents share, by slot."""
    return {name: lines(block) for name, block in read_data("slots.yaml").items()}


def own_brand_names() -> tuple[str, ...]:
    """How authors write the name of the simulated retailer."""
    return slot_fillers()["brand"]


def rival_names() -> tuple[str, ...]:
    """How authors write the names of its rivals."""
    return slot_fillers()["rival"]


@cache
def all_contents() -> tuple[Content, ...]:
    """Every content; its place is its code."""
    found = (*event_contents(), *interest_contents(), *trap_contents(), *other_contents())
    names = [c.name for c in found]
    if len(set(names)) < len(names):
        raise WorldError(f"conf/world_posts: contents named twice: {sorted({n for n in names if names.count(n) > 1})}")
    return found
