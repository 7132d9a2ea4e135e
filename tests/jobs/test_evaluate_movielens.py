"""nextbest evaluate recommender --protocol movielens, on a few ratings."""

from pathlib import Path
from typing import cast

import numpy as np
import pytest

from jobs import evaluate_movielens
from jobs.session import Engine
from jobs.settings import load_settings
from jobs.tracking import Tracking
from jobs.workspace import Workspace


def test_models_of_co_occurrence_beat_popularity_where_there_are_tastes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Users of two tastes rate half of the films of theirs; both models find the rest, published figures beside."""
    rng = np.random.default_rng(0)
    rows = [(u, i + 20 * (u % 2)) for u in range(60) for i in rng.permutation(20)[:12]]
    (tmp_path / "u.data").write_text("".join(f"{u}\t{i}\t3\t0\n" for u, i in rows))
    monkeypatch.setattr(evaluate_movielens, "GRID", {"factors": (4,), "alpha": (2.0,), "regularization": (1.0, 5.0)})
    monkeypatch.setattr(evaluate_movielens, "finish", lambda *args: None)
    settings = load_settings(None, {"lake": str(tmp_path / "lake"), "threads": 1})
    tracking = cast(Tracking, type("Untracked", (), {"check": lambda self: None})())
    w = Workspace(settings, None, cast(Engine, None), tracking)  # type: ignore[arg-type]
    found = evaluate_movielens.run(w, tmp_path, seeds=2)
    reached = {row["recommender"]: float(str(row["ndcg_at_10"])) for row in found.extra["movielens"]}
    assert reached["iALS"] > reached["popularity"] + 0.1
    assert reached["EASE"] > reached["popularity"] + 0.1
    assert {row["published"] for row in found.extra["movielens"]} == {0.246, 0.466, 0.475}
    assert len(found.extra["tuning, best first"]) == 7
