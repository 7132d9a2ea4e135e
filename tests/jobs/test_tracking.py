"""Tracking: runs that end as they should, models that are proved before use, and a store that may be down."""

import shutil
from pathlib import Path

import pytest

from features.errors import ModelError, TrackingError
from jobs.model_files import MANIFEST, verify_model, write_manifest
from jobs.tracking import Tracking


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake whose MLflow store exists; making the database takes seconds, so it is shared."""
    lake = tmp_path_factory.mktemp("lake")
    Tracking(None, lake).check()
    return lake


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model folder of plain files."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.txt").write_text("tree")
    (folder / "params.json").write_text("{}")
    return folder


def test_register_promote_and_use(store: Path, model: Path) -> None:
    """A model is found behind its alias with the files that were registered; versions count up."""
    tracking = Tracking(None, store)
    assert tracking.champion_version("m1") is None
    with pytest.raises(ModelError, match="no model 'm1' has the alias 'champion'"):
        tracking.model("m1")
    with tracking.training("m1", {"rate": 0.1}, {"seed": "1"}) as run:
        run.metrics({"recall@10 all": 0.5})
        run.table("metrics", [{"model": "m1", "recall": 0.5}])
        run.trial("trial 1", {"rate": 0.2}, {"recall": 0.4})
        version = run.register("m1", model)
        run.promote("m1", version)
    found = tracking.model("m1")
    assert (found.version, (found.path / "model.txt").read_text()) == (version, "tree")
    runs = tracking._client.search_runs([tracking._experiment], f"tags.mlflow.parentRunId = '{run.run_id}'")
    assert [r.data.metrics for r in runs] == [{"recall": 0.4}]
    parent = tracking._client.get_run(run.run_id)
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics == {"recall_at_10 all": 0.5}


def test_failed_and_killed_runs_are_marked(store: Path) -> None:
    """A training that raises ends FAILED; one that a kill left RUNNING is failed by the next."""
    tracking = Tracking(None, store)
    with pytest.raises(ValueError, match="boom"), tracking.training("m2", {}, {}) as run:
        raise ValueError("boom")
    assert tracking._client.get_run(run.run_id).info.status == "FAILED"
    killed = tracking.training("m2", {}, {})
    left = killed.__enter__()  # never left
    with tracking.training("m2", {}, {}):
        assert tracking._client.get_run(left.run_id).info.status == "FAILED"


def test_scoring_goes_on_when_the_store_is_down(store: Path, model: Path) -> None:
    """Training is refused within seconds; the champion's copy in the lake is still used."""
    with Tracking(None, store).training("m3", {}, {}) as run:
        run.promote("m3", run.register("m3", model))
    down = Tracking("http://127.0.0.1:9", store)
    with pytest.raises(TrackingError, match=r"127.0.0.1:9 cannot be used: .*refused"):
        down.check()
    assert down.champion_version("m3") == 1
    assert down.model("m3").version == 1
    with pytest.raises(TrackingError):
        down.model("unknown")


def test_store_in_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    """An SQLite path under a file is named, with the way out."""
    (tmp_path / "file").write_text("")
    with pytest.raises(TrackingError, match="set mlflow_uri"):
        Tracking(f"sqlite:///{tmp_path / 'file' / 'x.db'}", tmp_path).check()


@pytest.mark.parametrize("damage", ["truncated", "tampered", "missing", "no manifest"])
def test_damaged_model_files_are_refused(model: Path, damage: str) -> None:
    """LightGBM would abort the process on such a file, so it is never opened."""
    write_manifest(model)
    verify_model(model)
    file = model / "model.txt"
    if damage == "truncated":
        file.write_text("tr")
    elif damage == "tampered":
        file.write_text("treE")
    else:
        (file if damage == "missing" else model / MANIFEST).unlink()
    with pytest.raises(ModelError, match=r"damaged|has no MANIFEST"):
        verify_model(model)


def test_a_copy_that_is_not_the_registered_one_is_refused(store: Path, model: Path) -> None:
    """Files swapped together with their manifest do not match what the registry recorded."""
    tracking = Tracking(None, store)
    with tracking.training("m4", {}, {}) as run:
        run.promote("m4", run.register("m4", model))
    copy = store / "models" / "m4" / "1"
    (copy / "model.txt").write_text("evil")
    write_manifest(copy)
    with pytest.raises(ModelError, match="not the one that was registered"):
        tracking.model("m4")
    shutil.rmtree(copy)  # fetched again from the store
    assert (tracking.model("m4").path / "model.txt").read_text() == "tree"
