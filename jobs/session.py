"""The engine: who runs the DataFrames, and how files reach its workers. The only module that knows.

Three engines run the same code:

- `embedded`: Sail, a Spark Connect engine in Rust started inside this process. No Java.
- `spark`: a classic session, as `spark-submit` gives it.
- `connect`: a remote Spark Connect server.

What differs, and is therefore avoided or handled here (Sail 0.7.2 against Spark 4.2.1):

- `percentile_approx` interpolates on Sail: use `percentile`. `bround` of a decimal gives a double.
- A decimal compared with a double literal goes through an inexact decimal on Sail: use a decimal literal.
- A double cast to decimal, and `round` of a double, take the binary value on Sail and the shortest text on Spark:
  see `features.quality` for money and `features.rounding` for the rest.
- A left join builds its hash table from the left side on Sail: 1.5 M wide rows took 4.6 GB. Join small frames only
  when there is something to join, written and read back, so that their size is known.
- `weekday` is wrong on Sundays on Sail: take the day number modulo 7.
- `max(struct)`, `percentile` and a fine-grained `count_distinct` are slow on Sail: sort arrays, aggregate twice.
- An executor's folder of files is ".": paths handed on must be made absolute.
- Integer overflow wraps: cast first. Float sums differ in the last bit: scores are rounded to 6 places.
- Missing on Sail: `zip_with`, KLL sketches, `PIVOT`, grouping sets, `approxQuantile`, `observe`, checkpoint,
  `bucketBy`, permissive CSV.
- `cache` does nothing on Sail: what is used twice is written and read back (`Job.write_read`).
- An empty frame writes no folder on Sail; a missing or zero-byte file in a list is skipped without a word by both.
- Spark writes INT96 timestamps by default, which delta-rs cannot read.
- A Connect session and a classic session cannot live in one process.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from features.errors import DataError, SettingsError
from jobs.digests import file_sha256

ENGINES = ("embedded", "spark", "connect")

# How a frame is written that is only read back. Sail's defaults (zstd 3, dictionaries, page statistics) take three
# times as long as this and save little; Spark ignores the names it does not know, and writes snappy anyway.
INTERMEDIATE = {"compression": "snappy", "dictionary_enabled": "false", "statistics_enabled": "none"}


@dataclass(frozen=True)
class SessionParams:
    """How the session is set up. `conf` goes to the session as it is; `remote` is for `connect` only."""

    master: str | None = None  # `spark` only; null leaves it to spark-submit (local[*] without one)
    remote: str | None = None  # `connect` only: sc://host:port
    shuffle_partitions: int = 8  # Spark's number of partitions after a shuffle
    conf: dict[str, str] = field(default_factory=dict)


# while this is on pyspark looks for a notebook on every call that builds a column: a second per feature snapshot. Spark
# takes it when a session starts and refuses it later, so it is not among `_session_conf`; a remote server has its own
NOTEBOOK_LOOK = "spark.python.sql.dataFrameDebugging.enabled"


class Engine:
    """A running session. Use it as a context manager, so that it stops in the right order."""

    def __init__(self, name: str, params: SessionParams, scratch: Path) -> None:
        """Starts `name`; `scratch` is a local folder for files on their way to workers."""
        if name not in ENGINES:
            raise SettingsError(f"engine {name!r} is not known; choose one of {', '.join(ENGINES)}")
        self.name = name
        self._scratch = scratch
        self._server: Any = None
        self._shipped: dict[str, str] = {}
        # workers must run the interpreter that the driver runs
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        start = {"embedded": self._start_sail, "spark": self._start_spark, "connect": self._start_connect}[name]
        self.spark: SparkSession = start(params)
        for key, value in _session_conf(params).items():
            self.spark.conf.set(key, value)

    def _start_sail(self, params: SessionParams) -> SparkSession:
        os.environ.setdefault("RUST_LOG", "off")  # read once, before the import
        # rows per batch: four times the default takes a tenth off a feature build
        os.environ.setdefault("SAIL_EXECUTION__BATCH_SIZE", "32768")
        from pysail.spark import SparkConnectServer

        # keep the server referenced: a collected server leaves a client that waits forever
        self._server = SparkConnectServer(port=0)
        self._server.start()
        host, port = self._server.listening_address
        session = _remote_session(f"sc://{host}:{port}")
        session.conf.set(NOTEBOOK_LOOK, "false")
        return session

    def _start_connect(self, params: SessionParams) -> SparkSession:
        if not params.remote:
            raise SettingsError("engine connect needs session.remote, for example sc://localhost:15002")
        return _remote_session(params.remote)

    def _start_spark(self, params: SessionParams) -> SparkSession:
        if shutil.which("java") is None and not os.environ.get("JAVA_HOME"):
            raise SettingsError("engine spark needs Java 17 or later on PATH or JAVA_HOME; engine embedded needs none")
        # a parent process that runs Sail leaves this behind, and a classic session would not start
        os.environ.pop("SPARK_CONNECT_MODE_ENABLED", None)
        builder = SparkSession.builder.appName("nextbest")
        # spark-submit opens a gateway and knows the master; without it this machine is the cluster
        master = params.master or (None if "PYSPARK_GATEWAY_PORT" in os.environ else "local[*]")
        if master:
            builder = builder.master(master)
        static = {
            "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",  # INT96 is unreadable to delta-rs
            "spark.ui.showConsoleProgress": "false",
            NOTEBOOK_LOOK: "false",
        }
        for key, value in (static | params.conf).items():
            builder = builder.config(key, value)
        spark = builder.getOrCreate()
        if type(spark).__module__.startswith("pyspark.sql.connect"):
            raise SettingsError("a Connect session is already running in this process; run engine spark in its own")
        return spark

    def ship(self, path: Path) -> Callable[[], str]:
        """Makes a file or folder readable inside workers.

        Returns a function that can be sent to a worker and gives the local path there. Folders keep their
        names but must be flat. On the embedded engine workers share this machine, so nothing moves.
        """
        if not path.exists():
            raise DataError(f"{path} does not exist, so it cannot be sent to the workers")
        if self.name == "embedded":
            return WorkerPath(str(path.resolve()))
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        digest = hashlib.sha256("|".join(f"{f.name}:{file_sha256(f)}" for f in files).encode()).hexdigest()[:16]
        if digest not in self._shipped:
            # artifact names are global to the session, so each carries the digest of its group
            folder = self._scratch / f"ship-{digest}"
            folder.mkdir(parents=True, exist_ok=True)
            for f in files:
                shutil.copyfile(f, folder / f"{digest}--{f.name}")
                # one at a time: a classic session takes a single path
                self.spark.addArtifacts(str(folder / f"{digest}--{f.name}"), file=True)
            self._shipped[digest] = "shipped"
        return SparkWorkerPath(digest, tuple(f.name for f in files), path.is_dir())

    def stop(self) -> None:
        """Stops the client first and the server second; the other way round, exit hangs."""
        self.spark.stop()
        if self._server is not None:
            self._server.stop()
            self._server = None

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()


@dataclass(frozen=True)
class WorkerPath:
    """A path that means the same in a worker as here."""

    path: str

    def __call__(self) -> str:
        """The path."""
        return self.path


@dataclass(frozen=True)
class SparkWorkerPath:
    """Finds files that `Engine.ship` sent to Spark, from inside a worker."""

    digest: str
    names: tuple[str, ...]
    is_folder: bool

    def __call__(self) -> str:
        """The local path; a folder is put together from links on first use in a worker's directory."""
        from pyspark import SparkFiles

        # an executor says "."; links below need a path that holds from inside their folder too
        root = Path(SparkFiles.getRootDirectory()).resolve()
        if not self.is_folder:
            return str(root / f"{self.digest}--{self.names[0]}")
        folder = root / f"folder-{self.digest}"
        if not folder.exists():
            building = root / f"folder-{self.digest}.{os.getpid()}"
            building.mkdir(exist_ok=True)
            for name in self.names:
                (building / name).symlink_to(root / f"{self.digest}--{name}")
            try:
                building.rename(folder)
            except OSError:  # another worker on this host was first
                shutil.rmtree(building, ignore_errors=True)
        return str(folder)


def _remote_session(url: str) -> SparkSession:
    from pyspark.sql.connect.client.retries import DefaultPolicy
    from pyspark.sql.connect.session import SparkSession as RemoteSession

    # pyspark.sql.functions ask this variable, not the session, which kind of column to build
    os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"
    session = RemoteSession.builder.remote(url).create()
    # few retries, so that Ctrl-C or a lost server does not hang for a minute
    session.client.set_retry_policies([DefaultPolicy(max_retries=2, max_backoff=1000)])
    return session  # type: ignore[return-value]


def _session_conf(params: SessionParams) -> dict[str, str]:
    """Settings that must be equal on every engine for tables to be equal."""
    return {
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "false",  # division by zero is null, as the features define it
        "spark.sql.shuffle.partitions": str(params.shuffle_partitions),
    }
