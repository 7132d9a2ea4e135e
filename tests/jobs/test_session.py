"""Engines: what is equal on all of them, how files reach workers, and errors that say what is missing."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from features.errors import DataError, SettingsError
from jobs.session import Engine, SessionParams


def test_settings_that_make_tables_equal(engine: Engine) -> None:
    """UTC and null for a division by zero, on every engine."""
    assert engine.spark.conf.get("spark.sql.session.timeZone") == "UTC"
    assert engine.spark.sql("select 1 / 0 as x").collect()[0]["x"] is None


def test_shipped_files_are_read_inside_workers(engine: Engine, tmp_path: Path) -> None:
    """The function that `ship` returns gives a path that Python code in the engine can open."""
    (tmp_path / "factors.txt").write_text("42")
    open_path = engine.ship(tmp_path)

    def function(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            text = (Path(open_path()) / "factors.txt").read_text()
            yield pa.RecordBatch.from_pydict({"text": [text] * batch.num_rows})

    rows = engine.spark.range(2).mapInArrow(function, "text string").collect()
    assert [r["text"] for r in rows] == ["42", "42"]
    with pytest.raises(DataError, match="cannot be sent to the workers"):
        engine.ship(tmp_path / "missing")


def test_engines_say_what_they_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connect needs an address, Spark needs Java, and a misspelt engine is refused."""
    with pytest.raises(SettingsError, match=r"engine connect needs session\.remote"):
        Engine("connect", SessionParams(), tmp_path)
    with pytest.raises(SettingsError, match="choose one of embedded, spark, connect"):
        Engine("sparc", SessionParams(), tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(SettingsError, match="engine spark needs Java 17"):
        Engine("spark", SessionParams(), tmp_path)
