"""Fixtures shared by all tests: one embedded engine for the whole session."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobs.session import Engine, SessionParams


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One embedded engine; starting it takes most of a second."""
    scratch: Path = tmp_path_factory.mktemp("engine")
    with Engine("embedded", SessionParams(shuffle_partitions=1), scratch) as started:
        yield started


@pytest.fixture(scope="session")
def spark(engine: Engine) -> SparkSession:
    """The session of the embedded engine."""
    return engine.spark
