"""MLflow: runs, metric tables, plots and the model registry. The only module that imports it.

Models are folders of plain files (LightGBM text, npy, JSON); nothing is ever unpickled. Each folder carries a
manifest with the size and SHA-256 of every file, checked before a model is used.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

from features.errors import ModelError, TrackingError
from jobs.model_files import verify_model, write_manifest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPERIMENT = "nextbest"
OWNER_TAG = "nextbest.lake"
BATCH = 1000  # metrics in one request, MLflow's limit
PARAMS = 100  # parameters in one request, MLflow's limit

# Before the first import of mlflow: no telemetry, no pickles, and an unreachable store fails in seconds.
for _name, _value in {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}.items():
    os.environ.setdefault(_name, _value)


@dataclass(frozen=True)
class RegisteredModel:
    """A model version on local disk, its files verified."""

    name: str
    version: int
    run_id: str
    path: Path


class Tracking:
    """The MLflow store of a lake, opened on first use."""

    def __init__(self, uri: str | None, lake_root: Path) -> None:
        """`uri` None means an SQLite store inside the lake."""
        self._lake = lake_root
        self._home = lake_root / "mlflow"
        self.uri = uri or f"sqlite:///{self._home / 'mlflow.db'}"
        self._connected: Any = None

    @property
    def _client(self) -> Any:
        if self._connected is None:
            self._check_reachable()
            for name in ("mlflow", "alembic", "mlflow.store.db.utils"):
                logging.getLogger(name).setLevel(logging.ERROR)
            try:
                from mlflow import MlflowClient

                self._connected = MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)
                self._experiment = self._open_experiment()
            except Exception as e:
                self._connected = None
                raise TrackingError(self._unreachable(e)) from e
        return self._connected

    def check(self) -> None:
        """`TrackingError` within seconds unless the store can be used. Training calls it before it starts."""
        _ = self._client

    def _unreachable(self, reason: object) -> str:
        return (
            f"the MLflow store {_redact(self.uri)} cannot be used: {_first_line(reason)}. Start it, or set mlflow_uri"
            " (null keeps the store inside the lake)"
        )

    def _check_reachable(self) -> None:
        parsed = urlparse(self.uri)
        if parsed.scheme in ("http", "https"):
            port = parsed.port or (443 if parsed.scheme == "https" else 80)
            try:
                socket.create_connection((parsed.hostname or "", port), timeout=3).close()
            except OSError as e:
                raise TrackingError(self._unreachable(e)) from e
        elif parsed.scheme == "sqlite":
            folder = Path(self.uri.removeprefix("sqlite:///")).parent
            try:
                folder.mkdir(parents=True, exist_ok=True)
                (folder / ".probe").write_bytes(b"")
                (folder / ".probe").unlink()
            except OSError as e:
                raise TrackingError(self._unreachable(e.strerror)) from e

    def _open_experiment(self) -> str:
        experiment = self._connected.get_experiment_by_name(EXPERIMENT)
        if experiment is not None:
            return str(experiment.experiment_id)
        # inside the lake, so that nothing lands in the folder a command happens to be started from
        location = (self._home / "artifacts").as_uri() if self.uri.startswith("sqlite") else None
        # the kind makes the UI open on training runs instead of its view for language models
        tags = {"mlflow.experimentKind": "custom_model_development"}
        return str(self._connected.create_experiment(EXPERIMENT, artifact_location=location, tags=tags))

    @contextmanager
    def training(self, name: str, params: Mapping[str, Any], tags: Mapping[str, str]) -> Iterator[TrainingRun]:
        """One parent run: FINISHED, or FAILED when the body raises. Runs left by a killed process fail first."""
        client = self._client
        self._fail_abandoned(name)
        run = client.create_run(
            self._experiment, run_name=name, tags={**tags, OWNER_TAG: str(self._lake), "nextbest.training": name}
        )
        started = TrainingRun(self, run.info.run_id, run.info.artifact_uri)
        try:
            started.params(params)
            yield started
        except BaseException:
            client.set_terminated(run.info.run_id, status="FAILED")
            raise
        client.set_terminated(run.info.run_id, status="FINISHED")

    def _fail_abandoned(self, name: str) -> None:
        """The lake's lock is ours, so a run of this lake that still says RUNNING was killed."""
        found = self._client.search_runs(
            [self._experiment],
            filter_string=f"attributes.status = 'RUNNING' and tags.`nextbest.training` = '{name}'",
        )
        for run in found:
            if run.data.tags.get(OWNER_TAG) == str(self._lake):
                self._client.set_terminated(run.info.run_id, status="FAILED")

    def champion_version(self, name: str) -> int | None:
        """The version behind the alias `champion`, or None. Falls back on the lake's own copy when MLflow is down."""
        try:
            found = self._version_of(name, "champion")
        except TrackingError:
            pointer = self._pointer(name, "champion")
            return pointer["version"] if pointer else None
        return int(found.version) if found is not None else None

    def _version_of(self, name: str, alias: str) -> Any:
        from mlflow.exceptions import MlflowException

        try:
            return self._client.get_model_version_by_alias(name, alias)
        except MlflowException as e:
            if e.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise TrackingError(self._unreachable(e)) from e

    def model(self, name: str, alias: str = "champion") -> RegisteredModel:
        """The registered model behind an alias, its files verified; `ModelError` when there is none.

        When MLflow cannot be reached, the copy that the lake kept at the last promotion is used, so that
        scoring goes on.
        """
        try:
            found = self._version_of(name, alias)
        except TrackingError:
            pointer = self._pointer(name, alias)
            if pointer is None:
                raise
            version, run_id = int(pointer["version"]), str(pointer["run_id"])
        else:
            if found is None:
                raise ModelError(f"no model {name!r} has the alias {alias!r}; `nextbest train-{name}` registers one")
            version, run_id = int(found.version), str(found.run_id)
            self._keep_copy(name, version, str(found.source), found.tags.get("manifest_sha256", ""))
        path = self._copy(name, version)
        verify_model(path)
        return RegisteredModel(name, version, run_id, path)

    def _copy(self, name: str, version: int) -> Path:
        return self._lake / "models" / name / str(version)

    def _pointer(self, name: str, alias: str) -> dict[str, Any] | None:
        path = self._lake / "models" / name / f"{alias}.json"
        return json.loads(path.read_text("utf-8")) if path.exists() else None

    def _keep_copy(self, name: str, version: int, source: str, manifest_sha256: str) -> None:
        """Puts a version's files into the lake once, whole or not at all."""
        target = self._copy(name, version)
        if not target.exists():
            from mlflow.artifacts import download_artifacts

            building = target.with_name(f"{version}.building-{os.getpid()}")
            shutil.rmtree(building, ignore_errors=True)
            building.mkdir(parents=True)
            try:
                got = download_artifacts(artifact_uri=source, tracking_uri=self.uri, dst_path=str(building))
            except Exception as e:
                shutil.rmtree(building, ignore_errors=True)
                raise ModelError(f"the files of model {name} version {version} cannot be had: {_first_line(e)}") from e
            verify_model(Path(got), manifest_sha256)
            Path(got).rename(target)
            shutil.rmtree(building, ignore_errors=True)
        verify_model(target, manifest_sha256)

    def register(self, run_id: str, artifact_uri: str, name: str, folder: Path, tags: Mapping[str, str]) -> int:
        """Logs a folder of plain files as a model version; returns its number."""
        from mlflow.exceptions import MlflowException

        manifest = write_manifest(folder)
        self._client.log_artifacts(run_id, str(folder), artifact_path="model")
        try:
            self._client.get_registered_model(name)
        except MlflowException:
            self._client.create_registered_model(name)
        version = self._client.create_model_version(
            name, source=f"{artifact_uri}/model", run_id=run_id, tags={**tags, "manifest_sha256": manifest}
        )
        return int(version.version)

    def promote(self, name: str, version: int, alias: str = "champion") -> None:
        """Moves an alias to a version and keeps a copy of its files and the pointer in the lake."""
        found = self._client.get_model_version(name, str(version))
        self._keep_copy(name, version, str(found.source), found.tags.get("manifest_sha256", ""))
        self._client.set_registered_model_alias(name, alias, str(version))
        pointer = self._lake / "models" / name / f"{alias}.json"
        building = pointer.with_suffix(f".{os.getpid()}")
        building.write_text(json.dumps({"version": version, "run_id": found.run_id}))
        building.replace(pointer)


