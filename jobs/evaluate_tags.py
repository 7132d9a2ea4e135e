"""`nextbest evaluate tags`: how well posts are tagged, in a simulated world or on real posts that a person labelled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from features.errors import SettingsError
from jobs.cli import common_options
from jobs.console import say
from jobs.evaluate_tag_sheet import evaluate_sheet, posts_option, sheet_option
from jobs.evaluate_world_tags import evaluate_worlds
from jobs.measured_tags import write_measured
from jobs.settings import Settings


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
