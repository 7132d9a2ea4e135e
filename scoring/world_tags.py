"""Tags of simulated posts against their truth: precision and recall per tag, kept apart by template family, and traps.

A truth row tells one thing of a post (an event or an interest, or nothing) and whether it holds. Interests that the
world does not know are set aside, and so are interests of posts that tell of an event: the truth says nothing there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from models.metrics import wilson

EVENT, INTEREST, LOSS = "life_event", "interest", "loss"
KINDS = (EVENT, INTEREST, LOSS)
ALL = "all"
# of one thing with several names, each is right where the truth has another
SAME = (
    {"fashion", "shirts", "menswear", "coats", "dresses"},
    {"shoes", "sneakers", "running", "badminton"},
    {"appliances", "cleaning", "cooking", "coffee", "storage"},
    {"gaming", "keyboards", "headphones", "digital"},
    {"bags", "luggage", "outdoor_travel"},
    {"kidswear", "dresses", "toys", "picture_books"},
    {"sunscreen", "skincare"},
    {"home_decor", "bedding", "storage", "home_fragrance"},
)


@dataclass(frozen=True)
class Truth:
    """What a simulated post is. `trap` is empty where it is none."""

    event: str
    interest: str
    holds: bool
    is_loss: bool
    trap: str
    held_out: bool


@dataclass(frozen=True)
class TagLine:
    """One line of the table: `right` of `found` tags, and `right` of `there`; Wilson intervals at 95 %."""

    families: str  # held-out, or those that may be looked at
    kind: str
    tag: str
    found: int
    there: int
    right: int
    precision: tuple[float, float, float] | None
    recall: tuple[float, float, float] | None

    def as_dict(self) -> dict[str, object]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True)
class TrapLine:
    """Posts of a trap class, and how many of them were taken for what they are not."""

    families: str
    trap: str
    posts: int
    taken: int


def families_of(truth: Truth) -> str:
    """The group of template families that a post counts in."""
    return "held-out" if truth.held_out else "seen"


def score_tags(posts: Iterable[tuple[Truth, Mapping[str, set[str]]]]) -> tuple[list[TagLine], list[TrapLine]]:
    """Lines per group of families, kind and tag (and over all tags), and per trap. posts: truth, and tags by kind."""
    rows = list(posts)
    known = {t.interest for t, _ in rows if t.interest}
    found, there, right = (Counter[tuple[str, str, str]]() for _ in range(3))
    trapped, taken = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for truth, tags in rows:
        group = families_of(truth)
        wrong = False
        for kind in KINDS:
            real = _real(truth, kind)
            given = _given(truth, kind, tags.get(kind, set()), known)
            for tag in given:
                found[group, kind, tag] += 1
            for tag in real:
                there[group, kind, tag] += 1
                right[group, kind, tag] += tag in given
            wrong |= bool(given - real)
        if truth.trap:
            trapped[group, truth.trap] += 1
            taken[group, truth.trap] += wrong
    keys = sorted(set(found) | set(there), key=lambda k: (k[0], KINDS.index(k[1]), k[2]))
    lines = []
    for group, kind in dict.fromkeys(k[:2] for k in keys):
        tags_of = [k for k in keys if k[:2] == (group, kind)]
        sums = [sum(c[k] for k in tags_of) for c in (found, there, right)]
        lines.append(_line(group, kind, ALL, *sums))
        lines += [_line(*k, found[k], there[k], right[k]) for k in tags_of]
    return lines, [TrapLine(g, t, n, taken[g, t]) for (g, t), n in sorted(trapped.items())]


def _real(truth: Truth, kind: str) -> set[str]:
    if kind == LOSS:
        return {truth.event} if truth.is_loss else set()
    name = truth.event if kind == EVENT else truth.interest
    return {name} if name and truth.holds else set()


def _given(truth: Truth, kind: str, tags: set[str], known: set[str]) -> set[str]:
    """The tags that count, another name of the true interest under its own."""
    if kind != INTEREST:
        return tags
    if truth.event and truth.holds:
        return set()
    kept, real = tags & known, _real(truth, kind)
    same = {truth.interest}.union(*[group for group in SAME if truth.interest in group])
    return (kept - same) | real if real and tags & same else kept


def _line(group: str, kind: str, tag: str, found: int, there: int, right: int) -> TagLine:
    return TagLine(group, kind, tag, found, there, right, _share(right, found), _share(right, there))


def _share(n: int, of: int) -> tuple[float, float, float] | None:
    if not of:
        return None
    low, high = wilson(n / of, of)
    return n / of, low, high