class TrainingRun:
    """A parent run that is open."""

    def __init__(self, tracking: Tracking, run_id: str, artifact_uri: str) -> None:
        """Made by `Tracking.training`."""
        self._tracking = tracking
        self.run_id = run_id
        self._artifact_uri = artifact_uri

    def params(self, params: Mapping[str, Any]) -> None:
        """Logs parameters; values are cut at MLflow's limit."""
        from mlflow.entities import Param

        logged = [Param(key, str(value)[:6000]) for key, value in params.items()]
        for first in range(0, len(logged), PARAMS):
            self._tracking._client.log_batch(self.run_id, params=logged[first : first + PARAMS])

    def metrics(self, metrics: Mapping[str, float]) -> None:
        """Logs metrics under names that carry protocol and window, such as `recall_at_10.all.2017-12-04`."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        logged = [Metric(_metric_name(key), float(value), now, 0) for key, value in metrics.items()]
        for first in range(0, len(logged), BATCH):
            self._tracking._client.log_batch(self.run_id, metrics=logged[first : first + BATCH])

    def tags(self, tags: Mapping[str, str]) -> None:
        """Sets tags."""
        for key, value in tags.items():
            self._tracking._client.set_tag(self.run_id, key, str(value)[:5000])

    def table(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Logs rows as `<name>.json`, in the layout that the UI shows as a table."""
        columns = list(rows[0]) if rows else []
        data = {"columns": columns, "data": [[row.get(c) for c in columns] for row in rows]}
        self.text(f"{name}.json", json.dumps(data, default=str))
        logged = [{"path": f"{name}.json", "type": "table"}]
        run = self._tracking._client.get_run(self.run_id)
        before = json.loads(run.data.tags.get("mlflow.loggedArtifacts", "[]"))
        self.tags({"mlflow.loggedArtifacts": json.dumps(before + logged)})

    def text(self, name: str, text: str) -> None:
        """Logs a text file."""
        self._tracking._client.log_text(self.run_id, text, name)

    def figure(self, figure: Figure, name: str) -> None:
        """Logs a plot as an image under `plots/`."""
        self._tracking._client.log_figure(self.run_id, figure, f"plots/{name}")

    def trial(
        self,
        name: str,
        params: Mapping[str, Any],
        metrics: Mapping[str, float],
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """A child run with its parameters and metrics."""
        client = self._tracking._client
        about = {"mlflow.parentRunId": self.run_id, "nextbest.trial": name, **(tags or {})}
        child = client.create_run(self._tracking._experiment, run_name=name, tags=about)
        started = TrainingRun(self._tracking, child.info.run_id, child.info.artifact_uri)
        started.params(params)
        started.metrics(metrics)
        client.set_terminated(child.info.run_id, status="FINISHED")

    def register(self, name: str, folder: Path, tags: Mapping[str, str] | None = None) -> int:
        """Registers a folder of plain files as a new version of model `name`; returns the version."""
        return self._tracking.register(self.run_id, self._artifact_uri, name, folder, tags or {})

    def promote(self, name: str, version: int, alias: str = "champion") -> None:
        """Moves an alias to a version. Call it behind a gate only."""
        self._tracking.promote(name, version, alias)


def _metric_name(name: str) -> str:
    """MLflow allows letters, digits and `_-. /`; anything else becomes `_`."""
    return "".join(c if c.isalnum() or c in "_-. /" else "_" for c in name.replace("@", "_at_"))


def _first_line(reason: object) -> str:
    lines = str(reason).strip().splitlines()
    return lines[0] if lines else repr(reason)


def _redact(uri: str) -> str:
    parsed = urlparse(uri)
    return uri.replace(f":{parsed.password}@", ":***@") if parsed.password else uri
