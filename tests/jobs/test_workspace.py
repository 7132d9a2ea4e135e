"""The cut of a run comes from the settings or the data, never from the clock, and must lie within the data."""

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from features.errors import DataError, TrackingError
from jobs.settings import Settings, load_settings
from jobs.tables import Lake
from jobs.workspace import open_lake, resolve_as_of, workspace
from tests.small_sources import small_sources


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake with three order lines: local days 2017-01-02 to 2017-12-03 in New York."""
    lake = open_lake(load_settings(None, {"lake": str(tmp_path)}))
    table = small_sources()["transactions"].slice(0, 3)
    days = ((2017, 1, 2, 12), (2017, 6, 1, 0), (2017, 12, 4, 3))
    stamps = [datetime(*day, tzinfo=UTC) for day in days]
    for name in ("event_ts", "available_ts"):
        table = table.set_column(table.column_names.index(name), name, pa.array(stamps, pa.timestamp("us", "UTC")))
    put(lake, table)
    return lake


def put(lake: Lake, table: pa.Table) -> None:
    """Publishes transactions."""
    staged = lake.stage("transactions", table, f"a{table.num_rows}", None)
    lake.publish(staged, run_id="x", step="test", attempt_id="x")


def settings(lake: Lake, as_of: date | None = None) -> Settings:
    """Settings with a cut."""
    found = load_settings(None, {"lake": str(lake.root), "as_of": as_of})
    return found.model_copy(update={"time_zone": "America/New_York"})


def test_default_is_the_local_day_after_the_last_sale(lake: Lake) -> None:
    """03:00 UTC on the 4th is still the 3rd in New York, so the cut is the 4th."""
    assert resolve_as_of(settings(lake), lake).day == date(2017, 12, 4)


@pytest.mark.parametrize(
    ("day", "message"),
    [
        (date(2017, 1, 2), "is before all data: transactions run from 2017-01-02 to 2017-12-03"),
        (date(2016, 1, 1), "choose a later --as-of"),
        (date(2017, 12, 11), "is after all data: transactions end on 2017-12-03. Choose an --as-of up to 2017-12-10"),
    ],
)
def test_a_cut_outside_the_data_is_refused(lake: Lake, day: date, message: str) -> None:
    """The message gives the range of the data and what to do."""
    with pytest.raises(DataError) as e:
        resolve_as_of(settings(lake, day), lake)
    assert message in str(e.value)


def test_the_last_allowed_day_passes(lake: Lake) -> None:
    """`max_days_after_data` days after the last sale is still within."""
    assert resolve_as_of(settings(lake, date(2017, 12, 10)), lake).day == date(2017, 12, 10)


def test_no_transactions(lake: Lake, tmp_path: Path) -> None:
    """An empty table and a missing one are told apart."""
    put(lake, lake.arrow("transactions").slice(0, 0))
    with pytest.raises(DataError, match="transactions table is empty"):
        resolve_as_of(settings(lake), lake)
    with pytest.raises(DataError, match="has no transactions yet"):
        resolve_as_of(settings(lake), open_lake(load_settings(None, {"lake": str(tmp_path / "other")})))


def test_training_is_refused_before_it_starts_when_mlflow_is_down(lake: Lake) -> None:
    """Nothing is read or fitted first; the message names the store and the setting."""
    from jobs import train_recommender
    from jobs.runs import Job

    down = settings(lake).model_copy(update={"mlflow_uri": "http://user:secret@127.0.0.1:9"})
    with workspace(down, "train-recommender") as w:
        as_of = resolve_as_of(down, w.lake)
        job = Job(train_recommender.STEP, down, as_of, w.engine, w.lake, w.tracking, "a", "r", {}, {})
        with pytest.raises(TrackingError, match="set mlflow_uri") as e:
            train_recommender.run(job)
    assert "secret" not in str(e.value)
