"""The tagger on posts of simulated worlds, whose truth is known: per tag, and per class of traps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds

from features.errors import DataError
from features.tags.tagger import tag_texts
from jobs.console import show_table
from jobs.lexicon_files import load_lexicon
from jobs.settings import Settings
from scoring.world_tags import ALL, TagLine, TrapLine, Truth, score_tags

HEADER = ["families", "kind", "tag", "found", "precision", "95 %", "there", "recall", "95 %"]
COLUMNS = ["post_id", "event", "interest", "trap", "holds", "is_loss", "is_held_out_family"]


def evaluate_worlds(settings: Settings, folders: tuple[Path, ...]) -> tuple[list[TagLine], list[TrapLine]]:
    """Scores of the lexicon on the posts of the worlds; prints them and returns the lines."""
    lines, traps = score_tags(row for folder in folders for row in tagged_world(settings, folder))
    show_table(
        "tags of simulated posts: held-out families were never looked at",
        HEADER,
        [_row(x) for x in lines if x.kind != "interest" or x.tag == ALL],
    )
    few = [x for x in lines if x.kind == "interest" and x.tag != ALL and x.precision and x.precision[0] < 0.8]
    show_table("interests with precision below .8", HEADER, [_row(x) for x in few])
    rows = [(t.families, t.trap, t.posts, t.taken, f"{1 - t.taken / t.posts:.3f}") for t in traps]
    show_table("posts of each class of traps", ["families", "trap", "posts", "taken in", "kept out"], rows)
    return lines, traps


def tagged_world(settings: Settings, folder: Path) -> Iterator[tuple[Truth, dict[str, set[str]]]]:
    """Truth and tags by kind of every post of a world."""
    try:
        posts = ds.dataset(folder / "sources" / "social_posts", format="parquet").to_table(
            columns=["post_id", "event_ts", "text"]
        )
        truth = ds.dataset(folder / "truth" / "posts", format="parquet").to_table(columns=COLUMNS)
    except (OSError, ValueError, pa.ArrowInvalid) as e:
        raise DataError(f"{folder} holds no simulated posts ({e}); `nextbest simulate --out DIR` makes a world") from e
    rows = posts.join(truth, "post_id", join_type="inner")
    names = [f.name for f in rows.schema if pa.types.is_dictionary(f.type)]
    for name in names:
        rows = rows.set_column(rows.column_names.index(name), name, rows[name].cast(pa.string()))
    texts, moments = rows["text"].to_pylist(), rows["event_ts"].to_pylist()
    tags = tag_texts(texts, moments, load_lexicon(settings.tags), settings.time_zone)
    for row, found in zip(rows.select(COLUMNS).to_pylist(), tags, strict=True):
        by_kind: dict[str, set[str]] = {}
        for tag in found:
            by_kind.setdefault(tag.tag_kind, set()).add(tag.tag)
        about = Truth(
            row["event"] or "",
            row["interest"] or "",
            row["holds"],
            row["is_loss"],
            row["trap"] or "",
            row["is_held_out_family"],
        )
        yield about, by_kind


def _row(line: TagLine) -> list[object]:
    cells: list[object] = [line.families, line.kind, line.tag]
    for n, share in ((line.found, line.precision), (line.there, line.recall)):
        cells += [n, "", ""] if share is None else [n, f"{share[0]:.3f}", f"[{share[1]:.3f}, {share[2]:.3f}]"]
    return cells
