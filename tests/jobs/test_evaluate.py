"""nextbest evaluate recommender, on the small shop."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from features.as_of import OPEN_START
from features.errors import DataError
from jobs import evaluate
from jobs.contracts import all_contracts
from jobs.session import Engine
from jobs.settings import load_settings
from jobs.tables import Lake
from jobs.tracking import Tracking
from jobs.workspace import Workspace
from tests.small_sources import SMALL_TIME_ZONE, small_sources


@pytest.fixture(scope="module")
def w(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> Workspace:
    """A lake with the small shop's purchases and its pass-through customer map."""
    root: Path = tmp_path_factory.mktemp("evaluate") / "lake"
    root.mkdir()
    settings = load_settings(None, {"lake": str(root), "time_zone": SMALL_TIME_ZONE, "threads": 1})
    lake = Lake(root, all_contracts())
    lake.check_writable()
    sources = small_sources()
    accounts = sorted(set(sources["transactions"]["account_id"].to_pylist()))
    stamp = pa.timestamp("us", tz="UTC")
    sources["customer_map"] = pa.table(
        {
            "account_id": accounts,
            "customer_id": accounts,
            "valid_from": pa.array([OPEN_START] * len(accounts), stamp),
            "valid_to": pa.array([None] * len(accounts), stamp),
            "confidence": pa.nulls(len(accounts), pa.float64()),
            "reason": pa.nulls(len(accounts), pa.string()),
        }
    )
    for name in ("transactions", "products", "customer_map"):
        lake.publish(lake.stage(name, sources[name], "in", None), run_id="x", step="test", attempt_id="x")
    return Workspace(settings, lake, engine, Tracking(None, root))


def test_every_recommender_stands_in_one_table(w: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """All baselines, tasks and levels asked for; printed, written as JSON and stored in the lake's MLflow."""
    path = tmp_path / "table.json"
    lines = evaluate.run(w, "lake", [], ["product", "category"], full=True, json_path=path)
    assert {x.task for x in lines} == {"all", "repeat", "explore"}
    assert {x.catalogue for x in lines} == {"50+ baskets", "full"}
    assert {x.recommender for x in lines} >= {"popularity 28 d", "P-TopFreq", "GP-TopFreq 120 d", "EASE", "ALS"}
    # customers buy their favourites again, so own frequency beats popularity by far
    recall = {
        x.recommender: x.recall.mean for x in lines if (x.level, x.catalogue, x.task) == ("product", "full", "all")
    }
    assert recall["GP-TopFreq"] > recall["popularity"] + 0.1
    written = json.loads(path.read_text())
    assert len(written["lines"]) == len(lines)
    assert {c["level"] for c in written["dropped"]} == {"product", "category"}
    printed = capsys.readouterr().out
    assert "champion" in printed
    assert "lines" in printed
    assert "cold customers dropped" in printed


def test_an_empty_lake_says_how_to_fill_it(w: Workspace, tmp_path: Path) -> None:
    """The tables that are missing, and both ways out."""
    empty = Workspace(w.settings, Lake(tmp_path, all_contracts()), w.engine, w.tracking)
    with pytest.raises(DataError, match=r"transactions, products, customer_map yet.*complete-journey"):
        evaluate.run(empty, "lake", [], ["product"])
