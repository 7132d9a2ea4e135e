"""`evaluate tags` on a world's folder: lines are printed and no text is."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import DataError
from jobs.evaluate_world_tags import evaluate_worlds
from jobs.settings import load_settings

POSTS = [
    ("p1", "今天提车啦，人生第一辆车", "new_car", None, None, True, False),
    ("p2", "下班手冲一杯耶加雪菲咖啡", None, "coffee", None, True, False),
    ("p3", "听说隔壁班那对领证了", "wedding", None, "hearsay", False, True),
]


def world(folder: Path) -> Path:
    """A world of three posts."""
    names = ("post_id", "text", "event", "interest", "trap", "holds", "is_held_out_family")
    columns = dict(zip(names, map(list, zip(*POSTS, strict=True)), strict=True))
    texts = columns.pop("text")
    when = [datetime(2026, 3, 10, tzinfo=UTC)] * len(POSTS)
    sources = pa.table(
        {"post_id": columns["post_id"], "event_ts": pa.array(when, pa.timestamp("us", "UTC")), "text": texts}
    )
    truth = pa.table(columns | {"is_loss": [False] * len(POSTS)})
    for name, table in (("sources/social_posts", sources), ("truth/posts", truth)):
        (folder / name).mkdir(parents=True)
        pq.write_table(table, folder / name / "part.parquet")
    return folder


def test_a_world(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Right tags count, the trap is kept out, and what is printed holds none of the texts."""
    lines, traps = evaluate_worlds(load_settings(), (world(tmp_path),))
    right = {(x.kind, x.tag): (x.found, x.right) for x in lines}
    assert right["life_event", "new_car"] == (1, 1)
    assert right["interest", "coffee"] == (1, 1)
    assert [(t.trap, t.posts, t.taken) for t in traps] == [("hearsay", 1, 0)]
    printed = capsys.readouterr().out
    assert "new_car" in printed
    assert not any(text[:4] in printed for _, text, *_ in POSTS)


def test_a_folder_that_is_no_world(tmp_path: Path) -> None:
    """Says so, and what to do."""
    with pytest.raises(DataError, match="nextbest simulate"):
        evaluate_worlds(load_settings(), (tmp_path,))
