"""What is known of the precision of tags from posts decides which of them may target."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from features.tags.life_event_kinds import EVENTS
from jobs import measured_tags
from jobs.lexicon_files import load_lexicon


def test_only_tags_measured_right_often_enough_may_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four of five right with five tagged is enough; fewer tagged or fewer right is not."""
    counts = {
        "life_event": {
            "move": {"tagged": 5, "right": 4},
            "travel": {"tagged": 4, "right": 4},
            "diet": {"tagged": 10, "right": 7},
        },
        "interest": {"tea": {"tagged": 9, "right": 9}},
    }
    figures = {"by_lexicon_tag": {"held_out": counts, "development": {}}}
    path = tmp_path / measured_tags.FILE
    assert measured_tags.write_measured(figures, path) == 4
    assert yaml.safe_load(path.read_text())["life_event"]["diet"] == {"tagged": 10, "right": 7}
    monkeypatch.setattr(measured_tags, "resources", SimpleNamespace(files=lambda name: tmp_path))
    assert measured_tags.tags_for_targeting(0.8, 5) == {("life_event", "move"), ("interest", "tea")}


def test_the_measurement_that_comes_with_the_system_can_be_read() -> None:
    """The counts are there, and none says that more was right than was tagged."""
    kinds = yaml.safe_load(measured_tags.resources.files("conf").joinpath(measured_tags.FILE).read_text("utf-8"))
    assert set(kinds) == {"life_event", "interest"}
    assert all(0 <= n["right"] <= n["tagged"] for tags in kinds.values() for n in tags.values())
    assert set(kinds["life_event"]) <= set(EVENTS)
    assert set(kinds["interest"]) <= {interest.tag for interest in load_lexicon().interests}
