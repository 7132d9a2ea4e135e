"""How right tags from posts are on labelled real posts, as measured, and which of them may choose whom to contact."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

FILE = "measured_tags.yaml"
HEAD = """\
# Tags from posts on real posts that a person labelled and nobody tuned on: how often a tag was given, and was right.
# Written by `nextbest evaluate tags --posts FOLDER --measured conf/measured_tags.yaml`. A tag from posts may target
# only with enough of them right: settings customer_tags.targeting_precision and customer_tags.targeting_min_tagged.
"""


def write_measured(figures: Mapping[str, Any], path: Path) -> int:
    """Writes the counts of the held-out half of the sheet by tag of the lexicon; returns how many tags have any."""
    kinds = figures["by_lexicon_tag"]["held_out"]
    path.write_text(HEAD + yaml.safe_dump(kinds, sort_keys=True), "utf-8")
    return sum(map(len, kinds.values()))


def tags_for_targeting(precision: float, min_tagged: int) -> frozenset[tuple[str, str]]:
    """(kind, tag) of the tags from posts that were right often enough, by `conf/measured_tags.yaml`."""
    kinds = yaml.safe_load(resources.files("conf").joinpath(FILE).read_text("utf-8"))
    return frozenset(
        (kind, tag)
        for kind, tags in kinds.items()
        for tag, n in tags.items()
        if n["tagged"] >= min_tagged and n["right"] >= precision * n["tagged"]
    )
