"""`nextbest evaluate tags`: how well posts are tagged, in a simulated world or on real posts that a person labelled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pyarrow.dataset as ds

from features.errors import DataError, SettingsError
from features.tags.tagger import tag_texts
from jobs.cli import common_options
from jobs.console import say, show_table
from jobs.evaluate_tag_sheet import evaluate_sheet, posts_option, sheet_option
from jobs.lexicon_files import load_lexicon
from jobs.measured_tags import write_measured
from jobs.settings import Settings
from scoring.world_tags import ALL, TagLine, TrapLine, Truth, score_tags

HEADER = ["families", "kind", "tag", "found", "precision", "95 %", "there", "recall", "95 %"]
COLUMNS = ["post_id", "event", "interest", "trap", "holds", "is_loss", "is_held_out_family"]


@click.command("tags")
@click.option(
    "--world",
    "worlds",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    multiple=True,
    help="Folder of a simulated world; may repeat, and worlds are counted together.",
)
@posts_option
@sheet_option
@click.option("--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), help="Also write tables here.")
@click.option("--measured", type=click.Path(path_type=Path, dir_okay=False), help="Also write conf/measured_tags.yaml.")
@common_options
def command(
    settings: Settings,
    worlds: tuple[Path, ...],
    posts: Path | None,
    sheet: Path,
    json_path: Path | None,
    measured: Path | None,
) -> None:
    """Precision and recall per tag with 95 % intervals, and what was taken in by each class of traps.

    With --world: posts of template families that were never looked at stand apart. With --posts: the labelled sheet
    of real posts. No text is printed.
    """
    if not worlds and posts is None:
        raise SettingsError("give a simulated world with --world, or a folder with public posts with --posts")
    found: dict[str, Any] = {}
    if worlds:
        lines, traps = evaluate_worlds(settings, worlds)
        found["world"] = {"tags": [x.as_dict() for x in lines], "traps": [vars(t) for t in traps]}
    if posts is not None:
        found["sheet"] = evaluate_sheet(posts, sheet=sheet)
        if measured is not None:
            say(f"wrote {write_measured(found['sheet'], measured)} tags to {measured}")
    if json_path:
        json_path.write_text(json.dumps(found, indent=1, default=str))
        say(f"wrote {json_path}")


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
