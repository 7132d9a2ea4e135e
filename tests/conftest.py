"""Fixtures shared by all tests: one embedded engine for the whole session."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobs.session import Engine, SessionParams


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The whole run on both engines comes first: with two files at a time it would else be waited for at the end."""
    items.sort(key=lambda item: "test_end_to_end" not in item.nodeid)


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


@pytest.fixture(scope="session")
def engine_address(engine: Engine) -> Callable[[], str]:
    """The embedded engine's address, to be reached as a remote Spark Connect server by another process."""

    def address() -> str:
        host, port = engine._server.listening_address
        return f"sc://{host}:{port}"

    return address
