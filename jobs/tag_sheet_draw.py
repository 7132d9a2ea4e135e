"""Which public posts are on the labelled sheet of tags: a fixed rule, so that anyone with the corpora draws the same.

The corpora are public posts of Weibo, read only to measure; which files, says the README of the sheet. No text is kept
here: a post is named by the first 16 hexadecimal digits of the SHA-256 of its text (stripped, UTF-8).

The rule. Every post belongs to one stratum of its corpus: `<event>:self` or `<event>:other` for the first life event,
in the order of `keywords.csv`, one of whose keywords it holds, with and without the word for "I"; else
`<interest>:self` for the first such interest, only with "I"; else `rest`. Then (1) posts are drawn uniformly from the
whole corpus, and (2) from each stratum a fixed number more, or all there are. "Draw" means: the lowest SHA-256 of
seed, purpose and id. Within a stratum all posts have the same chance, so population over drawn is a post's weight when
one estimates for the corpus (`strata.csv`). The split is by the id alone: even last digit development, odd held out.
"""

import csv
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

SEED = "nextbest tag sheet 1"
CSTANCE, EVERYDAY, EPIDEMIC, SENTIMENT = "cstance", "ewect", "virus", "senti"


@dataclass(frozen=True)
class Draw:
    """How many posts a corpus gives."""

    uniform: int  # from the whole corpus
    event_self: int  # more from each stratum of a life event with "I"
    event_other: int  # more from each stratum of a life event without "I"
    interest: int  # more from each stratum of an interest


DRAWS = {
    CSTANCE: Draw(200, 45, 10, 2),
    EVERYDAY: Draw(60, 60, 20, 1),
    EPIDEMIC: Draw(40, 30, 4, 0),
    SENTIMENT: Draw(60, 20, 8, 0),
}


@dataclass(frozen=True)
class Keywords:
    """Bare keywords per tag, in the order in which strata are asked."""

    life_events: Mapping[str, tuple[str, ...]]
    interests: Mapping[str, tuple[str, ...]]


def post_id(text: str) -> str:
    """Name of a text: the first 16 hexadecimal digits of the SHA-256 of its stripped UTF-8."""
    return hashlib.sha256(text.strip().encode()).hexdigest()[:16]


def split_of(identifier: str) -> str:
    """Half of the sheet a post belongs to, by its id alone."""
    return "development" if int(identifier[-1], 16) % 2 == 0 else "held_out"


def read_keywords(path: Path) -> Keywords:
    """Keywords of a file with columns kind, tag, keyword."""
    found: dict[str, dict[str, tuple[str, ...]]] = {"life_event": {}, "interest": {}}
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            tags = found[row["kind"]]
            tags[row["tag"]] = (*tags.get(row["tag"], ()), row["keyword"])
    return Keywords(found["life_event"], found["interest"])


def read_posts(folder: Path) -> dict[str, str]:
    """Every text in the CSV (column Text or review) and JSON (field content) files under a folder, once, by its id."""
    texts: dict[str, str] = {}
    for path in sorted(p for p in folder.rglob("*") if p.suffix in (".csv", ".txt", ".json") and p.is_file()):
        for text in _csv_texts(path) if path.suffix == ".csv" else _json_texts(path):
            if text.strip():
                texts.setdefault(post_id(text), text.strip())
    return texts


def stratum_of(text: str, keywords: Keywords, interests: bool = True) -> str:
    """Stratum of a text (see the module's rule); without those of interests where none are drawn from them."""
    own = "我" in text
    for event, words in keywords.life_events.items():
        if any(word in text for word in words):
            return f"{event}:{'self' if own else 'other'}"
    for interest, words in keywords.interests.items() if own and interests else ():
        if any(word in text for word in words):
            return f"{interest}:self"
    return "rest"


def draw_posts(texts: Mapping[str, str], keywords: Keywords, draw: Draw) -> dict[str, tuple[str, str]]:
    """Id to (stratum, how it was drawn) of the posts that a corpus gives."""
    strata: dict[str, list[str]] = {}
    for identifier, text in texts.items():
        strata.setdefault(stratum_of(text, keywords, draw.interest > 0), []).append(identifier)
    home = {identifier: name for name, members in strata.items() for identifier in members}
    drawn = {identifier: (home[identifier], "uniform") for identifier in _first(texts, "uniform", draw.uniform)}
    for name, members in sorted(strata.items()):
        more = _more(name, keywords, draw)
        left = [identifier for identifier in members if identifier not in drawn]
        drawn |= dict.fromkeys(_first(left, name, more), (name, "enriched"))
    return drawn


def population(texts: Iterable[str], keywords: Keywords, draw: Draw) -> dict[str, int]:
    """How many posts of a corpus each stratum has."""
    counts: dict[str, int] = {}
    for text in texts:
        name = stratum_of(text, keywords, draw.interest > 0)
        counts[name] = counts.get(name, 0) + 1
    return counts


def _more(stratum: str, keywords: Keywords, draw: Draw) -> int:
    tag, _, who = stratum.partition(":")
    if not who:
        return 0
    if tag in keywords.life_events and who == "other":
        return draw.event_other
    # a key such as fitness is both an event and an interest: events are asked first, so it is the event's stratum
    return draw.event_self if tag in keywords.life_events else draw.interest


def _first(identifiers: Iterable[str], purpose: str, number: int) -> list[str]:
    return sorted(identifiers, key=lambda i: hashlib.sha256(f"{SEED}|{purpose}|{i}".encode()).hexdigest())[:number]


def _csv_texts(path: Path) -> Iterable[str]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        for row in csv.DictReader(lines):
            yield row.get("Text") or row.get("review") or ""


def _json_texts(path: Path) -> Iterable[str]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError:  # a plain text file beside the corpus, such as a licence
        return
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict):
            yield str(row.get("content") or "")
