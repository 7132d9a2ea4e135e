"""`nextbest evaluate tags --posts FOLDER`: the tagger on real posts that a person has labelled.

The sheet (`tests/data/tag_sheet`, README there) names posts by a hash of their text; the texts stay with the public
corpora, and FOLDER holds those. Posts of the sheet whose text is not there are counted and left out. A baseline
without guards (a tag wherever one of its bare keywords stands) is in the same table.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from features.errors import DataError
from jobs.console import say, show_table
from jobs.tag_sheet_draw import CSTANCE, EPIDEMIC, EVERYDAY, SENTIMENT, Keywords, read_keywords, read_posts
from scoring.tag_sheet import FEW, INTEREST, KINDS, LIFE_EVENT, Found, LabelledPost, judged

SHEET = Path(__file__).resolve().parents[1] / "tests" / "data" / "tag_sheet"  # only a checkout has it
SPLITS = ("development", "held_out")
TAGGER, BASELINE = "tagger", "bare keywords"
# the corpora have no dates; about when they were written, for words such as "next week"
POSTED = {
    CSTANCE: datetime(2022, 12, 1, tzinfo=UTC),
    EVERYDAY: datetime(2016, 6, 1, tzinfo=UTC),
    EPIDEMIC: datetime(2020, 1, 24, tzinfo=UTC),
    SENTIMENT: datetime(2012, 9, 1, tzinfo=UTC),
}

posts_option = click.option(
    "--posts",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder with the public corpora of the labelled sheet (CSV or JSON files, at any depth).",
)
sheet_option = click.option(
    "--sheet",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=SHEET,
    help="Folder with labels.csv, strata.csv, keywords.csv and judged_as.csv.",
)


def read_labels(path: Path) -> list[LabelledPost]:
    """The rows of the sheet, in order."""
    with path.open(encoding="utf-8", newline="") as lines:
        return [
            LabelledPost(
                row["post_id"],
                row["stratum"],
                row["split"],
                {LIFE_EVENT: _names(row["life_events"]), INTEREST: _names(row["interests"])},
                row["trap"],
                row["sure"] == "yes",
            )
            for row in csv.DictReader(lines)
        ]


def read_population(path: Path) -> dict[str, int]:
    """Posts of each stratum in its corpus."""
    with path.open(encoding="utf-8", newline="") as lines:
        return {row["stratum"]: int(row["population"]) for row in csv.DictReader(lines)}


def read_judged_as(path: Path) -> dict[str, dict[str, str]]:
    """Per side (sheet, lexicon) the interests that are judged under another key, because the sides cut them apart."""
    sides: dict[str, dict[str, str]] = {"sheet": {}, "lexicon": {}}
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            sides[row["side"]][row["key"]] = row["judged_as"]
    return sides


def find_by_tagger(posts: Sequence[LabelledPost], texts: Mapping[str, str]) -> tuple[Found, frozenset[str]]:
    """What the tagger with the lexicon of `conf/lexicon` finds, and all interests that lexicon knows."""
    from features.tags.tagger import tag_texts
    from jobs.lexicon_files import load_lexicon

    lexicon = load_lexicon()
    posted = [POSTED.get(post.stratum.partition(":")[0], POSTED[CSTANCE]) for post in posts]
    tags = tag_texts([texts[post.post_id] for post in posts], posted, lexicon)
    found = {
        post.post_id: {kind: frozenset(t.tag for t in of_post if t.tag_kind == kind) for kind in KINDS}
        for post, of_post in zip(posts, tags, strict=True)
    }
    return found, frozenset(interest.tag for interest in lexicon.interests)


def find_by_keywords(posts: Sequence[LabelledPost], texts: Mapping[str, str], keywords: Keywords) -> Found:
    """The baseline: every tag one of whose keywords stands anywhere in the text."""
    words = {LIFE_EVENT: keywords.life_events, INTEREST: keywords.interests}
    return {
        post.post_id: {
            kind: frozenset(tag for tag, of in tags.items() if any(word in texts[post.post_id] for word in of))
            for kind, tags in words.items()
        }
        for post in posts
    }


def evaluate_sheet(
    folder: Path,
    json_path: Path | None = None,
    sheet: Path = SHEET,
    tagger: Callable[[Sequence[LabelledPost], Mapping[str, str]], tuple[Found, frozenset[str]]] = find_by_tagger,
) -> dict[str, Any]:
    """Judges the tagger on the posts of the sheet that a folder has; prints tables, and gives the same figures.

    Raises `DataError` where the folder has none of the posts.
    """
    texts = read_posts(folder)
    labels = read_labels(sheet / "labels.csv")
    posts = [post for post in labels if post.post_id in texts]
    if not posts:
        raise DataError(f"no post of {sheet / 'labels.csv'} is in {folder}: see the README beside it for the corpora")
    population, keywords = read_population(sheet / "strata.csv"), read_keywords(sheet / "keywords.csv")
    sides = read_judged_as(sheet / "judged_as.csv")
    found, known = tagger(posts, texts)
    raw = found
    bare = find_by_keywords(posts, texts, keywords)
    keys = frozenset(sides["sheet"].get(key, key) for key in keywords.interests)
    known = frozenset(sides["lexicon"].get(key, key) for key in known) & keys
    found, beside = as_judged(found, sides["lexicon"], known)
    finders = {TAGGER: found, BASELINE: as_judged(bare, sides["sheet"], known)[0]}
    posts = [replace(p, tags=as_judged({"": p.tags}, sides["sheet"], known)[0][""]) for p in posts]
    figures: dict[str, Any] = {"posts": len(posts), "missing": len(labels) - len(posts)}
    figures |= {"interests_not_on_the_sheet": beside, "interests_not_in_the_lexicon": sorted(keys - known)}
    figures["by_lexicon_tag"] = {
        split: counts_by_tag([p for p in posts if p.split == split], raw, sides["lexicon"], known) for split in SPLITS
    }
    for split in SPLITS:
        mine = [post for post in posts if post.split == split]
        figures[split] = {name: judged(mine, found, population) for name, found in finders.items()}
    say(f"{len(posts):,} labelled posts; {figures['missing']:,} of the sheet are not in {folder}")
    say(
        f"not judged: {beside:,} tags of interests that the sheet has no key for, and the labels of {len(keys - known)}"
    )
    say("interests that the lexicon has none for: " + ", ".join(sorted(keys - known)))
    for split in SPLITS:
        show_split(split, figures[split])
    if json_path:
        json_path.write_text(json.dumps(figures, indent=1))
        say(f"wrote {json_path}")
    return figures


def counts_by_tag(
    posts: Sequence[LabelledPost], found: Found, keys: Mapping[str, str], known: frozenset[str]
) -> dict[str, dict[str, dict[str, int]]]:
    """kind -> tag of the lexicon -> how often it was given to these posts, and was right.

    An interest is right where the label is the key it is judged by; interests that the sheet does not have are left
    out. `posts` have their labels under the keys of judging.
    """
    counts: dict[str, dict[str, dict[str, int]]] = {kind: {} for kind in KINDS}
    for post in posts:
        for kind in KINDS:
            for tag in found[post.post_id].get(kind, frozenset()):
                judged_by = keys.get(tag, tag) if kind == INTEREST else tag
                if kind == INTEREST and judged_by not in known:
                    continue
                count = counts[kind].setdefault(tag, {"tagged": 0, "right": 0})
                count["tagged"] += 1
                count["right"] += judged_by in post.tags[kind]
    return counts


def as_judged(found: Found, keys: Mapping[str, str], known: frozenset[str]) -> tuple[Found, int]:
    """Interests under the keys they are judged by, those that both sides know alone; and how many were left out."""
    judged_by: dict[str, dict[str, frozenset[str]]] = {}
    left_out = 0
    for post, tags in found.items():
        renamed = [keys.get(tag, tag) for tag in tags.get(INTEREST, frozenset())]
        left_out += sum(tag not in known for tag in renamed)
        judged_by[post] = {**tags, INTEREST: frozenset(renamed) & known}
    return judged_by, left_out


def show_split(split: str, figures: Mapping[str, Any]) -> None:
    """The tables of one half of the sheet."""
    mine, bare = figures[TAGGER], figures[BASELINE]
    header = ("tag", "n", "tagged", "precision", "95 %", "recall", "95 %", "bare precision", "bare recall")
    for kind in KINDS:
        rows = [_row(f"all {kind}s", mine["all"][kind], bare["all"][kind])]
        rows.append(_row("  where the reader was sure", mine["all_sure"][kind], bare["all_sure"][kind]))
        tags = {**bare["tags"][kind], **mine["tags"][kind]}
        for tag in sorted(tags, key=lambda t: (-tags[t]["positives"], t)):
            ours = mine["tags"][kind].get(tag, {"positives": tags[tag]["positives"], "tagged": 0, "few": True})
            if ours["positives"] or ours["tagged"]:
                rows.append(_row(tag + (" *" if ours["few"] else ""), ours, bare["tags"][kind].get(tag, {})))
        show_table(f"{split}: {kind}s on {mine['posts']:,} posts", header, rows)
        whole = [f"{k} {_rate(mine['whole_corpora'][kind][k])}" for k in ("precision", "recall")]
        say(f"* fewer than {FEW} positives. Weighted to the whole corpora: {', '.join(whole)}")
    wrong = [(trap, t["posts"], t["wrong"], bare["traps"][trap]["wrong"]) for trap, t in mine["traps"].items()]
    show_table(f"{split}: traps", ("trap", "posts", "wrongly tagged", "by bare keywords"), wrong)


def _row(name: str, mine: Mapping[str, Any], bare: Mapping[str, Any]) -> tuple[object, ...]:
    rates = [f(mine, key) for key in ("precision", "recall") for f in (lambda m, k: _rate(m.get(k)), _interval)]
    bares = [_rate(bare.get(key)) for key in ("precision", "recall")]
    return (name, mine["positives"], mine["tagged"], *rates, *bares)


def _rate(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _interval(figures: Mapping[str, Any], key: str) -> str:
    low, high = figures.get(f"{key}_low"), figures.get(f"{key}_high")
    return "" if low is None or high is None else f"{low:.2f} to {high:.2f}"


def _names(cell: str) -> frozenset[str]:
    return frozenset(filter(None, cell.split("|")))
