"""How right a tagger of posts is on posts that a person has read: precision, recall, and what its traps cost."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.metrics import wilson

FEW = 5  # positives below which a tag's figures say little
LIFE_EVENT, INTEREST = "life_event", "interest"
KINDS = (LIFE_EVENT, INTEREST)

Found = Mapping[str, Mapping[str, frozenset[str]]]  # post id -> kind of tag -> tags that were found


@dataclass(frozen=True)
class LabelledPost:
    """What a reader says of one post."""

    post_id: str
    stratum: str
    split: str
    tags: Mapping[str, frozenset[str]]  # kind -> tags that hold truly for the author
    trap: str = ""  # why a life event that is mentioned does not hold
    sure: bool = True


@dataclass(frozen=True)
class Count:
    """Posts with a tag by the reader, by the tagger, and by both.

    >>> Count(10, 8, 6).precision
    0.75
    """

    positives: int = 0
    tagged: int = 0
    hits: int = 0

    @property
    def precision(self) -> float | None:
        """Share of what was tagged that the reader agrees with; None where nothing was tagged."""
        return self.hits / self.tagged if self.tagged else None

    @property
    def recall(self) -> float | None:
        """Share of what the reader sees that was tagged; None where she sees nothing."""
        return self.hits / self.positives if self.positives else None

    def as_figures(self) -> dict[str, Any]:
        """Counts, rates, and their Wilson 95 % intervals."""
        figures: dict[str, Any] = {"positives": self.positives, "tagged": self.tagged, "hits": self.hits}
        for name, rate, n in (("precision", self.precision, self.tagged), ("recall", self.recall, self.positives)):
            low, high = (None, None) if rate is None else wilson(rate, n)
            figures |= {name: rate, f"{name}_low": low, f"{name}_high": high}
        return figures | {"few": self.positives < FEW}

    def __add__(self, other: "Count") -> "Count":
        return Count(self.positives + other.positives, self.tagged + other.tagged, self.hits + other.hits)


def count_tags(posts: Iterable[LabelledPost], found: Found, kind: str) -> dict[str, Count]:
    """Per tag of a kind how often it is there, is found, and both; tags that neither has are left out."""
    counts: dict[str, Count] = {}
    for post in posts:
        true, told = post.tags.get(kind, frozenset()), found.get(post.post_id, {}).get(kind, frozenset())
        for tag in true | told:
            one = Count(int(tag in true), int(tag in told), int(tag in true and tag in told))
            counts[tag] = counts.get(tag, Count()) + one
    return dict(sorted(counts.items()))


def count_all(posts: Iterable[LabelledPost], found: Found, kind: str) -> Count:
    """All tags of a kind together (micro average)."""
    return sum(count_tags(posts, found, kind).values(), Count())


def count_traps(posts: Iterable[LabelledPost], found: Found) -> dict[str, tuple[int, int]]:
    """Per trap its posts, and those of them that were given a life event that does not hold."""
    traps: dict[str, tuple[int, int]] = {}
    for post in posts:
        if not post.trap:
            continue
        n, wrong = traps.get(post.trap, (0, 0))
        told = found.get(post.post_id, {}).get(LIFE_EVENT, frozenset())
        traps[post.trap] = (n + 1, wrong + bool(told - post.tags.get(LIFE_EVENT, frozenset())))
    return dict(sorted(traps.items()))


def weighted_rates(
    posts: Sequence[LabelledPost], found: Found, kind: str, population: Mapping[str, int]
) -> dict[str, float | None]:
    """Precision and recall of all tags of a kind as they would be on the whole corpora the posts were drawn from.

    Each post stands for population / drawn posts of its stratum (Horvitz and Thompson 1952); a point estimate only.
    """
    drawn: dict[str, int] = {}
    for post in posts:
        drawn[post.stratum] = drawn.get(post.stratum, 0) + 1
    positives = tagged = hits = 0.0
    for post in posts:
        weight = population[post.stratum] / drawn[post.stratum]
        true, told = post.tags.get(kind, frozenset()), found.get(post.post_id, {}).get(kind, frozenset())
        positives += weight * len(true)
        tagged += weight * len(told)
        hits += weight * len(true & told)
    return {"precision": hits / tagged if tagged else None, "recall": hits / positives if positives else None}


def kappa(first: Sequence[bool], second: Sequence[bool]) -> float | None:
    """Agreement of two readings beyond chance (Cohen 1960); None where both say the same of every post.

    >>> kappa([True, True, False, False], [True, False, False, False])
    0.5
    """
    n = len(first)
    agreed = sum(a == b for a, b in zip(first, second, strict=True)) / n
    share = [sum(one) / n for one in (first, second)]
    chance = share[0] * share[1] + (1 - share[0]) * (1 - share[1])
    return None if chance == 1 else (agreed - chance) / (1 - chance)


def judged(posts: Sequence[LabelledPost], found: Found, population: Mapping[str, int]) -> dict[str, Any]:
    """All figures of one tagger on one set of posts, ready for JSON."""
    sure = [post for post in posts if post.sure]
    return {
        "posts": len(posts),
        "tags": {
            kind: {tag: count.as_figures() for tag, count in count_tags(posts, found, kind).items()} for kind in KINDS
        },
        "all": {kind: count_all(posts, found, kind).as_figures() for kind in KINDS},
        "all_sure": {kind: count_all(sure, found, kind).as_figures() for kind in KINDS},
        "whole_corpora": {kind: weighted_rates(posts, found, kind, population) for kind in KINDS},
        "traps": {trap: {"posts": n, "wrong": wrong} for trap, (n, wrong) in count_traps(posts, found).items()},
    }
